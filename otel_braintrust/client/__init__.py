"""A client of Braintrust's REST API: insert, fetch, query and rate log rows."""

from otel_braintrust.client.attachments import AttachmentError, ReadonlyAttachment
from otel_braintrust.client.client import BraintrustClient, Page
from otel_braintrust.client.errors import (
    ClientError,
    EventTooLargeError,
    LogNotFoundError,
    MissingKeyError,
    PartialInsertError,
    ProjectNotFoundError,
)
from otel_braintrust.client.events import EventError
from otel_braintrust.client.filters import FilterError
from otel_braintrust.client.queries import QueryResult
from otel_braintrust.client.ratings import RatingError, RatingScale

__all__ = [
    "AttachmentError",
    "BraintrustClient",
    "ClientError",
    "EventError",
    "EventTooLargeError",
    "FilterError",
    "LogNotFoundError",
    "MissingKeyError",
    "Page",
    "PartialInsertError",
    "ProjectNotFoundError",
    "QueryResult",
    "RatingError",
    "RatingScale",
    "ReadonlyAttachment",
]

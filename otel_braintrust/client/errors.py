"""What can be wrong with a request before or beside what the API answers."""

from __future__ import annotations


class ClientError(Exception):
    """What the client was asked cannot be done; the message says why and what to do."""


class MissingKeyError(ClientError):
    """No API key was found."""


class ProjectNotFoundError(ClientError):
    """The project is not there, or the key may not see it."""


class LogNotFoundError(ClientError):
    """A log row that feedback is about is not in the project."""


class EventTooLargeError(ClientError):
    """One event alone is larger than the server takes; nothing was sent."""


class PartialInsertError(ClientError):
    """Some batches of an insert arrived before one failed.

    Attributes:
        ids: the ids of the events that arrived, the first of those handed in.
    """

    def __init__(self, message: str, ids: list[str]) -> None:
        super().__init__(message)
        self.ids = ids

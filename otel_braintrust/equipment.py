"""The delivery that the settings ask for, put together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from otel_braintrust.accounts import Ledger
from otel_braintrust.delivery.attaching import AttachmentApi
from otel_braintrust.delivery.attachment_store import AttachmentStore
from otel_braintrust.delivery.change_shelf import ChangeShelf
from otel_braintrust.delivery.courier import Courier
from otel_braintrust.delivery.enclosures import EnclosureBook
from otel_braintrust.delivery.followers import Followers
from otel_braintrust.delivery.http import Connection
from otel_braintrust.delivery.inbox import Seal
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.payloads import PayloadDirectory
from otel_braintrust.delivery.replaying import Replay
from otel_braintrust.delivery.retrying import RowPatience
from otel_braintrust.delivery.sending import Sender
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.shelving import NoShelf, Shelf
from otel_braintrust.delivery.spool import Spool, SpoolError, identity_of
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploads import Uploads
from otel_braintrust.metering import Meters
from otel_braintrust.notices import Notices
from otel_braintrust.settings import Settings
from otel_braintrust.undelivered import Undelivered

if TYPE_CHECKING:
    from otel_braintrust.redaction import Redaction

logger = logging.getLogger("otel_braintrust")


# What connects in a test, where nothing may reach the network; see otel_braintrust.testing.
replacements: list[Callable[[Settings, str], Connection]] = []


def new_connection(settings: Settings, api_key: str) -> Connection:
    """A connection to the hosts that the settings name."""
    if replacements:
        return replacements[-1](settings, api_key)
    return Connection(
        api_key=api_key,
        app_url=settings.app_url,
        api_url=settings.api_url,
        org_name=settings.org_name,
        http_timeout_s=settings.http_timeout_s,
    )


def new_redaction(settings: Settings, troubles: Troubles) -> Redaction | None:
    """What everything passes before it is written down or sent; None when nothing is masked.

    Args:
        settings: The options.
        troubles: Where it is told that something could not be masked.
    """
    if settings.mask is None and settings.sends_content:
        return None  # and its patterns need not be compiled
    from otel_braintrust.redaction import Redaction

    def tell(mask: str, field: str, kind: str) -> None:
        troubles.tell(
            f"mask: {mask} {field} {kind}",
            logging.WARNING,
            "%s could not mask the field %s (%s), which says so instead of what it held",
            mask,
            field,
            kind,
        )

    redaction = Redaction(settings.mask, sends_content=settings.sends_content, on_failure=tell)
    return redaction or None


def new_followers(
    settings: Settings,
    api_key: str,
    rows: Undelivered,
    troubles: Troubles,
    *,
    is_replayed: bool = True,
) -> Followers:
    """A sender of feedback and updates.

    Args:
        settings: The options.
        api_key: The key, which is there.
        rows: Which rows are still to come.
        troubles: Where trouble is told.
        is_replayed: Whether a courier of this process sends what lies in the spool.
    """
    followers = Followers(
        new_connection(settings, api_key),
        rows,
        max_retry_s=settings.max_retry_s,
        max_field_bytes=settings.max_field_bytes,
        troubles=troubles,
        shelf=_open_change_shelf(settings, api_key, troubles),
        is_replayed=is_replayed,
        redact=new_redaction(settings, troubles),
        has_thread=not settings.sync_flush,
    )
    rows.on_change = followers.wake
    return followers


def new_sender(settings: Settings, connection: Connection, ledger: Ledger) -> Sender:
    """A sender of rows that are an extra: they are not written down, and failures not told.

    Args:
        settings: The options.
        connection: Where requests go.
        ledger: Where the rows are counted, apart from spans that ended.
    """
    troubles = Troubles(is_quiet=True)
    limits = Limits(settings.max_request_bytes, settings.max_request_rows)
    return Sender(connection, Settlement(ledger, troubles), limits, troubles)


def new_courier(
    settings: Settings,
    api_key: str,
    *,
    ledger: Ledger,
    seal: Seal,
    troubles: Troubles,
    notices: Notices,
    queue_size: int,
    meters: Meters | None = None,
) -> Courier:
    """A courier with all that the settings ask for: spool, payload directories, limits.

    Args:
        settings: The options.
        api_key: The key, which is there.
        ledger: Where spans are counted.
        seal: Makes parcels of spans.
        troubles: Where trouble is told.
        notices: Where the application is told.
        queue_size: Most spans that wait.
        meters: Where requests are measured, if anywhere.
    """
    connection = new_connection(settings, api_key)
    connection.on_error = notices.note_error
    if meters is not None:
        connection.on_request = meters.note_request
    limits = Limits(settings.max_request_bytes, settings.max_request_rows)
    spool = _open_spool(settings, api_key)
    uploads = new_uploads(settings, api_key, troubles, notices=notices, spool=spool)
    settlement = Settlement(
        ledger,
        troubles,
        spool=spool,
        uploads=uploads,
        sent_payloads=_payload_directory(settings.all_payloads_dir),
        lost_payloads=_payload_directory(settings.failed_payloads_dir),
    )
    sender = Sender(connection, settlement, limits, troubles)
    replay = Replay(spool, sender, settlement, ledger, troubles) if spool is not None else None
    courier = Courier(
        ledger=ledger,
        seal=seal,
        sender=sender,
        settlement=settlement,
        troubles=troubles,
        notices=notices,
        queue_size=queue_size,
        patience=RowPatience(settings.max_retry_s, settings.num_retries),
        abort=connection.abort,
        replay=replay,
        writes_first=settings.spool_mode == "always",
        has_thread=not settings.sync_flush,
        uploads=uploads,
    )
    uploads.begin()
    courier.organization_name = lambda: connection.organization_name
    if replay is not None and replay.has_rows():
        courier.begin_replay()
    return courier


def new_uploads(
    settings: Settings,
    api_key: str,
    troubles: Troubles,
    *,
    notices: Notices | None = None,
    spool: Spool | None = None,
) -> Uploads:
    """What uploads attachments beside the rows.

    Args:
        settings: The options.
        api_key: The key, which is there.
        troubles: Where trouble is told.
        notices: Where the application is told of requests that fail.
        spool: Where attachments wait on disk, if anywhere.
    """

    def new_api() -> AttachmentApi:
        connection = new_connection(settings, api_key)
        if notices is not None:
            connection.on_error = notices.note_error
        return AttachmentApi(connection)

    def new_shelf(book: EnclosureBook) -> NoShelf:
        return Shelf(AttachmentStore(spool), book, troubles) if spool is not None else NoShelf()

    return Uploads(
        new_api,
        patience=RowPatience(settings.max_retry_s, settings.num_retries),
        troubles=troubles,
        max_bytes=settings.attachment_bytes,
        new_shelf=new_shelf,
        has_threads=not settings.sync_flush,
        after_each=notices.deliver if notices is not None else lambda: None,
    )


def _open_change_shelf(settings: Settings, api_key: str, troubles: Troubles) -> ChangeShelf | None:
    spool = _open_spool(settings, api_key)
    if spool is None:
        return None
    return ChangeShelf(
        spool,
        troubles,
        max_field_bytes=settings.max_field_bytes,
        writes_first=settings.spool_mode == "always",
    )


def _open_spool(settings: Settings, api_key: str) -> Spool | None:
    if settings.spool_dir is None:
        return None
    try:
        return Spool(
            settings.spool_dir,
            identity=identity_of(api_key, settings.org_name),
            max_bytes=settings.spool_max_bytes,
            max_age_s=settings.spool_max_age_s,
        )
    except SpoolError as error:
        logger.error(  # noqa: TRY400  (the error says it all)
            "no spool, so what cannot be delivered in time is lost: %s; "
            "OTEL_BRAINTRUST_SPOOL_DIR must name a directory that this process can write to",
            error,
        )
        return None


def _payload_directory(directory: str | None) -> PayloadDirectory | None:
    return PayloadDirectory(directory) if directory else None

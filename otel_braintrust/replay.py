"""What waits in a directory, sent by hand: a spool, and files of Braintrust's SDK or of ours."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from otel_braintrust.accounts import Ledger
from otel_braintrust.delivery.attaching import AttachmentApi
from otel_braintrust.delivery.attachment_store import AttachmentStore
from otel_braintrust.delivery.destinations import GIVEN, ParentError, parse_parent
from otel_braintrust.delivery.encoding import encode
from otel_braintrust.delivery.limits import Limits
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.payloads import PayloadError, PayloadFile, mark_sent, payload_files
from otel_braintrust.delivery.replaying import Replay
from otel_braintrust.delivery.retrying import Backoff
from otel_braintrust.delivery.rounds import Round
from otel_braintrust.delivery.sending import Sender
from otel_braintrust.delivery.settling import Settlement
from otel_braintrust.delivery.spool import FILE_NAME, Spool
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.equipment import new_connection, new_redaction
from otel_braintrust.replayed_attachments import ReplayedAttachments, replay_attachments
from otel_braintrust.settings import Settings

if TYPE_CHECKING:
    from otel_braintrust.redaction import Redaction

# So often in a row a request may fail before what is left waits for another time.
MAX_FAILURES = 4


@dataclass
class ReplayResult:
    """What became of the rows in a directory.

    Attributes:
        sent: Rows that the server took.
        waiting: Rows that are still there.
        dropped: Rows that were lost, by reason.
        files: Files whose rows were all sent; they have a new name now.
        unreadable: What was wrong with each file that could not be read.
        attachments: What became of the attachments.
    """

    sent: int = 0
    waiting: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    files: int = 0
    unreadable: list[str] = field(default_factory=list)
    attachments: ReplayedAttachments = field(default_factory=ReplayedAttachments)

    @property
    def ok(self) -> bool:
        """True when nothing waits, was lost, or could not be read."""
        return self.attachments.ok and not (self.waiting or self.dropped or self.unreadable)


def replay_directory(
    directory: Path, settings: Settings, *, pause: Callable[[float], object] = time.sleep
) -> ReplayResult:
    """Send everything that waits in a directory, the oldest first, whichever key it was made with.

    Rows that a running process is about to send stay with it. A file whose rows have all arrived
    gets ``.sent`` added to its name.

    Args:
        directory: Where ``spool.sqlite3`` or ``payload_*.json`` files are.
        settings: Where rows go, and with which key.
        pause: Waits for some seconds between attempts.

    Raises:
        ValueError: The settings have no key.
        SpoolError: The spool cannot be read.

    Example::

        replay_directory(Path("/var/spool/app"), Settings.resolve()).sent
    """
    if settings.api_key is None:
        raise ValueError("an API key is needed to replay")
    result = ReplayResult()
    ledger, troubles = Ledger(), Troubles()
    connection = new_connection(settings, settings.api_key)
    redact = new_redaction(settings, troubles)
    limits = Limits(settings.max_request_bytes, settings.max_request_rows)
    spool = _open_spool(directory, settings)
    settlement = Settlement(ledger, troubles, spool=spool)
    sender = Sender(connection, settlement, limits, troubles)
    try:
        if spool is not None:
            replay = Replay(spool, sender, settlement, ledger, troubles)
            _replay_spool(replay, troubles, pause)
            result.waiting += spool.count()
            result.attachments = replay_attachments(
                AttachmentStore(spool),
                AttachmentApi(connection),
                troubles,
                max_bytes=settings.attachment_bytes,
                pause=pause,
            )
        for each in payload_files(directory):
            if isinstance(each, PayloadError):
                result.unreadable.append(str(each))
            else:
                _replay_file(_masked(each, redact), sender, ledger, result, troubles, pause)
    finally:
        if spool is not None:
            spool.close()
        connection.close()
    counts = ledger.counts
    result.sent += counts.sent + settlement.replayed
    result.dropped.update(counts.dropped)
    result.dropped.update(+settlement.replay_losses)
    return result


def _open_spool(directory: Path, settings: Settings) -> Spool | None:
    if not (directory / FILE_NAME).exists():
        return None
    return Spool(
        directory,
        identity=None,
        max_bytes=settings.spool_max_bytes,
        max_age_s=settings.spool_max_age_s,
    )


def _replay_spool(replay: Replay, troubles: Troubles, pause: Callable[[float], object]) -> None:
    failures = 0
    while not replay.empties and failures < MAX_FAILURES:
        round_ = replay.step(None)
        failures = 0 if round_.progress else failures + 1
        _tell(troubles, round_)
        if round_.error is not None and failures < MAX_FAILURES:
            pause(max(0.0, replay.next_at - time.monotonic()))
        elif not round_.progress and not replay.empties:
            break  # refused, and told already
    replay.release()


def _replay_file(
    file: PayloadFile,
    sender: Sender,
    ledger: Ledger,
    result: ReplayResult,
    troubles: Troubles,
    pause: Callable[[float], object],
) -> None:
    try:
        waiting = [_parcel(row, parent, ledger) for row, parent in file.rows]
    except ParentError as error:
        result.unreadable.append(f"{file.path}: {error}")
        return
    parcels = list(waiting)
    backoff = Backoff()
    for failures in range(MAX_FAILURES):
        round_ = sender.attempt(waiting, None)
        _tell(troubles, round_)
        waiting = [parcel for parcel in round_.waiting if not parcel.is_settled]
        if round_.error is None or not waiting:
            break
        if failures + 1 < MAX_FAILURES:
            pause(backoff.next_wait_s(round_.error))
    result.waiting += len(waiting)
    if all(parcel.ticket is not None and parcel.ticket.column == "sent" for parcel in parcels):
        mark_sent(file.path)
        result.files += 1


def _masked(file: PayloadFile, redact: Redaction | None) -> PayloadFile:
    """A file with its rows masked: what Braintrust's own SDK wrote never passed our masks."""
    if redact is None:
        return file
    masked = ((redact(row), parent) for row, parent in file.rows)
    return PayloadFile(file.path, [(row, parent) for row, parent in masked if row is not None])


def _parcel(row: dict[str, object], parent: str | None, ledger: Ledger) -> Parcel:
    destination = parse_parent(parent) if parent else GIVEN
    return Parcel(encode(row), destination, ledger.open(None))


def _tell(troubles: Troubles, round_: Round) -> None:
    if round_.error is not None:
        kind = type(round_.error).__name__
        troubles.tell(kind, logging.WARNING, "rows wait, for now: %s", round_.error)

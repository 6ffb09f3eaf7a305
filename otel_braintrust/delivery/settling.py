"""What became of rows, entered wherever it is kept: ledger, spool, payload directories."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from otel_braintrust.accounts import Ledger
from otel_braintrust.delivery.consignments import whole_bundles
from otel_braintrust.delivery.enclosures import Enclosure
from otel_braintrust.delivery.parcels import Parcel
from otel_braintrust.delivery.payloads import PayloadDirectory
from otel_braintrust.delivery.spool import Spool, SpoolError
from otel_braintrust.delivery.troubles import Troubles
from otel_braintrust.delivery.uploads import Uploads

# These refusals are of a key or a place, which may be set right: rows stay on disk.
KEPT_ON_DISK = frozenset({"auth", "not_found"})


class Settlement:
    """Settles rows; one that is settled already stays as it is.

    Args:
        ledger: Where spans are counted.
        troubles: Where trouble is told.
        spool: Where rows wait on disk, if anywhere.
        uploads: Where the attachments of rows are uploaded, if anywhere.
        sent_payloads: Where every body that is sent is written, if anywhere.
        lost_payloads: Where the bodies of rows that are lost are written, if anywhere.
    """

    def __init__(
        self,
        ledger: Ledger,
        troubles: Troubles,
        *,
        spool: Spool | None = None,
        uploads: Uploads | None = None,
        sent_payloads: PayloadDirectory | None = None,
        lost_payloads: PayloadDirectory | None = None,
    ) -> None:
        self.spool = spool
        # Rows of other processes: how many were sent, and what was lost of them by reason.
        self.replayed = 0
        self.replay_losses: Counter[str] = Counter()
        self._uploads = uploads
        self._ledger = ledger
        self._troubles = troubles
        self._sent_payloads = sent_payloads
        self._lost_payloads = lost_payloads

    @property
    def keeps_lost(self) -> bool:
        """Whether rows that cannot be delivered are kept somewhere."""
        return self.spool is not None or self._lost_payloads is not None

    def hurry(self, deadline: float) -> None:
        """Wait for the disk no longer than until a moment on ``time.monotonic()``."""
        if self.spool is not None:
            self.spool.hurry(deadline)

    def keeps_file(self, size_bytes: int) -> bool:
        """Tell whether a file of this size can go beside its row."""
        return self._uploads is not None and self._uploads.accepts(size_bytes)

    def sending(self, parcels: Sequence[Parcel]) -> None:
        """These rows go out now, together."""
        self._write(self._sent_payloads, parcels, "BRAINTRUST_ALL_PUBLISH_PAYLOADS_DIR")

    def sent(self, parcels: Sequence[Parcel]) -> None:
        """The server took these rows."""
        bundles = whole_bundles(parcels)
        if bundles:  # none of them lies on disk, and no file goes with them
            tickets = [ticket for bundle in bundles for ticket in bundle.tickets]
            self._ledger.settle(tickets, "sent")
            return
        fresh = _settle(parcels)
        self._leave_spool(fresh)
        if self._uploads is not None:
            self._uploads.send(self._enclosed(fresh))  # before the row counts as sent, for a flush
            if self.spool is not None and any(parcel.is_replayed for parcel in fresh):
                self._uploads.begin()  # their attachments lie on disk, too
        tickets = [parcel.ticket for parcel in fresh if parcel.ticket is not None]
        self._ledger.settle(tickets, "sent")
        self.replayed += len(fresh) - len(tickets)

    def dropped(self, parcels: Sequence[Parcel], reason: str) -> None:
        """These rows are lost; what was replayed stays on disk if the key or the place is at fault.

        Args:
            parcels: The rows.
            reason: One of :data:`otel_braintrust.accounts.DROP_REASONS`.
        """
        fresh = _settle(parcels)
        if reason in KEPT_ON_DISK:
            kept = [parcel for parcel in fresh if parcel.is_replayed]
            fresh = [parcel for parcel in fresh if not parcel.is_replayed]
            self._release(kept)
        self._write(self._lost_payloads, fresh, "BRAINTRUST_FAILED_PUBLISH_PAYLOADS_DIR")
        self._leave_spool(fresh)
        if self._uploads is not None:
            self._uploads.let_go(_enclosures(fresh))
        self._ledger.settle([p.ticket for p in fresh if p.ticket is not None], "dropped", reason)
        self.replay_losses[reason] += sum(1 for parcel in fresh if parcel.ticket is None)

    def store(self, parcels: Sequence[Parcel]) -> bool:
        """Write rows to disk for this process, which sends them itself; they stay pending.

        Returns:
            False when the disk cannot be written to.
        """
        if self.spool is None:
            return False
        rows = [(str(parcel.destination), parcel.row) for parcel in parcels]
        try:
            numbers = self.spool.add(rows, owned=True)
        except SpoolError as error:
            self._tell(error)
            return False
        for parcel, number in zip(parcels, numbers, strict=True):
            parcel.spool_number = number
        if self._uploads is not None:
            self._uploads.store(self._enclosed([p for p in parcels if p.spool_number is not None]))
        return True

    def spooled(self, parcels: Sequence[Parcel]) -> bool:
        """Leave rows to the spool, for this or a later process to send.

        Returns:
            False when they are still in hand, because the disk cannot be written to.
        """
        if self.spool is None:
            return False
        waiting = [parcel for parcel in parcels if not parcel.is_settled]
        unwritten = [parcel for parcel in waiting if parcel.spool_number is None]
        if unwritten and not self.store(unwritten):
            return False
        full = [parcel for parcel in waiting if parcel.spool_number is None]
        kept = [parcel for parcel in waiting if parcel.spool_number is not None]
        self._release(kept)
        if self._uploads is not None:
            self._uploads.spool(self._enclosed(kept))
        self._ledger.settle([p.ticket for p in kept if p.ticket is not None], "spooled")
        if full:
            message = "%d spans dropped: the spool holds OTEL_BRAINTRUST_SPOOL_MAX_BYTES already"
            self._troubles.tell("spool_full", logging.ERROR, message, len(full), count=len(full))
            self.dropped(full, "spool_full")
        return True

    def _enclosed(self, parcels: Sequence[Parcel]) -> list[Enclosure]:
        """What goes with rows, the whole of those included that go without their largest values."""
        accompanied = [each for each in parcels if each.left_out or each.enclosures]
        for parcel in accompanied:
            if parcel.left_out is not None and self._uploads is not None:
                left_out, parcel.left_out = parcel.left_out, None
                parcel.enclosures = (*parcel.enclosures, *self._uploads.enclose([left_out]))
        return _enclosures(accompanied)

    def _leave_spool(self, parcels: Sequence[Parcel]) -> None:
        if self.spool is None:
            return
        numbers = [each.spool_number for each in parcels if each.spool_number is not None]
        if numbers:
            try:
                self.spool.remove(numbers)
            except SpoolError as error:
                self._tell(error)  # they will be sent once more, as the same rows

    def _release(self, parcels: Sequence[Parcel]) -> None:
        numbers = [each.spool_number for each in parcels if each.spool_number is not None]
        if self.spool is not None and numbers:
            try:
                self.spool.release(numbers)
            except SpoolError as error:
                self._tell(error)

    def _write(
        self, directory: PayloadDirectory | None, parcels: Sequence[Parcel], variable: str
    ) -> None:
        if directory is None or not parcels:
            return
        try:
            directory.write(parcels)
        except OSError as error:
            message = "%s: cannot write to %s (%s)"
            self._troubles.tell(
                variable, logging.ERROR, message, variable, directory.directory, error.strerror
            )

    def _tell(self, error: SpoolError) -> None:
        self._troubles.tell(
            "spool", logging.ERROR, "the spool cannot be used, so spans wait in memory: %s", error
        )


def _enclosures(parcels: Sequence[Parcel]) -> list[Enclosure]:
    return [enclosure for parcel in parcels for enclosure in parcel.enclosures]


def _settle(parcels: Sequence[Parcel]) -> list[Parcel]:
    fresh = [parcel for parcel in parcels if not parcel.is_settled]
    for parcel in fresh:
        parcel.is_settled = True
    return fresh

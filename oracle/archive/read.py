"""What a step took and made, read back as it was on the bus: for whoever checks it afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow.compute as pc

from oracle.archive.catalogue import Piece
from oracle.archive.proving import Proofs
from oracle.archive.reading import Step, log_beside
from oracle.model.errors import Rejected
from oracle.model.messages import AuditEntry, Control, Mark, Receipt, SignedReport
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic

__all__ = ["Archive", "Step", "log_beside"]


class Archive(Proofs):
    """Reads an archive. Its calls block: use a thread, one at a time.

    Every method raises Retryable when the store does not answer, and SchemaError for a manifest or
    a part that is damaged.
    """

    def ticks_between(
        self, shard: int, start_offset: int, end_offset: int, *, log: str | None = None
    ) -> list[TickBatch]:
        """Return a shard's batches from `start_offset` to before `end_offset`, as on the bus.

        `log` is that of the ticks; by default the one that was archived last.

        Raises:
            Rejected: the archive does not have all that the log had there.
        """
        if start_offset >= end_offset:
            return []
        pieces = self.catalogue.at_offsets(Topic.TICKS, shard, start_offset, end_offset)
        if log is None and pieces:
            log = max(pieces, key=lambda piece: piece.part.written_ns).part.log
        pieces = [piece for piece in pieces if piece.part.log == log]
        _require_whole(pieces, shard, start_offset, end_offset)
        inside = (pc.field("offset") >= start_offset) & (pc.field("offset") < end_offset)
        read = self._read(Topic.TICKS, TickBatch, pieces, inside)
        return [batch for _, _, batch in read]

    def ticks_of(self, step: Step) -> list[TickBatch]:
        """Return the batches that a step took: `inputs_digest` is of them.

        Raises:
            Rejected: the archive does not have all of them.
        """
        start = step.manifest.tick_starts.get(step.shard, 0)
        end = step.manifest.tick_offsets.get(step.shard, start)
        log = log_beside(step.log, Topic.STEPS, Topic.TICKS)
        return self.ticks_between(step.shard, start, end, log=log)

    def marks_made(self, step: Step, markets: Callable[[str], bool] = bool) -> list[Mark]:
        """Return the marks of a step's time, by number; `markets` tells those of its shard."""
        time_ns = step.manifest.time_ns
        pieces = self.catalogue.pieces(Topic.MARKS, from_ns=time_ns, to_ns=time_ns + 1)
        log = log_beside(step.log, Topic.STEPS, Topic.MARKS)
        ours = [piece for piece in pieces if piece.part.log == log]
        read = self._read(Topic.MARKS, Mark, ours, pc.field("time_ns") == time_ns)
        return sorted((m for _, _, m in read if markets(m.market)), key=lambda mark: mark.number)

    def marks_of(self, market: str, from_ns: int, to_ns: int) -> list[Mark]:
        """Return a market's marks of times from `from_ns` to before `to_ns`, by time."""
        only = pc.field("market") == market
        return self._between(Topic.MARKS, Mark, "time_ns", from_ns, to_ns, only)

    def reports_between(self, from_ns: int, to_ns: int) -> list[SignedReport]:
        """Return the reports of times from `from_ns` to before `to_ns`, by time."""
        return self._between(Topic.REPORTS, SignedReport, "time_ns", from_ns, to_ns)

    def receipts_between(self, from_ns: int, to_ns: int) -> list[Receipt]:
        """Return the receipts that came from `from_ns` to before `to_ns`, by that time."""
        return self._between(Topic.RECEIPTS, Receipt, "received_ns", from_ns, to_ns)

    def receipts_of(self, transaction: str) -> list[Receipt]:
        """Return what was said of a transaction, the newest last. Reads all receipts."""
        pieces = self.catalogue.pieces(Topic.RECEIPTS)
        read = self._read(Topic.RECEIPTS, Receipt, pieces, pc.field("transaction") == transaction)
        return sorted((r for _, _, r in read), key=lambda receipt: receipt.received_ns)

    def controls_between(self, from_ns: int, to_ns: int) -> list[Control]:
        """Return the orders issued from `from_ns` to before `to_ns`, by that time."""
        return self._between(Topic.CONTROLS, Control, "issued_ns", from_ns, to_ns)

    def audit_between(self, from_ns: int, to_ns: int) -> list[AuditEntry]:
        """Return the audit of times from `from_ns` to before `to_ns`, by time."""
        return self._between(Topic.AUDIT, AuditEntry, "time_ns", from_ns, to_ns)


def _require_whole(pieces: list[Piece], shard: int, start: int, end: int) -> None:
    have = start
    for piece in pieces:
        if piece.begin_offset > have:
            break
        have = max(have, piece.part.end_offset)
    if have < end:
        raise Rejected(
            f"the archive lacks ticks of shard {shard} at offset {have}; {start} to {end} were "
            "asked for: not archived yet, or dropped by the log before they were"
        )

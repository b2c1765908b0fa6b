"""The audit topic: one hash chain a writer, so that nobody changes or removes what was done.

A chain shows a changed, re-ordered or removed entry; it cannot show that its newest entries were
cut off. Of two entries at one place the first in the log stands and the other is void: whoever
wrote it finds that out, since a writer reads on to its own entry, and writes it again. So two
processes under one name, or a write that arrives after it was given up, fork nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from oracle.bus.interface import Bus
from oracle.model.errors import Retryable
from oracle.model.messages import AuditEntry, encode
from oracle.model.topics import Topic

GENESIS: Final = bytes(32)
"""`previous` of a writer's first entry."""
ATTEMPTS: Final = 10
_LOOK_S: Final = 0.5


class ChainBreak(NamedTuple):
    """The first entry of a chain that does not follow from the one before."""

    writer: str
    sequence: int
    reason: str


class AuditWriter:
    """Appends to one writer's chain, going on where the topic ends; that is given up after
    `scan_s`.
    """

    def __init__(self, bus: Bus, writer: str, *, scan_s: float = 60.0) -> None:
        self.writer: Final = writer
        self._bus: Final = bus
        self._scan_s: Final = scan_s
        self._turn: Final = asyncio.Lock()
        self._chain: Final = ChainCheck()
        self._next = 0
        self._resumed = False

    async def resume(self) -> None:
        """Find the chain's end now, so that the first `append` need not.

        Raises:
            Retryable: the topic could not be read to its end in `scan_s`.
        """
        async with self._turn:
            if not self._resumed:
                await self._read_on()

    async def append(
        self,
        *,
        time_ns: int,
        action: str,
        subject: str,
        who: str,
        reason: str,
        until_ns: int | None = None,
    ) -> AuditEntry:
        """Write one entry, durable and in the chain when this returns.

        Raises:
            Retryable: the bus could not be read or written in time, or others under our name
                were faster again and again.
        """
        async with self._turn:
            if not self._resumed:
                await self._read_on()
            for _ in range(ATTEMPTS):
                last = self._chain.head(self.writer)
                entry = AuditEntry(
                    self.writer,
                    0 if last is None else last.sequence + 1,
                    GENESIS if last is None else entry_hash(last),
                    time_ns,
                    action,
                    subject,
                    who,
                    reason,
                    until_ns,
                )
                self._resumed = False  # a failed write may have landed: then it is read first
                await self._bus.publish(Topic.AUDIT, [(self.writer, entry)])
                if await self._read_on(entry):
                    return entry
        raise Retryable(
            f"the audit chain {self.writer!r} was written by others {ATTEMPTS} times while we "
            "wrote: try again"
        )

    async def _read_on(self, ours: AuditEntry | None = None) -> bool:
        """Read to the topic's end; return whether an entry has come to stand in the chain."""
        stands, start = False, {(Topic.AUDIT, 0): self._next}
        try:
            async with (
                asyncio.timeout(self._scan_s),
                self._bus.subscribe(Topic.AUDIT, start=start) as reader,
            ):
                while not await reader.caught_up():
                    for record in await reader.take(timeout_s=_LOOK_S):
                        self._next, entry = record.offset + 1, record.message
                        if isinstance(entry, AuditEntry) and entry.writer == self.writer:
                            self._chain.take(entry)
                            stands |= entry == ours and self._chain.head(self.writer) is entry
        except TimeoutError as error:
            raise Retryable(
                f"the audit topic was not read to its end in {self._scan_s:g} s; a chain is only "
                "continued from its last entry: try again when the bus is faster"
            ) from error
        self._resumed = True
        return stands


def entry_hash(entry: AuditEntry) -> bytes:
    """Return what the writer's next entry carries as `previous`.

    Over the encoded fields without the version byte, so that a new schema breaks no chain.
    """
    return hashlib.sha256(encode(entry)[1:]).digest()


class ChainCheck:
    """Follows the chains of all writers, entry by entry in log order from the first."""

    def __init__(self) -> None:
        self._heads: Final[dict[str, AuditEntry]] = {}
        self._taken: Final[set[tuple[str, int, bytes]]] = set()  # writer, place, the one before
        self.void: Final[Counter[str]] = Counter()
        """Of each writer, entries at a place where another stood already."""

    def head(self, writer: str) -> AuditEntry | None:
        """Return the newest entry that stands."""
        return self._heads.get(writer)

    def take(self, entry: AuditEntry) -> ChainBreak | None:
        """Return how an entry does not follow from the one before; the next goes on from it."""
        place = (entry.writer, entry.sequence, entry.previous)
        if place in self._taken:
            self.void[entry.writer] += 1
            return None
        self._taken.add(place)
        before = self._heads.get(entry.writer)
        self._heads[entry.writer] = entry
        sequence = 0 if before is None else before.sequence + 1
        if entry.sequence != sequence:
            missing = entry.sequence > sequence
            return ChainBreak(
                entry.writer,
                entry.sequence,
                f"entry {sequence} was expected: "
                + ("one is missing" if missing else "the chain forks"),
            )
        if entry.previous != (GENESIS if before is None else entry_hash(before)):
            return ChainBreak(
                entry.writer,
                entry.sequence,
                "the entry before it is not the one it was written on: one of the two was changed",
            )
        return None


def verify_chain(entries: Iterable[AuditEntry]) -> ChainBreak | None:
    """Return the first break in entries of any writers, given in log order from the first."""
    check = ChainCheck()
    return next((found for entry in entries if (found := check.take(entry)) is not None), None)

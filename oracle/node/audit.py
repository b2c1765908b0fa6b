"""The audit topic: one hash chain a writer, so that nobody changes or removes what was done.

A chain shows a changed, inserted, re-ordered or removed entry; it cannot show that its newest
entries were cut off. One live process owns a writer's name: two that share it fork the chain,
which `verify_chain` reports.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

from oracle.bus.interface import Bus, Start
from oracle.model.errors import Retryable
from oracle.model.messages import AuditEntry, encode
from oracle.model.topics import Topic

GENESIS: Final = bytes(32)
"""`previous` of a writer's first entry."""


class ChainBreak(NamedTuple):
    """The first entry of a chain that does not follow from the one before."""

    writer: str
    sequence: int
    reason: str


class AuditWriter:
    """Appends to one writer's chain, going on after a restart where the topic ends.

    The end of the topic is found by reading all of it: it is taken as reached when nothing comes
    for `quiet_s`, and given up after `scan_s`.
    """

    def __init__(
        self, bus: Bus, writer: str, *, quiet_s: float = 1.0, scan_s: float = 60.0
    ) -> None:
        self.writer: Final = writer
        self._bus: Final = bus
        self._quiet_s: Final = quiet_s
        self._scan_s: Final = scan_s
        self._turn: Final = asyncio.Lock()
        self._last: AuditEntry | None = None
        self._resumed = False

    async def resume(self) -> None:
        """Find the chain's end now, so that the first `append` need not.

        Raises:
            Retryable: the topic could not be read to its end in `scan_s`.
        """
        async with self._turn:
            await self._resume()

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
        """Write one entry, durable when this returns.

        Raises:
            Retryable: the bus could not be read or written in time.
        """
        async with self._turn:
            await self._resume()
            entry = AuditEntry(
                self.writer,
                0 if self._last is None else self._last.sequence + 1,
                GENESIS if self._last is None else entry_hash(self._last),
                time_ns,
                action,
                subject,
                who,
                reason,
                until_ns,
            )
            self._resumed = False  # a failed write may have landed: then the topic is read again
            await self._bus.publish(Topic.AUDIT, [(self.writer, entry)])
            self._last, self._resumed = entry, True
            return entry

    async def _resume(self) -> None:
        if self._resumed:
            return
        try:
            async with asyncio.timeout(self._scan_s):
                self._last = await self._scan()
        except TimeoutError as error:
            raise Retryable(
                f"the audit topic was not read to its end in {self._scan_s:g} s; a chain is only "
                "continued from its last entry: try again when the bus is faster"
            ) from error
        self._resumed = True

    async def _scan(self) -> AuditEntry | None:
        last: AuditEntry | None = None
        async with self._bus.subscribe(Topic.AUDIT, start=Start.EARLIEST) as reader:
            while records := await reader.take(timeout_s=self._quiet_s):
                for record in records:
                    entry = record.message
                    if isinstance(entry, AuditEntry) and entry.writer == self.writer:
                        last = entry
        return last


def entry_hash(entry: AuditEntry) -> bytes:
    """Return what the writer's next entry carries as `previous`.

    Over the encoded fields without the version byte, so that a new schema breaks no chain.
    """
    return hashlib.sha256(encode(entry)[1:]).digest()


class ChainCheck:
    """Follows the chains of all writers, entry by entry in log order from the first."""

    def __init__(self) -> None:
        self._last: Final[dict[str, AuditEntry]] = {}

    def take(self, entry: AuditEntry) -> ChainBreak | None:
        """Return how an entry does not follow from the one before; the next goes on from it."""
        before = self._last.get(entry.writer)
        self._last[entry.writer] = entry
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
                entry.writer, entry.sequence, "the entry before it is not the one it was written on"
            )
        return None


def verify_chain(entries: Iterable[AuditEntry]) -> ChainBreak | None:
    """Return the first break in entries of any writers, given in log order from the first."""
    check = ChainCheck()
    return next((found for entry in entries if (found := check.take(entry)) is not None), None)

"""Put the marks of each engine step together again, however they interleave on the bus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from oracle.bus.interface import Record
from oracle.model.messages import Mark, StepManifest

KEPT_STEPS: Final = 256
"""Steps that wait for the rest of their marks; the oldest are given up beyond that."""

_Key = tuple[int, int]  # sequence and time: two engines may give one number, never at one ns


@dataclass(slots=True)
class Step:
    """One step: its manifest, once it is here, and its marks by market."""

    manifest: StepManifest | None = None
    marks: dict[str, Mark] = field(default_factory=dict)


class Steps:
    """Gathers steps until each has its manifest and a mark of every market."""

    def __init__(self, markets: Iterable[str]) -> None:
        self._markets: Final = frozenset(markets)
        self._waiting: Final[dict[_Key, Step]] = {}

    def take(self, records: Iterable[Record]) -> tuple[StepManifest, list[Mark]] | None:
        """Return the newest step that these records complete, if any."""
        newest: tuple[StepManifest, list[Mark]] | None = None
        for record in records:
            step = self._add(record.message)
            if (
                step is not None
                and step.manifest is not None
                and step.marks.keys() == self._markets
                and (newest is None or step.manifest.time_ns > newest[0].time_ns)
            ):
                newest = step.manifest, list(step.marks.values())
        if newest is not None:
            self._forget_until(newest[0].time_ns)
        for key in list(self._waiting)[:-KEPT_STEPS]:
            del self._waiting[key]
        return newest

    def _add(self, message: object) -> Step | None:
        if isinstance(message, StepManifest):
            step = self._step(message.sequence, message.time_ns)
            step.manifest = message
        elif isinstance(message, Mark) and message.market in self._markets:
            step = self._step(message.sequence, message.time_ns)
            step.marks[message.market] = message
        else:
            return None
        return step

    def _step(self, sequence: int, time_ns: int) -> Step:
        return self._waiting.setdefault((sequence, time_ns), Step())

    def _forget_until(self, time_ns: int) -> None:
        for key in [key for key in self._waiting if key[1] <= time_ns]:
            del self._waiting[key]

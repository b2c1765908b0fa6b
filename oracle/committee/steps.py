"""Put the marks of engine steps together again, and the steps of all shards into one view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import structlog
from eth_hash.auto import keccak

from oracle.bus.interface import Record
from oracle.model.messages import Mark, StepManifest, committed, encode
from oracle.model.validity import BreakerState, Validity
from oracle.report.word import shard_of

KEPT_STEPS: Final = 256
"""Steps that wait for the rest of their marks; the oldest are given up beyond that."""
LAG_NS: Final = 10**9
"""A shard that is so far behind the others is left out: they do not wait for one that died."""

_Key = tuple[str, int, int]  # shard, sequence and time: two engines may give one number
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Step:
    """One step: its manifest, once it is here, and its marks by market."""

    manifest: StepManifest | None = None
    marks: dict[str, Mark] = field(default_factory=dict)


class View(NamedTuple):
    """What all engines say: the newest step of each, dated as the oldest of them."""

    time_ns: int
    manifests: tuple[StepManifest, ...]
    """By shard; one that is left out has none."""
    marks: tuple[Mark, ...]
    """One a market, by number; those of a shard that is left out are MISSING."""

    def inputs_root(self) -> bytes:
        """Return what commits to all that the engines took."""
        return keccak(b"".join(committed(encode(manifest)) for manifest in self.manifests))


class Steps:
    """Gathers steps until each has its manifest and a mark of every market of its shard."""

    def __init__(self, markets: Mapping[str, int], shards: int = 1, late_ns: int = LAG_NS) -> None:
        """Take each market's number, and how many shards divide them.

        A shard that stays more than `late_ns` behind the others is left out too once that has
        lasted: its steps would come too late for what the view is wanted for.
        """
        self._late_ns: Final = late_ns
        self._late_from_ns: Final[dict[str, int]] = {}
        self._markets: Final = dict(sorted(markets.items(), key=lambda item: item[1]))
        parts: dict[str, set[str]] = {}
        for name, number in markets.items():
            parts.setdefault(str(shard_of(number, shards)), set()).add(name)
        self._parts: Final = {shard: frozenset(names) for shard, names in sorted(parts.items())}
        self._shard_of: Final = {name: s for s, names in self._parts.items() for name in names}
        self._waiting: Final[dict[_Key, Step]] = {}
        self._newest: Final[dict[str, tuple[StepManifest, list[Mark]]]] = {}
        self._began_ns = 0
        self._time_ns = 0
        self._absent: frozenset[str] = frozenset()

    def take(self, records: Iterable[Record]) -> View | None:
        """Return the newest view that these records complete, if any: each later than the last."""
        grown = False
        for record in records:
            key = self._add(record.message)
            grown |= key is not None and self._complete(key)
        for old in list(self._waiting)[:-KEPT_STEPS]:
            del self._waiting[old]
        return self._view() if grown else None

    def _add(self, message: object) -> _Key | None:
        """Put a message to its step; None for what is no market's or shard's of ours."""
        if isinstance(message, StepManifest) and message.group in self._parts:
            key = (message.group, message.sequence, message.time_ns)
            self._waiting.setdefault(key, Step()).manifest = message
        elif isinstance(message, Mark) and message.market in self._markets:
            key = (self._shard_of[message.market], message.sequence, message.time_ns)
            self._waiting.setdefault(key, Step()).marks[message.market] = message
        else:
            return None
        return key

    def _complete(self, key: _Key) -> bool:
        """Take a step that has all its marks; whether it is its shard's newest."""
        step, shard = self._waiting[key], key[0]
        if step.manifest is None or step.marks.keys() != self._parts[shard]:
            return False
        known = self._newest.get(shard)
        if known is not None and known[0].time_ns >= step.manifest.time_ns:
            return False
        self._newest[shard] = step.manifest, list(step.marks.values())
        for old in [k for k in self._waiting if k[0] == shard and k[2] <= key[2]]:
            del self._waiting[old]
        return True

    def _view(self) -> View | None:
        front_ns = max(manifest.time_ns for manifest, _ in self._newest.values())
        self._began_ns = self._began_ns or front_ns
        absent = self._left_out(front_ns)
        if self._parts.keys() - absent - self._newest.keys():
            return None  # one has not been heard yet: it has a moment
        present = [self._newest[shard] for shard in self._parts if shard not in absent]
        time_ns = min(manifest.time_ns for manifest, _ in present)
        if time_ns <= self._time_ns:
            return None
        self._note(absent)
        self._time_ns = time_ns
        marks = [mark for _, part in present for mark in part]
        marks += [
            missing_mark(name, self._markets[name], time_ns)
            for shard in absent
            for name in self._parts[shard]
        ]
        return View(
            time_ns,
            tuple(manifest for manifest, _ in present),
            tuple(sorted(marks, key=lambda mark: mark.number)),
        )

    def _left_out(self, front_ns: int) -> frozenset[str]:
        """Return the shards that have been late for so long that the others go on."""
        for shard in self._parts:
            heard_ns = self._heard_ns(shard)
            if front_ns - heard_ns > self._late_ns:
                self._late_from_ns.setdefault(shard, heard_ns)
            else:
                self._late_from_ns.pop(shard, None)
        return frozenset(
            shard for shard, from_ns in self._late_from_ns.items() if front_ns - from_ns > LAG_NS
        )

    def _heard_ns(self, shard: str) -> int:
        return self._newest[shard][0].time_ns if shard in self._newest else self._began_ns

    def _note(self, absent: frozenset[str]) -> None:
        for shard in sorted(absent - self._absent):
            _log.error("shard_silent", shard=shard, markets=sorted(self._parts[shard]))
        for shard in sorted(self._absent - absent):
            _log.info("shard_heard_again", shard=shard)
        self._absent = absent


def missing_mark(market: str, number: int, time_ns: int) -> Mark:
    """Return what a view says of a market whose shard is left out."""
    return Mark(
        market=market,
        number=number,
        sequence=0,
        time_ns=time_ns,
        validity=Validity.MISSING,
        reason="its engine is silent",
        state=BreakerState.NORMAL,
        index=None,
        mark=None,
        twap=None,
        conf_e8=None,
        premium_e8=None,
        newest_event_ns=0,
        newest_received_ns=0,
        sources=(),
    )

"""Which shard has which market, and which shards need a source. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from oracle.bus.shards import PART_BYTES
from oracle.config.markets import MarketConfig
from oracle.config.root import conversion_edge
from oracle.engine.spec import EngineSpec
from oracle.model.messages import SpecPart
from oracle.model.ticks import Tick
from oracle.node.compile import engine_spec
from oracle.node.proof import spec_bytes, spec_digest
from oracle.report.word import shard_of


class Shard(NamedTuple):
    """What one engine computes, and of that what it publishes."""

    number: int
    spec: EngineSpec
    """Its own markets, and those that they convert through."""
    markets: frozenset[str]
    """Its own."""

    def spec_parts(self, now_ns: int) -> list[SpecPart]:
        """Return what it computes as messages, so that others can compute it again."""
        packed, digest = zlib.compress(spec_bytes(self.spec)), spec_digest(self.spec)
        cut = [packed[at : at + PART_BYTES] for at in range(0, len(packed), PART_BYTES)]
        return [
            SpecPart(self.number, digest, at, len(cut), now_ns, data) for at, data in enumerate(cut)
        ]


def shard(markets: Mapping[str, MarketConfig], number: int, shards: int) -> Shard:
    """Return one shard of checked markets.

    Conversion markets of other shards are computed here too, and not published: no shard waits
    for another.
    """
    own = {name for name, market in markets.items() if shard_of(market.number, shards) == number}
    needed = _closed(markets, own)
    part = {name: market for name, market in markets.items() if name in needed}
    return Shard(number, engine_spec(part), frozenset(own))


class Router:
    """Divides ticks among the shards that use their source."""

    def __init__(self, markets: Mapping[str, MarketConfig], shards: int) -> None:
        users: dict[str, set[int]] = {}
        for number in range(shards):
            own = {n for n, market in markets.items() if shard_of(market.number, shards) == number}
            for name in _closed(markets, own):
                for entry in (*markets[name].sources, *markets[name].perps):
                    users.setdefault(entry.source, set()).add(number)
        self._users: Final = {source: tuple(sorted(numbers)) for source, numbers in users.items()}
        self._shards: Final = shards

    def divide(self, ticks: Sequence[Tick]) -> dict[int, list[Tick]]:
        """Return each shard's ticks, in the order given; a source that no market uses has none."""
        if self._shards == 1:
            return {0: list(ticks)} if ticks else {}
        divided: dict[int, list[Tick]] = {}
        for tick in ticks:
            for number in self._users.get(tick.source, ()):
                divided.setdefault(number, []).append(tick)
        return divided


def _closed(markets: Mapping[str, MarketConfig], own: set[str]) -> set[str]:
    """Return markets with all that they convert through."""
    reached, ahead = set(own), list(own)
    while ahead:
        name = ahead.pop()
        for entry in (*markets[name].sources, *markets[name].perps):
            edge = conversion_edge(entry.quote, name)
            if edge is not None and edge not in reached:
                reached.add(edge)
                ahead.append(edge)
    return reached

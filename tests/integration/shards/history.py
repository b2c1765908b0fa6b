"""What must be true of a deployment's steps and marks, whatever happened to its processes."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

from oracle.bus.kafka import KafkaBus
from oracle.config.markets import MarketConfig
from oracle.engine.engine import Engine
from oracle.model.messages import Mark, StepManifest, encode
from oracle.node.proof import NO_HISTORY, history_after, inputs_digest, marks_digest, spec_digest
from oracle.node.sharding import shard as shard_part


def check(steps: Sequence[StepManifest], marks: Sequence[Mark], markets: int) -> None:
    """Hold that every shard has one history, and every market one mark a step of its shard."""
    by_shard: dict[str, list[StepManifest]] = defaultdict(list)
    for step in steps:
        by_shard[step.group].append(step)
    for shard, told in by_shard.items():
        number = int(shard)
        assert [step.sequence for step in told] == list(range(1, len(told) + 1)), shard
        for before, after in itertools.pairwise(told):
            assert before.time_ns < after.time_ns
            assert before.tick_offsets[number] == after.tick_starts[number]
    by_market: dict[str, list[Mark]] = defaultdict(list)
    for mark in marks:
        by_market[mark.market].append(mark)
    assert len(by_market) == markets
    for market, told_marks in by_market.items():
        for one, next_one in itertools.pairwise(told_marks):
            assert one.sequence < next_one.sequence, market
            assert one.time_ns < next_one.time_ns, market


async def replay(
    bus: KafkaBus, markets: dict[str, MarketConfig], shards: int, marks: Sequence[Mark]
) -> int:
    """Make every shard's marks again from its manifests; return how many were the same bytes."""
    said = {(mark.market, mark.sequence): encode(mark) for mark in marks}
    same = 0
    for number in range(shards):
        part = shard_part(markets, number, shards)
        engine, history, digest = Engine(part.spec), NO_HISTORY, spec_digest(part.spec)
        async with bus.shard_log(number) as log:
            async for taken in log.since(0):
                manifest = taken.manifest
                assert taken.whole
                made = engine.step(taken.ticks, manifest.orders, manifest.time_ns)
                published = [mark for mark in made.messages() if mark.market in part.markets]
                encoded = [encode(mark) for mark in published]
                history = history_after(
                    history,
                    manifest.time_ns,
                    digest,
                    inputs_digest(taken.ticks),
                    manifest.orders,
                    marks_digest(encoded),
                    manifest.snapshot_digest,
                )
                assert history == manifest.history, (number, manifest.sequence)
                for mark, wire in zip(published, encoded, strict=True):
                    assert said[mark.market, mark.sequence] == wire
                    same += 1
    assert same == len(marks)
    return same


def longest_gap_s(marks: Sequence[Mark]) -> float:
    """Return the longest time that a market was without a mark, by the marks' own times."""
    newest: dict[str, int] = {}
    longest = 0
    for mark in marks:
        longest = max(longest, mark.time_ns - newest.get(mark.market, mark.time_ns))
        newest[mark.market] = mark.time_ns
    return longest / 1e9

"""Whatever becomes of a shard's owners, its log is one history, and any engine makes it again."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from oracle.bus.shards import ShardLost
from oracle.engine.engine import Engine
from oracle.model.errors import Retryable
from oracle.model.messages import Control, encode
from oracle.model.ticks import TickBatch
from oracle.node.owner import Owner, take_over
from oracle.node.proof import (
    NO_HISTORY,
    history_after,
    inputs_digest,
    marks_digest,
    snapshot_digest,
    spec_digest,
)
from oracle.node.sharding import Shard
from tests.engine_builders import T0, S, batch, market, source, spec, trade
from tests.unit.node.remembering import Cluster, RememberingLog

PART = Shard(
    0,
    spec(
        [market("USDT-USD", [source("c:U"), source("d:U")], number=1)],
        [market("X-USD", [source("a:X"), source("b:X", edge="USDT-USD")])],
    ),
    frozenset(["X-USD"]),
)
SOURCES = ("a:X", "b:X", "c:U", "d:U")

STEP = st.tuples(st.just("step"), st.integers(0, 1), st.integers(1, 12))
BOTH = st.tuples(st.just("ticks and step"), st.integers(0, 3), st.integers(90, 110))
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("ticks"), st.integers(0, 3), st.integers(90, 110)),
        STEP,
        STEP,
        BOTH,
        BOTH,
        BOTH,
        st.tuples(st.just("take over"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("lose answer"), st.just(0), st.just(0)),
        st.tuples(st.just("refuse"), st.just(0), st.just(0)),
        st.tuples(st.just("pause"), st.integers(0, 1), st.just(0)),
    ),
    min_size=20,
    max_size=60,
)


async def played(actions: list[tuple[str, int, int]]) -> Cluster:
    """Let two owners act on one shard, with the faults wished for.

    Who is to step and was lost takes over first; one that was shut out has to hear of it by a step.
    """
    cluster, now_ns = Cluster(), T0
    owners: dict[int, tuple[Owner, RememberingLog] | None] = {0: None, 1: None}
    orders: list[Control] = []
    for at, (action, which, figure) in enumerate(actions):
        if action.startswith("ticks"):
            tick = trade(SOURCES[which], str(figure), at_s=(now_ns - T0) / S, sequence=at + 1)
            cluster.ticks += batch(tick)
        elif action == "take over":
            log = RememberingLog(cluster)
            owners[which] = await take_over(log, PART, now_ns, 15 * S), log
        elif action == "lose answer":
            cluster.lose_answer = True
        elif action == "refuse":
            cluster.refuse = True
        elif action == "pause":
            until_ns = now_ns + 20 * S
            orders.append(Control("market", "X-USD", which == 0, "ann", "drill", now_ns, until_ns))
        if not action.endswith("step"):
            continue
        turn = which % 2
        if (owned := owners[turn]) is None:
            log = RememberingLog(cluster)
            owned = owners[turn] = await take_over(log, PART, now_ns, 15 * S), log
        owner, log = owned
        now_ns += figure % 12 * S
        start = log.position
        records = await log.take(limit=100, timeout_s=0)
        ticks = [r.message for r in records if isinstance(r.message, TickBatch)]
        time_ns = max(now_ns, owner.engine.time_ns + 1)
        try:
            await owner.step(ticks, start, owner.engine.unknown(orders), {}, time_ns)
        except (ShardLost, Retryable):
            owners[turn] = None
    return cluster


@settings(deadline=None, max_examples=60)
@given(ACTIONS)
def test_steps_are_one_history_that_anybody_can_make_again(
    actions: list[tuple[str, int, int]],
) -> None:
    """Numbers without a gap, times that rise, every tick once, and the same bytes from a replay."""
    cluster = asyncio.run(played(actions))
    engine, history, taken = Engine(PART.spec), NO_HISTORY, None
    digest = spec_digest(PART.spec)
    for number, made in enumerate(cluster.steps, 1):
        manifest = made.manifest
        assert manifest.sequence == number
        assert manifest.time_ns > engine.time_ns
        assert taken is None or manifest.tick_starts == taken
        taken = manifest.tick_offsets
        ticks = cluster.ticks[manifest.tick_starts[0] : manifest.tick_offsets[0]]
        again = engine.step(ticks, manifest.orders, manifest.time_ns)
        marks = [encode(mark) for mark in again.messages() if mark.market == "X-USD"]
        assert marks == list(made.encoded)
        history = history_after(
            history,
            manifest.time_ns,
            digest,
            inputs_digest(ticks),
            manifest.orders,
            marks_digest(marks),
            manifest.snapshot_digest,
        )
        assert manifest.history == history
        assert manifest.snapshot_digest in (b"", snapshot_digest(engine.snapshot()))


@settings(deadline=None, max_examples=30)
@given(ACTIONS)
def test_a_new_owner_has_the_engine_of_the_one_before(
    actions: list[tuple[str, int, int]],
) -> None:
    """From a snapshot and the steps after it, or from all steps: bit for bit the same state."""
    cluster = asyncio.run(played(actions))
    with capture_logs() as logs:
        warm = asyncio.run(take_over(RememberingLog(cluster), PART, T0))
        cluster.snapshots.clear()
        cold = asyncio.run(take_over(RememberingLog(cluster), PART, T0))
    assert {entry["event"] for entry in logs} <= {"engine_restored", "steps_replayed"}
    assert warm.engine.snapshot() == cold.engine.snapshot()
    assert warm.engine.sequence == len(cluster.steps)

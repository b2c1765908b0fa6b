"""From a shard's log to an engine that goes on where the last owner stopped, bit for bit."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import structlog

from oracle.bus.shards import ShardLog, Snapshot, Taken
from oracle.engine.engine import Engine
from oracle.engine.spec import EngineSpec
from oracle.model.errors import SchemaError
from oracle.model.messages import StepManifest, encode
from oracle.node.proof import NO_HISTORY, marks_digest, snapshot_digest, spec_digest

_log = structlog.get_logger(__name__)


class Recovered(NamedTuple):
    """An engine, and the history that its next step continues."""

    engine: Engine
    history: bytes


async def recover(
    log: ShardLog, spec: EngineSpec, markets: frozenset[str], now_ns: int
) -> Recovered:
    """Take a shard over: the newest snapshot, then every step after it once more.

    Most of the past is read while the owner before still steps; what it committed until it was
    fenced comes after. `markets` are those that are published.

    Raises:
        Retryable: the log could not be read.
        ShardLost: yet another process has taken over meanwhile.
    """
    found = await _found(log, now_ns)
    if found is None:
        at = await _replayed(log, spec, markets, Recovered(Engine(spec), NO_HISTORY))
    else:
        at = await _gone_on(log, spec, markets, found)
    await log.own()
    return await _replayed(log, spec, markets, at)


async def _found(log: ShardLog, now_ns: int) -> Snapshot | None:
    """Return the newest snapshot, unless it is damaged or says a time that has not come."""
    try:
        found = await log.snapshot()
    except SchemaError as error:
        _tell_unusable(log, str(error))
        return None
    if found is None or log.remembers or found.time_ns <= now_ns:
        return found
    _tell_unusable(log, f"it is {(found.time_ns - now_ns) / 1e9:.0f} s ahead of the clock")
    return None


async def _gone_on(
    log: ShardLog, spec: EngineSpec, markets: frozenset[str], found: Snapshot
) -> Recovered:
    """Go on from a snapshot, or without its state where it is not what its step committed to."""
    try:
        engine = Engine(spec, found.state)
        _log.info("engine_restored", shard=log.shard, sequence=found.sequence)
        return await _replayed(log, spec, markets, Recovered(engine, found.history), found)
    except SchemaError as error:
        _tell_unusable(log, str(error))
    engine = Engine(spec)
    if not log.remembers:
        return Recovered(engine, NO_HISTORY)
    engine.go_on_after(found.sequence, found.time_ns)
    return await _replayed(log, spec, markets, Recovered(engine, found.history))


def _tell_unusable(log: ShardLog, why: str) -> None:
    _log.error(
        "engine_snapshot_unusable",
        shard=log.shard,
        why=why,
        kept_as=log.reject(),
        advice="averages, breakers and latches start anew: look at the first marks",
    )


async def _replayed(
    log: ShardLog,
    spec: EngineSpec,
    markets: frozenset[str],
    at: Recovered,
    snapshot: Snapshot | None = None,
) -> Recovered:
    """Take the committed steps that the engine has not taken; `snapshot` is what it was made of.

    Raises:
        SchemaError: the snapshot's step is there, and committed to another.
    """
    engine, history = at
    ours, steps, differing = spec_digest(spec), 0, 0
    async for taken in log.since(engine.sequence - (snapshot is not None)):
        if snapshot is not None and taken.manifest.sequence == snapshot.sequence:
            _check_committed(snapshot, taken.manifest)
            continue
        differing += not _step_again(engine, taken, markets, ours)
        history, steps = taken.manifest.history, steps + 1
        await asyncio.sleep(0)
    if steps:
        _log.info("steps_replayed", shard=log.shard, steps=steps, differing=differing)
    return Recovered(engine, history)


def _check_committed(snapshot: Snapshot, manifest: StepManifest) -> None:
    said = manifest.snapshot_digest
    if not said:
        return  # a release before wrote it
    if said != snapshot_digest(snapshot.state) or manifest.history != snapshot.history:
        raise SchemaError(
            f"the state after step {snapshot.sequence} is not the one that the step committed to"
        )


def _step_again(engine: Engine, taken: Taken, markets: frozenset[str], spec: bytes) -> bool:
    """Take one step again; return whether it gave the same marks, where it must."""
    manifest = taken.manifest
    if not taken.whole or manifest.sequence != engine.sequence + 1:
        _log.error(
            "step_not_replayable",
            shard=manifest.group,
            sequence=manifest.sequence,
            after=engine.sequence,
            advice="the log has forgotten ticks that it took: averages have a gap there",
        )
        engine.go_on_after(manifest.sequence, manifest.time_ns)
        return False
    made = engine.step(taken.ticks, manifest.orders, manifest.time_ns)
    if manifest.spec_digest != spec:
        return True  # of another configuration: its marks were others
    encoded = [encode(mark) for mark in made.messages() if mark.market in markets]
    same = marks_digest(encoded) == manifest.marks_digest
    if not same:
        _log.error("step_differs", shard=manifest.group, sequence=manifest.sequence)
    return same

"""From the archive alone a step is proven: its ticks and marks have the digests it committed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from oracle.archive.archiver import Archiver, Roll
from oracle.archive.metrics import ArchiveMetrics
from oracle.archive.read import Archive
from oracle.archive.store import Store
from oracle.bus.interface import Bus, Start
from oracle.bus.kafka import KafkaBus
from oracle.bus.memory import MemoryBus
from oracle.committee.rounds.observing import seen
from oracle.committee.steps import View
from oracle.engine.engine import Engine
from oracle.model.fixed import Px
from oracle.model.messages import encode
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.node.metrics import NodeMetrics
from oracle.node.proof import (
    NO_HISTORY,
    history_after,
    inputs_digest,
    marks_digest,
    snapshot_digest,
)
from oracle.node.sharding import Shard
from oracle.node.stepper import Cadence, Stepper
from oracle.verify.case import Case
from oracle.verify.evidence import Source, claim_of
from oracle.verify.findings import Finding, Outcome
from oracle.verify.run import no_progress
from tests.engine_builders import market, source, spec
from tests.unit.api.samples import until
from tests.unit.verify.rounds import PARTY, TERMS

MS = 10**6
DEADLINE_S = 240.0
PART = Shard(0, spec([market("X-USD", [source("a:X"), source("b:X")])]), frozenset(["X-USD"]))


@contextlib.asynccontextmanager
async def _stepping(bus: Bus, store: Store, metrics: NodeMetrics):
    """Step and archive while the context lasts; end the engine first."""
    archiver = Archiver(bus, store, ArchiveMetrics(CollectorRegistry()), Roll(rows=50, age_s=0.2))
    stepper = Stepper(bus, PART, Cadence(20 * MS, MS), metrics)
    async with asyncio.TaskGroup() as tasks:
        archiving = tasks.create_task(archiver.run())
        stepping = tasks.create_task(stepper.run())
        yield
        stepping.cancel()
        await asyncio.wait([stepping])
        archiving.cancel()


async def _feed(bus: Bus, seed: int, batches: int, registry: CollectorRegistry) -> None:
    """Publish a batch of ticks for each of so many steps."""
    rng = random.Random(seed)
    for number in range(batches):
        now_ns = time.time_ns()
        ticks = [
            Tick(
                rng.choice(["a:X", "b:X"]),
                10 * number + row,
                now_ns - rng.randrange(10**6),
                now_ns,
                bid=Px(99_990 + rng.randrange(9), -3),
                ask=Px(1_000_100 + rng.randrange(90), -4) if rng.random() < 0.8 else None,
                last_size=Px(5, 0) if rng.random() < 0.2 else None,
            )
            for row in range(rng.randrange(1, 6))
        ]
        await bus.publish(Topic.TICKS, [("0", pack(ticks))])
        before = _steps(registry)
        await until(lambda: _steps(registry) > before, DEADLINE_S)  # noqa: B023 - runs here


def _steps(registry: CollectorRegistry) -> float:
    return registry.get_sample_value("plumbline_steps_total") or 0.0


def _check(archive: Archive) -> int:
    """Prove every archived step but the newest; return how many took ticks.

    The engine may have been ended within its last step, which a bus in memory then has in part.
    """
    steps, history, taken = archive.steps_between(0, 0, 2**62)[:-1], NO_HISTORY, 0
    for at, step in enumerate(steps):
        manifest = step.manifest
        assert manifest.sequence == at + 1
        batches = archive.ticks_of(step)
        assert inputs_digest(batches) == manifest.inputs_digest
        marks = archive.marks_made(step)
        assert marks_digest(encode(mark) for mark in marks) == manifest.marks_digest
        history = history_after(
            history,
            manifest.time_ns,
            manifest.spec_digest,
            manifest.inputs_digest,
            manifest.orders,
            manifest.marks_digest,
            manifest.snapshot_digest,
        )
        assert history == manifest.history
        taken += bool(batches)
    return taken


async def test_every_step_is_proven(tmp_path: Path) -> None:
    """Inputs, marks and the chain of all steps."""
    await _prove(MemoryBus(), tmp_path)


@pytest.mark.kafka
async def test_every_step_is_proven_on_kafka(bus: KafkaBus, tmp_path: Path) -> None:
    """The same where transactions leave gaps between offsets."""
    await _prove(bus, tmp_path)


async def _prove(bus: Bus, folder: Path) -> None:
    store = Store(str(folder))
    registry = CollectorRegistry()
    async with _stepping(bus, store, NodeMetrics(registry)):
        # A fresh engine begins at the end of the log: its first step shows that it has.
        await until(lambda: list(folder.rglob("kind=steps/**/*.json")), DEADLINE_S)
        await _feed(bus, 3, 40, registry)
        end = await _last_tick(bus) + 1
        async with asyncio.timeout(DEADLINE_S):
            while _archived(Archive(store)) < end:  # noqa: ASYNC110 - files have no event
                await asyncio.sleep(0.2)
    archive = Archive(store)
    assert _check(archive) > 10
    _check_replay(archive)
    findings = _verified(archive)
    assert [f for f in findings if f.outcome is not Outcome.PROVEN] == []
    assert {f.number for f in findings} == {5, 6}


def _verified(archive: Archive) -> list[Finding]:
    """Let `plumb verify` prove the newest whole step, as its member would have observed it."""
    step = archive.steps_between(0, 0, 2**62)[-2]
    view = View(step.manifest.time_ns, (step.manifest,), tuple(archive.marks_made(step)))
    said = seen(view)
    claim = claim_of(PARTY.observation(0)._replace(**said._asdict()))
    terms = TERMS._replace(shards=(PART,), numbers={m.name: m.number for m in PART.spec.markets})
    return list(Case(Source("archive", archive), claim, terms, no_progress).findings())


def _check_replay(archive: Archive) -> None:
    """Make the marks after an archived state again, with the archived specification."""
    steps = archive.steps_between(0, 0, 2**62)
    found = archive.snapshot_before(0, steps[-1].manifest.time_ns)
    assert found is not None
    assert archive.step_of(0, found).manifest.snapshot_digest == snapshot_digest(found.state)
    engine = Engine(archive.spec_of(steps[-1].manifest.spec_digest), found.state)
    after = [step for step in steps if step.manifest.sequence > found.sequence]
    assert after
    for step in after:
        manifest = step.manifest
        made = engine.step(archive.ticks_of(step), manifest.orders, manifest.time_ns)
        assert marks_digest(encode(mark) for mark in made.messages()) == manifest.marks_digest


async def _last_tick(bus: Bus) -> int:
    """Return the offset of the last batch of ticks."""
    offsets = []
    async with bus.subscribe(Topic.TICKS, start=Start.EARLIEST) as reader:
        while not await reader.caught_up():
            offsets += [r.offset for r in await reader.take() if r.partition == 0]
    return offsets[-1]


def _archived(archive: Archive) -> int:
    """Return up to which offset the archived steps have taken ticks."""
    steps = archive.steps_between(0, 0, 2**62)
    return steps[-1].manifest.tick_offsets[0] if steps else 0

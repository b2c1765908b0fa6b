"""The stepping loop over a bus in memory, with a clock that the test sets."""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from oracle.bus.interface import Record, Start
from oracle.bus.memory import MemoryBus, MemorySubscription
from oracle.model.errors import Retryable
from oracle.model.messages import Control, Mark, SpecPart, StepManifest, encode
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.model.validity import Validity
from oracle.node.metrics import NodeMetrics
from oracle.node.proof import spec_bytes
from oracle.node.sharding import Shard
from oracle.node.stepper import Cadence, Stepper
from tests.engine_builders import T0, S, market, source, spec, trade

DEADLINE_S = 10.0
MS = 10**6
PART = Shard(0, spec([market("X-USD", [source("a:X"), source("b:X")])]), frozenset(["X-USD"]))


class Clock:
    """Shows what the test sets; `tick_ns` passes with every look."""

    def __init__(self, now_ns: int = T0 + S, tick_ns: int = 0) -> None:
        self.ns, self._tick_ns = now_ns, tick_ns

    def __call__(self) -> int:
        """Return the time."""
        self.ns += self._tick_ns
        return self.ns


class Watch:
    """What a running stepper has put on the bus."""

    def __init__(self, bus: MemoryBus, registry: CollectorRegistry) -> None:
        self.bus, self._registry = bus, registry
        self.steps: list[StepManifest] = []
        self.marks: list[Mark] = []

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + DEADLINE_S
        while not holds():
            assert time.monotonic() < deadline, f"{len(self.steps)} steps and it does not hold"
            await asyncio.sleep(0.001)

    async def more(self, count: int = 2) -> None:
        """Wait for `count` more steps."""
        wanted = len(self.steps) + count
        await self.until(lambda: len(self.steps) >= wanted)

    def value(self, name: str) -> float:
        """Return a metric."""
        return self._registry.get_sample_value(name) or 0.0

    async def read(self, reader: MemorySubscription) -> None:
        """Follow steps and marks."""
        while True:
            for record in await reader.take():
                if isinstance(record.message, StepManifest):
                    self.steps.append(record.message)
                elif isinstance(record.message, Mark):
                    self.marks.append(record.message)


@contextlib.asynccontextmanager
async def running(
    bus: MemoryBus,
    clock: Callable[[], int],
    *,
    step_ms: int = 2,
    coalesce_ms: int = 1,
    boundary_ms: int = 0,
) -> AsyncIterator[Watch]:
    """Run a stepper over one market of two sources."""
    registry = CollectorRegistry()
    cadence = Cadence(step_ms * MS, coalesce_ms * MS, boundary_ms * MS)
    stepper = Stepper(bus, PART, cadence, NodeMetrics(registry), clock)
    watch = Watch(bus, registry)
    async with bus.subscribe(Topic.STEPS, Topic.MARKS) as reader:
        tasks = [asyncio.create_task(stepper.run()), asyncio.create_task(watch.read(reader))]
        try:
            yield watch
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def send(bus: MemoryBus, *ticks: Tick) -> None:
    """Publish ticks as one batch."""
    await bus.publish(Topic.TICKS, [("0", pack(ticks))])


def pause(kind: str = "market", subject: str = "X-USD", *, paused: bool = True) -> Control:
    """Make a pause of ten minutes, or its end."""
    until_ns = T0 + 600 * S if paused else T0
    return Control(kind, subject, paused, "ann", "drill", T0, until_ns)


async def order(bus: MemoryBus, *controls: Control) -> None:
    """Publish controls."""
    await bus.publish(Topic.CONTROLS, [(control.key, control) for control in controls])


async def test_it_steps_without_ticks() -> None:
    """Silence must be noticed too: a step is due whether or not a tick came."""
    async with MemoryBus() as bus, running(bus, Clock(tick_ns=MS)) as watch:
        await watch.more(3)
        assert [step.sequence for step in watch.steps[:3]] == [1, 2, 3]
        assert {step.ticks for step in watch.steps} == {0}
        assert {mark.validity for mark in watch.marks} == {Validity.MISSING}


async def test_it_steps_as_soon_as_a_boundary_has_passed() -> None:
    """Members that observe at the same times need a step there, however seldom one is due."""
    now_ns = [T0 - T0 % S + 300 * MS]
    async with (
        MemoryBus() as bus,
        running(bus, lambda: now_ns[0], step_ms=3_600_000, boundary_ms=250) as watch,
    ):
        await watch.more(1)
        for passed_ms in (501, 760, 1999):
            now_ns[0] = T0 - T0 % S + passed_ms * MS
            await watch.more(1)
    stepped_ms = sorted({(step.time_ns - T0 + T0 % S) // MS for step in watch.steps})
    assert stepped_ms == [300, 501, 760, 1999]


async def test_ticks_that_come_together_share_a_step() -> None:
    """A tick waits a little for its company; none of them waits for the cadence."""
    async with (
        MemoryBus() as bus,
        running(bus, Clock(), step_ms=3_600_000, coalesce_ms=50) as watch,
    ):
        await asyncio.sleep(0)
        await watch.until(lambda: bool(bus.readers[Topic.TICKS]))
        await send(bus, trade("a:X", "100"))
        await send(bus, trade("b:X", "100.1"))
        await watch.until(lambda: bool(watch.marks))
        assert [step.ticks for step in watch.steps] == [2]
        assert str(watch.marks[0].mark) == "100.00000"


async def test_it_says_when_its_engine_stands() -> None:
    """Whoever runs it may then do what would hold up a step."""
    steps_before: list[float] = []
    registry = CollectorRegistry()

    def ready() -> None:
        steps_before.append(registry.get_sample_value("plumbline_steps_total") or 0.0)

    async with MemoryBus() as bus:
        stepper = Stepper(
            bus, PART, Cadence(2 * MS, MS), NodeMetrics(registry), Clock(tick_ns=MS), ready
        )
        running = asyncio.create_task(stepper.run())
        await Watch(bus, registry).until(
            lambda: bool(registry.get_sample_value("plumbline_steps_total"))
        )
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert steps_before == [0]


async def test_metrics_say_how_long_a_tick_took_to_become_marks() -> None:
    """The time that consumers see: from the receipt of a step's first tick to its commit."""
    clock = Clock(T0 + 250 * MS)
    async with MemoryBus() as bus, running(bus, clock) as watch:
        await watch.more(1)
        await send(bus, trade("a:X", "100"))
        await watch.until(lambda: watch.value("plumbline_tick_to_mark_seconds_count") == 1)
        assert watch.value("plumbline_tick_to_mark_seconds_sum") == pytest.approx(0.25)


async def test_a_manifest_says_what_was_taken() -> None:
    """Offsets after the last tick batch and order taken, by partition: what a replay needs."""
    async with MemoryBus() as bus:
        await order(bus, pause("source", "a:X"))
        async with running(bus, Clock(tick_ns=MS)) as watch:
            await watch.until(lambda: bool(watch.steps))
            assert watch.steps[0].tick_offsets == {0: 0}
            assert watch.steps[0].control_offsets == {0: 1}
            await send(bus, trade("a:X", "100"), trade("b:X", "100.1"))
            await send(bus, trade("z:X", "1"))
            await order(bus, pause("source", "b:X"))
            await watch.until(
                lambda: (
                    watch.steps[-1].tick_offsets == {0: 2}
                    and watch.steps[-1].control_offsets == {0: 2}
                )
            )
            assert sum(step.ticks for step in watch.steps) == 3
            assert sum(step.rejected.get("unknown_source", 0) for step in watch.steps) == 1


async def test_what_it_computes_is_said_before_a_step_names_it() -> None:
    """Who proves a step fetches the specification by the digest in its manifest."""
    async with (
        MemoryBus() as bus,
        bus.subscribe(Topic.SPECS, start=Start.EARLIEST) as specs,
        running(bus, Clock(tick_ns=MS)) as watch,
    ):
        await watch.more(1)
        said = [record.message for record in await specs.take(timeout_s=0)]
    parts = [part for part in said if isinstance(part, SpecPart)]
    assert {part.digest for part in parts} == {watch.steps[0].spec_digest}
    whole = zlib.decompress(b"".join(part.data for part in parts))
    assert whole == spec_bytes(PART.spec)


async def test_a_backlog_of_many_records_is_taken_in_steps() -> None:
    """More records than one step takes are all taken, in order, none twice."""
    async with MemoryBus(retained=30_000) as bus, running(bus, Clock(tick_ns=MS)) as watch:
        await watch.more(1)
        batch = pack([trade("a:X", "100")])
        await bus.publish(Topic.TICKS, [("0", batch)] * 25_000)
        await watch.until(lambda: watch.steps[-1].tick_offsets == {0: 25_000})
        assert sum(step.ticks for step in watch.steps) == 25_000
        assert watch.value("plumbline_ticks_total") == 25_000


async def test_an_order_takes_effect_without_any_tick() -> None:
    """A pause of a quiet market needs no tick to carry it, and its end neither."""
    async with MemoryBus() as bus, running(bus, Clock(tick_ns=MS)) as watch:
        await watch.more()
        await order(bus, pause())
        await watch.until(lambda: watch.marks[-1].validity is Validity.HALTED)
        assert watch.marks[-1].reason == "paused by ann: drill"
        await order(bus, pause(paused=False))
        await watch.until(lambda: watch.marks[-1].validity is not Validity.HALTED)


async def test_more_orders_than_a_message_holds_take_effect_in_several_steps() -> None:
    """A shard whose first step cannot be committed for its size would never step again."""
    orders = [
        Control("source", f"a:{at}", True, "ann", "drill " * 80, T0, T0 + 600 * S)
        for at in range(1500)
    ]
    async with MemoryBus() as bus:
        await order(bus, *orders, pause())
        async with running(bus, Clock(tick_ns=MS)) as watch:
            await watch.until(lambda: watch.marks and watch.marks[-1].validity is Validity.HALTED)
            await watch.more()
    taken = [each for step in watch.steps for each in step.orders]
    assert taken == [*orders, pause()]
    assert max(len(encode(step)) for step in watch.steps) < 2**20 / 2


async def test_an_order_that_fits_into_no_manifest_is_left_out() -> None:
    """Nothing of ours writes such a one; who does must not stop every shard for good."""
    long = msgspec.structs.replace(pause("source", "a:X"), reason="x" * 900_000)
    async with MemoryBus() as bus:
        await order(bus, long, pause())
        with capture_logs() as logs:
            async with running(bus, Clock(tick_ns=MS)) as watch:
                await watch.until(lambda: bool(watch.marks))
    assert watch.steps[0].orders == (pause(),)
    assert ("order_too_long", "source|a:X") in [(e["event"], e.get("key")) for e in logs]


async def test_step_time_rises_while_the_clock_goes_back() -> None:
    """A wall clock set back an hour stops no step, turns no time back, and is shown."""
    clock = Clock(tick_ns=MS)
    async with MemoryBus() as bus, running(bus, clock) as watch:
        await watch.more()
        clock.ns -= 3600 * S
        await watch.more(5)
        times = [step.time_ns for step in watch.steps]
        assert times == sorted(set(times))
        assert watch.value("plumbline_step_time_ahead_seconds") == pytest.approx(3600, abs=1)


async def test_a_replays_clock_at_zero_waits() -> None:
    """Before the first recorded tick there is no time, and so no step."""
    clock = Clock(0)
    async with MemoryBus() as bus, running(bus, clock, step_ms=1) as watch:
        await watch.until(lambda: bool(bus.readers[Topic.TICKS]))
        await asyncio.sleep(0.02)
        assert watch.steps == []
        clock.ns = T0
        await watch.until(lambda: bool(watch.steps))
        assert watch.steps[0].time_ns == T0


class OtherControls(MemoryBus):
    """A bus with another reader of `controls`."""

    def __init__(self, kind: type[MemorySubscription]) -> None:
        super().__init__()
        self._kind = kind

    def subscribe(
        self, *topics: Topic, group: str | None = None, start: Start = Start.TAIL
    ) -> MemorySubscription:
        """Return the other reader for controls."""
        kind = self._kind if Topic.CONTROLS in topics else MemorySubscription
        return kind(self, [log for topic in topics for log in self.logs[topic]], None, start)


class Held(MemorySubscription):
    """Brings nothing before the test lets it, as from a broker that is far away."""

    free = asyncio.Event()

    async def take(self, *, limit: int = 1000, timeout_s: float = 1.0) -> Sequence[Record]:
        """Wait to be let."""
        await self.free.wait()
        return await super().take(limit=limit, timeout_s=timeout_s)


class Cut(MemorySubscription):
    """Fails to take."""

    async def take(self, *, limit: int = 1000, timeout_s: float = 1.0) -> Sequence[Record]:
        """Raise as a lost broker would."""
        raise Retryable("controls are lost")


async def test_no_step_is_made_before_the_orders_in_the_log_are_known() -> None:
    """After a restart no mark is published without the pauses in force, however slow the bus."""
    Held.free.clear()
    async with OtherControls(Held) as bus:
        await order(bus, pause())
        async with running(bus, Clock(tick_ns=MS), step_ms=1) as watch:
            await watch.until(lambda: bool(bus.readers[Topic.TICKS]))
            await send(bus, trade("a:X", "100"), trade("b:X", "100"))
            await asyncio.sleep(0.02)
            assert watch.steps == []
            Held.free.set()
            await watch.until(lambda: any(step.ticks for step in watch.steps))
            await watch.more()
        assert {mark.validity for mark in watch.marks} == {Validity.HALTED}


async def test_a_stepper_that_cannot_hear_orders_ends() -> None:
    """Deaf to pauses it must not go on: it ends as Retryable, and is started again."""
    async with OtherControls(Cut) as bus:
        stepper = Stepper(
            bus, PART, Cadence(MS, 0), NodeMetrics(CollectorRegistry()), Clock(tick_ns=MS)
        )
        with pytest.raises(Retryable, match="controls are lost"):
            async with asyncio.timeout(DEADLINE_S):
                await stepper.run()

"""The loop that turns ticks into marks: collect for a few ms, step the engine, publish."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from oracle.bus.interface import Bus, Record, Start, Subscription
from oracle.bus.shards import ShardLog
from oracle.engine.engine import Engine
from oracle.model.messages import Control, Mark, encode
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic
from oracle.node.metrics import NodeMetrics
from oracle.node.owner import Owner, Stepped, take_over
from oracle.node.sharding import Shard

BATCHES: Final = 2_000
"""Of ticks, in one step: a backlog is worked off in several."""
ORDER_BYTES: Final = 8 * 1024
"""Of one order: those that `oracle.node.controls` lets through have half of it at most."""
ORDERS_BYTES: Final = 256 * 1024
"""Of orders, in one step: its manifest, which has them, must fit into a message."""
CLOCK_BACK_NS: Final = 10**9
"""A clock so far behind step time is reported."""
_CLOCK_ADVICE: Final = (
    "step time stands still until the clock is there again and fresh ticks look old: set the clock "
    "right; if it was ahead before, restart the oracle"
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Cadence:
    """When the engine steps: at least every `step_ns`, and `coalesce_ns` after a tick.

    What came during a step waits no longer than until `coalesce_ns` after that step took its own.
    """

    step_ns: int
    coalesce_ns: int
    boundary_ns: int = 0
    """Also as soon as the clock passes a multiple of this: members observe at the same times."""


class Stepper:
    """One shard's engine on the bus."""

    def __init__(
        self,
        bus: Bus,
        shard: Shard,
        cadence: Cadence,
        metrics: NodeMetrics,
        now_ns: Callable[[], int] = time.time_ns,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        """Call `ready` once the engine stands, before its first step."""
        self._bus, self._shard, self._cadence = bus, shard, cadence
        self._metrics, self._now_ns, self._ready = metrics, now_ns, ready
        self._controls: list[Control] = []
        self._control_offsets: dict[int, int] = {}
        self._known: dict[str, tuple[int, int]] = {}
        self._last_ns = self._tick_start = 0
        self._collected_s = -math.inf
        self._clock_behind = False

    async def run(self) -> None:
        """Take the shard over and step until cancelled. No order in the log stays unheard.

        Raises:
            ShardLost: another process has taken the shard over.
            Retryable: the bus was lost, be it for controls only: deaf to a pause nothing steps.
        """
        log = self._bus.shard_log(self._shard.number)
        controls = self._bus.subscribe(Topic.CONTROLS, start=Start.EARLIEST)
        async with log, controls:
            while not await controls.caught_up():
                await self._take_controls(controls)
            await self._tell_spec()
            owner = await take_over(log, self._shard, self._now_ns())
            self._last_ns = owner.engine.time_ns
            self._ready()
            reader = asyncio.create_task(self._read_controls(controls))
            try:
                while not reader.done():
                    records = await self._collect(log)
                    if self._now_ns():  # a replay's clock stands at 0 until its first tick
                        await self._step(owner, records)
                await reader
            finally:
                reader.cancel()
                await asyncio.shield(owner.keep())

    async def _tell_spec(self) -> None:
        """Say what the engine computes, before a step names its digest."""
        parts = self._shard.spec_parts(self._now_ns())
        await self._bus.publish(Topic.SPECS, [(part.key, part) for part in parts])

    async def _read_controls(self, controls: Subscription) -> None:
        while True:
            await self._take_controls(controls)

    async def _take_controls(self, controls: Subscription) -> None:
        for record in await controls.take():
            self._control_offsets[record.partition] = record.offset + 1
            if not isinstance(record.message, Control):
                continue
            size = len(encode(record.message))
            if size > ORDER_BYTES:
                _log.error("order_too_long", key=record.message.key[:200], bytes=size)
                continue
            self._controls.append(record.message)

    async def _collect(self, ticks: ShardLog) -> Sequence[Record]:
        """Wait for ticks until a step is due; once one is there, a little for its company."""
        self._tick_start = ticks.position
        clock, since_s = asyncio.get_running_loop().time, self._collected_s
        records = list(await ticks.take(limit=BATCHES, timeout_s=0))
        if not records:
            records += await ticks.take(limit=BATCHES, timeout_s=self._due_ns() / 1e9)
            since_s = clock()
        if records:
            await asyncio.sleep(since_s + self._cadence.coalesce_ns / 1e9 - clock())
            records += await ticks.take(limit=BATCHES, timeout_s=0)
        self._collected_s = clock()
        return records

    def _due_ns(self) -> int:
        """Return how long from now a step is due."""
        now_ns, step_ns = self._now_ns(), self._cadence.step_ns
        waited_ns = now_ns - self._last_ns if self._last_ns else 0
        due_ns = min(max(step_ns - waited_ns, 0), step_ns)  # also while the clock is behind
        boundary_ns = self._cadence.boundary_ns
        if not boundary_ns:
            return due_ns
        if self._last_ns // boundary_ns < now_ns // boundary_ns:
            return 0
        return min(due_ns, boundary_ns - now_ns % boundary_ns)

    async def _step(self, owner: Owner, records: Sequence[Record]) -> None:
        batches = [r.message for r in records if isinstance(r.message, TickBatch)]
        orders = self._due_orders(owner.engine)
        self._last_ns = self._step_time_ns()
        with self._metrics.step_seconds.time():
            stepped = await owner.step(
                batches, self._tick_start, orders, self._control_offsets, self._last_ns
            )
        if batches and len(batches[0]):
            received_ns = int.from_bytes(batches[0].received_ns[:8], "little", signed=True)
            self._metrics.tick_to_mark_seconds.observe((self._now_ns() - received_ns) / 1e9)
        self._note(stepped)

    def _due_orders(self, engine: Engine) -> list[Control]:
        """Return the next step's orders; what is too much for one step waits for the one after."""
        unknown, size, count = engine.unknown(self._controls), 0, 0
        for order in unknown:
            size += len(encode(order))
            if size > ORDERS_BYTES:
                break
            count += 1
        self._controls = unknown[count:]
        return unknown[:count]

    def _step_time_ns(self) -> int:
        """Return a time after the last step's: a wall clock may stand still or go back."""
        now_ns = self._now_ns()
        step_ns = max(now_ns, self._last_ns + 1)
        self._metrics.step_time_ahead.set((step_ns - now_ns) / 1e9)
        behind = step_ns - now_ns > CLOCK_BACK_NS
        if behind and not self._clock_behind:
            _log.error("clock_went_back", behind_s=(step_ns - now_ns) / 1e9, advice=_CLOCK_ADVICE)
        self._clock_behind = behind
        return step_ns

    def _note(self, stepped: Stepped) -> None:
        for mark in stepped.marks:
            self._note_change(mark)
        for event in stepped.manifest.events:
            _log.warning(
                "market_moved",
                market=event.market,
                kind=event.kind,
                before=event.before,
                after=event.after,
                cause=event.cause,
            )
        self._metrics.observe(stepped.manifest, stepped.marks, stepped.refused)

    def _note_change(self, mark: Mark) -> None:
        """Log a market's change of validity or breaker state, with the figures that caused it."""
        standing = (int(mark.validity), int(mark.state))
        if self._known.get(mark.market) != standing:
            self._known[mark.market] = standing
            _log.info(
                "market_changed",
                market=mark.market,
                validity=mark.validity.name,
                state=mark.state.name,
                why=mark.reason,
                index=str(mark.index),
            )

"""The relayer: one reader of reports, and a lane for each chain while the chain is ours.

Several relayers share the chains: `roster` says which are ours. A lane is one task that owns its
chain: it begins when the chain is given to us, and is drained when it is passed on. A bus in
memory has one relayer, which has them all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import structlog

from oracle.bus.interface import Bus
from oracle.report.committee import Committee
from relayer.base import Clock
from relayer.lane import Destination, Lane
from relayer.metrics import RelayerMetrics
from relayer.roster import Roster, Terms
from relayer.tail import Tail

DRAIN_S: Final = 5.0
"""What is in flight to a chain that was passed on is waited for no longer: it may land after, where
the other relayer finds it."""
_DRAIN_POLL_S: Final = 0.05

_log = structlog.get_logger(__name__)


class Relayer:
    """Pushes the committee's newest report to every destination of ours that needs it.

    `names` are the markets' names by number, for metrics. The caller closes the chains.
    """

    def __init__(
        self,
        bus: Bus,
        committee: Committee,
        destinations: Sequence[Destination],
        *,
        names: Mapping[int, str],
        metrics: RelayerMetrics,
        clock: Clock = time.time_ns,
        terms: Terms | None = None,
        drain_s: float = DRAIN_S,
    ) -> None:
        self._drain_s: Final = drain_s
        chains = tuple(to.chain.name for to in destinations)
        self.tail = Tail(bus, committee, metrics)
        self.roster = Roster(
            bus,
            "0x" + committee.salt.hex(),
            chains,
            terms or Terms(),
            metrics,
            lambda chain: self.lanes[chain].ailing_s,
        )
        self.lanes = {
            to.chain.name: Lane(
                to,
                self.tail,
                bus,
                committee.salt,
                names,
                metrics,
                clock,
                partial(self.roster.may_push, to.chain.name),
            )
            for to in destinations
        }

    async def run(self) -> None:
        """Relay until cancelled.

        Raises:
            Fatal: a chain or the configuration needs a person; all lanes are stopped.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.tail.run())
                tasks.create_task(self.roster.run())
                for lane in self.lanes.values():
                    tasks.create_task(self._keep(lane))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _keep(self, lane: Lane) -> None:
        """Run a lane whenever its chain is ours."""
        while True:
            await self.roster.until(lane.name, ours=True)
            running = asyncio.create_task(lane.run())
            lost = asyncio.create_task(self.roster.until(lane.name, ours=False))
            try:
                await asyncio.wait([running, lost], return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
                await _drained(lane, self._drain_s)
            finally:
                for task in (running, lost):
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task


async def _drained(lane: Lane, drain_s: float) -> None:
    """Wait for what a lane has in flight, to a bound."""
    try:
        async with asyncio.timeout(drain_s):
            while lane.pushing:  # noqa: ASYNC110 (to poll for a second is simpler than an event)
                await asyncio.sleep(_DRAIN_POLL_S)
    except TimeoutError:
        _log.warning("passed_on_in_flight", chain=lane.name)

"""The relayer: one reader of reports, one lane for each chain.

Which chains a relayer serves is given. Sharing them between several relayers is the consumer
group of `duties`: an assignment starts a lane and a revocation cancels it, which is why a lane is
one task that owns its chain, and a `Tail` may serve any number of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from oracle.bus.interface import Bus
from oracle.report.committee import Committee
from relayer.base import Clock
from relayer.lane import Destination, Lane
from relayer.metrics import RelayerMetrics
from relayer.tail import Tail


class Relayer:
    """Pushes the committee's newest report to every destination that needs it.

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
    ) -> None:
        self.tail = Tail(bus, committee, metrics)
        self.lanes = [
            Lane(to, self.tail, bus, committee.salt, names, metrics, clock) for to in destinations
        ]

    async def run(self) -> None:
        """Relay until cancelled.

        Raises:
            Fatal: a chain or the configuration needs a person; all lanes are stopped.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.tail.run())
                for lane in self.lanes:
                    tasks.create_task(lane.run())
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

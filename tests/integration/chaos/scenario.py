"""What a scenario is: what goes wrong, what the relayer does then, and what says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.sandbox.chains.faults import Fault
from tests.integration.chaos.world import World

HITS = 3
"""Requests that a fault strikes at least before it is over."""

Named = Callable[[], bool]
"""Whether metrics and log have named the fault by now."""

Strike = Callable[[World, Named], Awaitable[None]]
"""Makes the fault happen, and returns when it is over."""


@dataclass(frozen=True)
class Scenario:
    """One fault. `name` tells it apart, `fault` and `answer` are sentences for operators."""

    name: str
    fault: str
    answer: str
    strike: Strike
    faults: tuple[str, ...] = ()
    """Names of faults: each counted in `faults_total` and logged."""
    kinds: tuple[str, ...] = ()
    """Kinds of endpoint errors: each counted in `rpc_errors_total` and logged."""
    counters: tuple[str, ...] = ()
    """Other counters that rise."""
    endpoints: int = 1
    config: Mapping[str, Any] = field(default_factory=dict)
    """Changes to the chain's configuration."""
    prepare: Callable[[World], None] | None = None
    """What goes wrong before the relayer starts."""


class Signs:
    """Counts of what names a scenario's fault, from now on."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self._world = world
        self._signs = {f"metric {name}": _counted(name) for name in scenario.counters}
        for fault in scenario.faults:
            self._signs[f"metric fault {fault}"] = _counted("faults_total", fault=fault)
            self._signs[f"log fault {fault}"] = _logged("fault", fault=fault)
        for kind in scenario.kinds:
            self._signs[f"metric kind {kind}"] = _counted("rpc_errors_total", kind=kind)
            self._signs[f"log kind {kind}"] = _logged("rpc_failed", kind=kind)
        self._before = {name: read(world) for name, read in self._signs.items()}

    def missing(self) -> list[str]:
        """Return the signs not seen yet."""
        return [
            name for name, read in self._signs.items() if read(self._world) <= self._before[name]
        ]

    def named(self) -> bool:
        """Tell whether all were seen."""
        return not self.missing()


def _counted(name: str, **labels: str) -> Callable[[World], float]:
    return lambda world: world.metric(name, **labels)


def _logged(event: str, **values: str) -> Callable[[World], float]:
    return lambda world: world.logged(event, **values)


def struck(make: Callable[[], Fault], *methods: str, hits: int = HITS, **when: Any) -> Strike:
    """Endpoint 0 has a fault with these methods, until it struck so often and was named."""

    async def strike(world: World, named: Named) -> None:
        rule = world.add(make(), *methods, **when)
        await world.until(lambda: rule.hits >= hits and named())
        world.calm()

    return strike


def despite(make: Callable[[], Fault], *methods: str, hits: int = 1, **when: Any) -> Strike:
    """Endpoint 0 has a fault, and while it lasts the chain gets the newest mark all the same."""

    async def strike(world: World, named: Named) -> None:
        rule = world.add(make(), *methods, **when)
        await world.until(lambda: rule.hits >= hits and named())
        for _ in range(3):
            await world.publish()
            await world.holds_newest()
        world.calm()

    return strike

"""Run a scenario through the real engine, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import yaml

from oracle.config.load import parse
from oracle.engine.engine import Engine
from oracle.engine.result import MarkBatch
from oracle.engine.spec import EngineSpec
from oracle.incidents.naive import PlainBook, mean_of, median_of
from oracle.incidents.recording import Happened, Moment, Run, moment_of
from oracle.incidents.scenario import DEFAULT_SEED, Scenario, World
from oracle.incidents.venues import ticks
from oracle.model.ticks import Tick, pack
from oracle.node.compile import engine_spec

Altered = Callable[[EngineSpec], EngineSpec]


def play(
    scenario: Scenario,
    seed: int = DEFAULT_SEED,
    *,
    altered: Altered = lambda spec: spec,
    restore: bool = True,
) -> Run:
    """Run a scenario. `altered` and `restore` take defences away, to see what they are worth.

    `altered` changes what the configuration compiles to; without `restore` a change of
    configuration starts from an empty state.
    """
    player = _Player(scenario, seed, altered, restore)
    player.play()
    return player.run


class _Player:
    """One run in the making."""

    def __init__(self, scenario: Scenario, seed: int, altered: Altered, restore: bool) -> None:
        self._scenario, self._world = scenario, _world_of(scenario, seed)
        self._altered, self._restore = altered, restore
        self._changes = list(scenario.changes)
        self._book = PlainBook()
        self._configure(scenario.config, None)
        self._ticks = ticks_of(scenario, seed)
        markets = self._spec.markets
        self.run = Run(
            scenario,
            seed,
            {market.name: [] for market in markets},
            {m.name: tuple(place.source for place in (*m.sources, *m.perps)) for m in markets},
            frozenset(place.source for market in markets for place in market.perps),
            [],
            len(self._ticks),
        )

    def play(self) -> None:
        """Step from the warm-up to the end."""
        for t_s, taken in self._steps():
            while self._changes and self._changes[0].t_s <= t_s:
                snapshot = self._engine.snapshot() if self._restore else None
                self._configure(self._changes.pop(0).config, snapshot)
            self._book.take(taken)
            now_ns = self._now_ns(t_s)
            marks = self._engine.step([pack(taken)] if taken else [], [], now_ns)
            if t_s >= 0:
                self._record(t_s, marks)

    def _configure(self, config: str, snapshot: bytes | None) -> None:
        self._spec = self._altered(spec_of(config))
        self._engine = Engine(self._spec, snapshot=snapshot)
        self._mean = mean_of(self._spec, self._book)
        self._median = median_of(self._spec, self._book)

    def _steps(self) -> Iterator[tuple[float, Sequence[Tick]]]:
        """Return each step's time and the ticks that came since the one before."""
        step_s, taken = self._scenario.step_s, 0
        first = -int(self._scenario.warm_s / step_s) + 1
        for number in range(first, int(self._scenario.length_s / step_s) + 1):
            now_ns, start = self._now_ns(number * step_s), taken
            while taken < len(self._ticks) and self._ticks[taken].received_ns <= now_ns:
                taken += 1
            yield number * step_s, self._ticks[start:taken]

    def _now_ns(self, t_s: float) -> int:
        return self._scenario.start_ns + round(t_s * 1e9)

    def _record(self, t_s: float, marks: MarkBatch) -> None:
        means = self._mean.values(marks.time_ns)
        medians = self._median.values(marks.time_ns)
        for market, mark in zip(marks.markets, marks.messages(), strict=True):
            name = market.name
            said = tuple(self._mean.converted(market, means, marks.time_ns))
            worth = self._world.worth[name](t_s)
            self._moments(name).append(
                moment_of(mark, t_s, means[name], medians[name], worth, said)
            )
        self.run.events.extend(Happened(t_s, event) for event in marks.events)

    def _moments(self, name: str) -> list[Moment]:
        return self.run.moments[name]


def ticks_of(scenario: Scenario, seed: int = DEFAULT_SEED) -> list[Tick]:
    """Return a scenario's ticks in the order in which they are received."""
    venues = _world_of(scenario, seed).venues
    return ticks(venues, seed, scenario.start_ns, -scenario.warm_s, scenario.length_s)


def _world_of(scenario: Scenario, seed: int) -> World:
    return scenario.world(Random(f"{seed}|{scenario.id}"))  # noqa: S311 - seeded simulation


def spec_of(config: str) -> EngineSpec:
    """Compile an operator's YAML as a node does.

    Raises:
        ConfigError: the configuration is refused.
    """
    return engine_spec(parse(yaml.safe_load(config)).markets)

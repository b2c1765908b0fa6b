"""The dry run behind `plumb config check --ticks` and `--live`: it reads, and writes nothing."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oracle.bus.interface import Bus
from oracle.cli.bus import kafka_bus
from oracle.cli.output import bar
from oracle.config.root import Config
from oracle.model.errors import ConfigError, Retryable
from oracle.model.fixed import float_nearest
from oracle.model.messages import Mark
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic
from oracle.node.compile import engine_spec
from oracle.node.dry_run import Current, Judged, judge, no_longer
from oracle.node.trial import Trial

STEP_NS: Final = 10**9
"""Recorded time between steps."""
_COALESCE_S: Final = 0.05
_NAMED: Final = 5


@dataclass(frozen=True)
class Outcome:
    """What a dry run found; `against` names what it was compared with, if with anything."""

    judged: list[Judged]
    ticks: int
    against: str
    no_longer_priced: list[str]

    @property
    def refused(self) -> list[Judged]:
        """The markets that speak against the configuration."""
        return [one for one in self.judged if one.refusals]


class DryRun:
    """A configuration beside the one in force, on the same ticks, or beside published marks."""

    def __init__(self, config: Config, old: Config | None, against: str, bound_bps: float) -> None:
        self.trial = Trial(engine_spec(config.markets))
        self._before = None if old is None else Trial(engine_spec(old.markets))
        self._current: dict[str, Current] = {}
        self._expected: dict[str, Current] = {}
        self._against, self._bound_bps = against, bound_bps

    @property
    def compares(self) -> bool:
        """Whether there has been anything to compare with."""
        return bool(self._current)

    @property
    def needs_marks(self) -> bool:
        """Whether published marks are what is compared with."""
        return self._before is None

    def step(self, batches: Sequence[TickBatch], now_ns: int) -> None:
        """Step both engines and compare."""
        self.trial.step(batches, now_ns)
        if self._before is not None:
            self._before.step(batches, now_ns)
            for name, known in self._before.current().items():
                self._learn(name, known)
        self.trial.compare(self._current)

    def published(self, marks: Iterable[Mark]) -> None:
        """Take what is published now as what is expected."""
        for mark in marks:
            price = math.nan if mark.index is None else float_nearest(mark.index)
            self._learn(mark.market, Current(mark.number, price))

    def outcome(self) -> Outcome:
        """Judge."""
        seen = self.trial.observed()
        return Outcome(
            judge(seen, self._expected, self._bound_bps),
            self.trial.ticks,
            self._against,
            no_longer(seen, self._current),
        )

    def _learn(self, name: str, known: Current) -> None:
        """Compare with what is current; expect in the end the last price that there was."""
        self._current[name] = known
        if name not in self._expected or not math.isnan(known.price):
            self._expected[name] = known


def on_files(run: DryRun, files: Sequence[Path], for_ns: int, *, quiet: bool) -> Outcome:
    """Replay the first `for_ns` of recorded ticks.

    Raises:
        ConfigError: a bad tick file, or no tick of a source of the configuration.
    """
    from feeds.replay import batches
    from feeds.ticks.reader import TickReader

    reader, first_ns = TickReader(files), 0
    with bar(quiet) as progress:
        task = progress.add_task("replaying", total=1.0)
        for now_ns, batch in batches(reader, STEP_NS):
            first_ns = first_ns or now_ns
            if now_ns - first_ns > for_ns:
                break
            run.step([batch], now_ns)
            done = max(reader.progress, (now_ns - first_ns) / for_ns)
            progress.update(task, completed=done)
    if not run.trial.ticks:
        given, wanted = sorted(reader.sources), sorted(run.trial.wanted)
        raise ConfigError(
            f"the files hold no tick of the configuration's sources ({_few(wanted)}); they hold "
            f"{_few(given)}"
        )
    return run.outcome()


def on_bus(run: DryRun, config: Config, for_ns: int, *, quiet: bool) -> Outcome:
    """Listen for `for_ns` to the bus that the configuration names.

    Raises:
        ConfigError: the bus is in memory, or its topics are not there.
        Retryable: no broker answers, no tick comes, or no mark to compare with.
    """
    if config.bus.kind == "memory":
        raise ConfigError(
            "--live reads the bus, and a bus in memory is in another process: give --ticks "
            "FILE --against OLD, or bus.kind kafka"
        )
    bus = kafka_bus(config.bus)  # not opened_bus: a new number of shards may be what is tried

    async def listening() -> Outcome:
        async with bus:
            with bar(quiet) as progress:
                task = progress.add_task("listening", total=1.0)
                return await listen(
                    run, bus, for_ns, lambda done: progress.update(task, completed=done)
                )

    return asyncio.run(listening())


async def listen(
    run: DryRun, bus: Bus, for_ns: int, progress: Callable[[float], None] = lambda _: None
) -> Outcome:
    """Listen to an open bus for `for_ns`.

    Raises:
        Retryable: no tick comes, or no mark to compare with.
    """
    topics = (Topic.TICKS, Topic.MARKS) if run.needs_marks else (Topic.TICKS,)
    async with bus.subscribe(*topics):
        pass  # a wrong prefix is said at once
    run.trial.warm_up()
    clock, now_ns, for_s = asyncio.get_running_loop().time, 0, for_ns / 1e9
    async with bus.subscribe(*topics) as reader:
        ends = clock() + for_s
        while (left_s := ends - clock()) > 0:
            records = await reader.take(limit=10_000, timeout_s=min(left_s, 0.2))
            messages = [record.message for record in records]
            run.published(message for message in messages if isinstance(message, Mark))
            now_ns = max(time.time_ns(), now_ns + 1)
            run.step([ticks for ticks in messages if isinstance(ticks, TickBatch)], now_ns)
            progress(1 - left_s / for_s)
            await asyncio.sleep(min(_COALESCE_S, max(ends - clock(), 0)))
    if not run.trial.ticks:
        raise Retryable(
            f"no tick of the configuration's sources came within {for_s:g} s: do the feeds of this "
            "bus and prefix run? Else give --ticks FILE, or a longer --for"
        )
    if not run.compares:
        raise Retryable(
            f"no mark was published within {for_s:g} s, so there is no price to compare with: does "
            "the oracle of this bus and prefix run? Else give --against OLD"
        )
    return run.outcome()


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more if names else "none"

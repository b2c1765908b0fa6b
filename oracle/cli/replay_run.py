"""Replay recorded ticks: the work behind `plumb replay`."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from feeds.replay import batches
from feeds.ticks.reader import TickReader
from oracle.archive.marks import MarksWriter
from oracle.cli.output import bar
from oracle.config.root import Config
from oracle.engine.engine import Engine
from oracle.model.errors import ConfigError
from oracle.model.messages import Mark, StepManifest
from oracle.model.ticks import TickBatch
from oracle.node.compile import engine_spec
from oracle.node.stepper import GROUP


class Sink(Protocol):
    """What takes a replay's marks besides the files."""

    async def take(self, marks: list[Mark], manifest: StepManifest) -> None:
        """Take one step, and return when it is dealt with."""
        ...

    async def summary(self) -> dict[str, Any]:
        """Return what became of them, as plain data."""
        ...


class NoChain:
    """Takes nothing."""

    async def take(self, marks: list[Mark], manifest: StepManifest) -> None:
        """Do nothing."""

    async def summary(self) -> dict[str, Any]:
        """Return nothing."""
        return {}


async def run_replay(
    config: Config, files: list[Path], out: Path, step_ns: int, *, sandbox: bool, quiet: bool
) -> dict[str, Any]:
    """Replay `files` into `out`, through a sandbox chain when asked; return what was done.

    Raises:
        ConfigError: a bad tick file, or none with ticks.
    """
    reader = TickReader(files)
    tally = _Tally(config)
    started = time.monotonic()
    engine = Engine(engine_spec(config.markets))
    steps = iter(batches(reader, step_ns))
    first = next(steps, None)
    if first is None:
        raise ConfigError("the tick files hold no ticks: nothing was replayed")
    async with _sink(config, sandbox, first[0]) as sink:
        with MarksWriter(out) as writer, bar(quiet) as progress:
            task = progress.add_task("replaying", total=1.0)
            for now_ns, batch in itertools.chain([first], steps):
                marks, manifest = _step(engine, batch, now_ns)
                writer.write(marks)
                tally.add(marks, manifest)
                await sink.take(marks, manifest)
                progress.update(task, completed=reader.progress)
        made = tally.summary() | await sink.summary()
    made["refused_rows"] = {f"{s}: {why}": n for (s, why), n in reader.refused.items()}
    return made | {
        "seconds": round(time.monotonic() - started, 2),
        "files": [str(file) for file in writer.files],
    }


def _step(engine: Engine, batch: TickBatch, now_ns: int) -> tuple[list[Mark], StepManifest]:
    made = engine.step([batch], [], now_ns)
    manifest = StepManifest(
        group=GROUP,
        sequence=made.sequence,
        time_ns=now_ns,
        ticks=len(batch),
        tick_offsets={},
        control_offsets={},
        rejected=made.rejected,
    )
    return list(made.messages()), manifest


@asynccontextmanager
async def _sink(config: Config, sandbox: bool, start_ns: int) -> AsyncIterator[Sink]:
    if not sandbox:
        yield NoChain()
        return
    from oracle.cli.replay_chain import sandbox_sink

    async with sandbox_sink(config, start_ns) as sink:
        yield sink


class _Tally:
    """What a replay did, market by market."""

    def __init__(self, config: Config) -> None:
        self._ticks = self._steps = 0
        self._rejected: Counter[str] = Counter()
        self._validity: dict[str, Counter[str]] = {name: Counter() for name in config.markets}
        self._last: dict[str, Mark] = {}

    def add(self, marks: list[Mark], manifest: StepManifest) -> None:
        self._ticks += manifest.ticks
        self._steps += 1
        self._rejected.update(manifest.rejected)
        for mark in marks:
            self._validity[mark.market][mark.validity.name] += 1
            self._last[mark.market] = mark

    def summary(self) -> dict[str, Any]:
        markets = {
            name: {
                "steps": dict(self._validity[name]),
                "last_index": None if mark.index is None else float(str(mark.index)),
                "last_mark": None if mark.mark is None else float(str(mark.mark)),
            }
            for name, mark in self._last.items()
        }
        return {
            "ticks": self._ticks,
            "steps": self._steps,
            "rejected_ticks": dict(self._rejected),
            "markets": markets,
        }

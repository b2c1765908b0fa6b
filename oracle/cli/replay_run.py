"""Replay recorded ticks: the work behind `plumb replay`."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from feeds.replay import batches
from feeds.ticks.reader import TickReader
from oracle.archive.events import write_events
from oracle.archive.marks import MarksWriter
from oracle.cli.output import bar
from oracle.cli.replay_said import Said, read
from oracle.cli.replay_windows import Window, clock
from oracle.config.root import Config
from oracle.engine.engine import Engine
from oracle.engine.events import BreakerEvent
from oracle.engine.result import MarkBatch
from oracle.engine.spec import EngineSpec
from oracle.model.errors import ConfigError
from oracle.model.fixed import float_nearest
from oracle.model.messages import Mark, StepManifest
from oracle.model.ticks import TickBatch
from oracle.model.validity import Validity
from oracle.node.compile import engine_spec

Steps = Iterator[tuple[int, TickBatch]]

_PROGRESS_EVERY: Final = 128
"""Steps."""


class Sink(Protocol):
    """What takes a replay's marks besides the files."""

    async def take(self, marks: list[Mark], manifest: StepManifest) -> None:
        """Take one step, and return when it is dealt with."""
        ...

    async def summary(self) -> dict[str, Any]:
        """Return what became of them, as plain data."""
        ...


async def run_replay(
    config: Config,
    files: list[Path],
    out: Path,
    step_ns: int,
    *,
    sandbox: bool,
    quiet: bool,
    sources: bool = False,
    plots: Sequence[Window] = (),
) -> dict[str, Any]:
    """Replay `files` into `out`, through a sandbox chain when asked; return what was done.

    With `sources`, and to draw `plots`, what each source said is written and summed up too.

    Raises:
        ConfigError: a bad tick file, or none with ticks.
    """
    started = time.monotonic()
    reader = TickReader(files)
    spec = engine_spec(config.markets)
    steps = iter(batches(reader, step_ns))
    first = next(steps, None)
    if first is None:
        raise ConfigError("the tick files hold no ticks: nothing was replayed")
    tally = _Tally(spec)
    said = Said(spec, out / "sources") if sources or plots else None
    async with _sink(config, sandbox, first[0]) as sink:
        with ExitStack() as stack:
            marks = stack.enter_context(MarksWriter(out))
            if said is not None:
                stack.enter_context(said)
            engine = Engine(spec)
            for now_ns, batch in _shown(itertools.chain([first], steps), reader, quiet):
                made = engine.step([batch], [], now_ns)
                marks.write(made)
                tally.add(made, len(batch))
                if said is not None:
                    said.add(made, batch)
                if sink is not None:
                    await sink.take(list(made.messages()), _manifest(made, len(batch)))
        summary = tally.summary() | ({} if sink is None else await sink.summary())
    events = out / "events.csv"
    write_events(events, tally.events)
    files = [*marks.files, events]
    if said is not None:
        files += [*said.files.values(), *_compare(spec, said, out, plots, summary["markets"])]
    return summary | {
        "refused_rows": {f"{s}: {why}": n for (s, why), n in reader.refused.items()},
        "seconds": round(time.monotonic() - started, 2),
        "files": [str(file) for file in files],
    }


def _shown(steps: Steps, reader: TickReader, quiet: bool) -> Steps:
    """Pass the steps on, with a bar of how much of the files is read."""
    with bar(quiet) as progress:
        task = progress.add_task("replaying", total=1.0)
        for number, step in enumerate(steps):
            if number % _PROGRESS_EVERY == 0:
                progress.update(task, completed=reader.progress)
            yield step
        progress.update(task, completed=1.0)


def _compare(
    spec: EngineSpec,
    said: Said,
    out: Path,
    plots: Sequence[Window],
    summary: dict[str, dict[str, Any]],
) -> list[Path]:
    """Add to each market's summary who was how far from whom, and draw it; return the plots."""
    from oracle.cli.replay_figures import figures
    from oracle.cli.replay_plot import write_plot

    drawn = []
    for market in spec.markets:
        run = read(said.files[market.name], market)
        summary[market.name] |= figures(run)
        for window in plots:
            part = run.within(window)
            if len(part.time_ns) < 2:
                raise ConfigError(
                    f"--plot {window}: the recording has no two steps there; it goes from "
                    f"{clock(int(run.time_ns[0]))} to {clock(int(run.time_ns[-1]))}"
                )
            drawn.append(out / f"{market.name}{window.label}.svg")
            write_plot(part, drawn[-1])
    return drawn


def _manifest(made: MarkBatch, ticks: int) -> StepManifest:
    return StepManifest(
        group="0",
        sequence=made.sequence,
        time_ns=made.time_ns,
        ticks=ticks,
        tick_offsets={},
        control_offsets={},
        rejected=made.rejected,
    )


@asynccontextmanager
async def _sink(config: Config, sandbox: bool, start_ns: int) -> AsyncIterator[Sink | None]:
    if not sandbox:
        yield None
        return
    from oracle.cli.replay_chain import sandbox_sink

    async with sandbox_sink(config, start_ns) as sink:
        yield sink


class _Tally:
    """What a replay did, market by market."""

    def __init__(self, spec: EngineSpec) -> None:
        self._ticks = self._steps = 0
        self._rejected: Counter[str] = Counter()
        self._rows: Final = np.arange(len(spec.markets))
        self._validity: Final = np.zeros((len(spec.markets), len(Validity)), np.int64)
        self._last: MarkBatch | None = None
        self.events: Final[list[BreakerEvent]] = []

    def add(self, made: MarkBatch, ticks: int) -> None:
        self._ticks += ticks
        self._steps += 1
        self._rejected.update(made.rejected)
        self._validity[self._rows, made.validity] += 1
        self._last = made
        self.events.extend(made.events)

    def summary(self) -> dict[str, Any]:
        marks = () if self._last is None else self._last.messages()
        markets = {
            mark.market: {
                "steps": {v.name: int(counts[v]) for v in reversed(Validity) if counts[v]},
                "last_index": None if mark.index is None else float_nearest(mark.index),
                "last_mark": None if mark.mark is None else float_nearest(mark.mark),
            }
            for mark, counts in zip(marks, self._validity, strict=True)
        }
        return {
            "ticks": self._ticks,
            "steps": self._steps,
            "events": len(self.events),
            "rejected_ticks": dict(self._rejected),
            "markets": markets,
        }

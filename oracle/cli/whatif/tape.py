"""What the contracts are shown: published marks, frame by frame, out of ticks or of an incident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from feeds.replay import batches
from feeds.ticks.reader import TickReader
from oracle.committee.assemble import entry_of
from oracle.config.root import Config
from oracle.engine.engine import Engine
from oracle.incidents.recording import Moment
from oracle.incidents.run import play
from oracle.incidents.scenario import Scenario
from oracle.model.errors import ConfigError
from oracle.model.fixed import float_nearest, px_half_even
from oracle.model.validity import PRICED, Validity
from oracle.node.compile import engine_spec
from oracle.report.word import Entry

_BPS_E8: Final = 10_000
_MS: Final = 1000


class Frame(NamedTuple):
    """Every market's entry at a time (unix ms)."""

    time_ms: int
    entries: Mapping[str, Entry]

    def price(self, market: str) -> float:
        """Return a market's price; 0 where there is none."""
        price = self.entries[market].price
        return 0.0 if price is None else float_nearest(price)


class Tape(NamedTuple):
    """Frames in order of time, and what they are of."""

    title: str
    frames: tuple[Frame, ...]

    def cut_to(self, markets: Sequence[str]) -> Tape:
        """Keep these markets, from the first frame on in which all of them have a good price.

        Raises:
            ConfigError: they never have.
        """
        kept = [
            Frame(frame.time_ms, {name: frame.entries[name] for name in markets})
            for frame in self.frames
        ]
        for at, frame in enumerate(kept):
            if all(entry.validity is Validity.VALID for entry in frame.entries.values()):
                return Tape(self.title, tuple(kept[at:]))
        raise ConfigError(
            f"{self.title}: {', '.join(markets)} are never VALID at once: no position could open"
        )


def of_ticks(config: Config, files: list[Path], every_ms: int) -> Tape:
    """Run tick files through the engine, a frame every so many ms.

    Raises:
        ConfigError: a bad tick file, or none with ticks.
    """
    engine = Engine(engine_spec(config.markets))
    frames = tuple(_of_engine(engine, TickReader(files), every_ms))
    if not frames:
        raise ConfigError("the tick files hold no ticks: there is nothing to try")
    return Tape(", ".join(file.name for file in files), frames)


def of_incident(scenario: Scenario, seed: int, every_ms: int) -> Tape:
    """Run an incident through the engine, a frame every so many ms."""
    run = play(scenario, seed)
    start_ms = int(scenario.start.timestamp() * _MS)
    by_time: dict[int, dict[str, Entry]] = {}
    for name, moments in run.moments.items():
        for moment in moments:
            by_time.setdefault(start_ms + round(moment.t_s * _MS), {})[name] = _entry(moment)
    frames, due_ms = [], 0
    for time_ms, entries in sorted(by_time.items()):
        if time_ms >= due_ms and len(entries) == len(run.moments):
            frames.append(Frame(time_ms, entries))
            due_ms = time_ms + every_ms
    return Tape(f"{scenario.id}: {scenario.title}", tuple(frames))


def _of_engine(engine: Engine, reader: TickReader, every_ms: int) -> Iterator[Frame]:
    for now_ns, batch in batches(reader, every_ms * 10**6):
        made = engine.step([batch], [], now_ns)
        yield Frame(now_ns // 10**6, {mark.market: entry_of(mark) for mark in made.messages()})


def _entry(moment: Moment) -> Entry:
    if moment.mark is None or moment.validity not in PRICED:
        halted = moment.validity is Validity.HALTED
        return Entry(Validity.HALTED if halted else Validity.MISSING)
    conf_e8 = round((moment.conf_bps or 0.0) * _BPS_E8)
    return Entry(moment.validity, px_half_even(moment.mark), conf_e8)

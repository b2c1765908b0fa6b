"""Time of the engine's whole step, and of the plain-Python reference on the same ticks.

Figures are medians after a warm-up, of this process's processor time: what else runs on the machine
does not count, and a second thread would.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from time import process_time
from typing import Any, Final

from oracle.cli.bench_load import BEGIN_NS, Load, S, spec
from oracle.engine.engine import Engine
from oracle.engine.result import MarkBatch
from oracle.model.errors import Fatal
from oracle.model.ticks import TickBatch
from oracle.model.validity import Validity
from oracle.reference.reference import Reference

CASES: Final = ((3, 6), (100, 16), (1_000, 16), (10_000, 16))
TICK_RATES: Final = (0, 1, 10)
RATE_CASE: Final = (1_000, 16)
SINGLE_CASE: Final = (100, 16)
WARM_UP: Final = 5
SINGLE_STEPS: Final = 2_000

Progress = Callable[[str, float], None]


def measure(progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Measure every case.

    Raises:
        Fatal: a step did not price every market, so that its time says nothing.
    """
    parts = len(CASES) + len(TICK_RATES) + 1
    made: dict[str, Any] = {"clock": "processor time", "cases": [], "tick_rate": []}
    for at, case in enumerate(CASES):
        progress(f"{case[0]:,} markets x {case[1]}", at / parts)
        made["cases"].append(measure_case(*case))
    for at, rate in enumerate(TICK_RATES, len(CASES)):
        progress(f"{rate} ticks a source", at / parts)
        step_ms = measure_tick_rate(*RATE_CASE, rate)
        made["tick_rate"].append({"ticks_per_source": rate, "step_ms": step_ms})
    progress("one tick", (parts - 1) / parts)
    made |= measure_single(*SINGLE_CASE)
    progress("done", 1.0)
    return made


def measure_case(markets: int, sources: int) -> dict[str, float]:
    """Return the time of a full step in which every source has a new quote, and the reference's."""
    made = spec(markets, sources)
    load, engine, reference = Load(made.markets), Engine(made), Reference(made)
    prices = markets * sources
    reference_steps = 1 + min(max(20_000 // prices, 2), 20)
    ours, theirs = [], []
    for step in range(WARM_UP + min(max(400_000 // prices, 15), 500)):
        now_ns = BEGIN_NS + step * S
        batches = load.batches(now_ns)
        ours.append(_step_s(engine, batches, now_ns))
        if step < reference_steps:
            began = process_time()
            reference.step(batches, [], now_ns)
            theirs.append(process_time() - began)
    step_s, reference_s = statistics.median(ours[WARM_UP:]), statistics.median(theirs[1:])
    return {
        "markets": markets,
        "sources": sources,
        "step_ms": step_s * 1e3,
        "source_prices_per_s": prices / step_s,
        "reference_source_prices_per_s": prices / reference_s,
    }


def measure_tick_rate(markets: int, sources: int, ticks_a_source: int) -> float:
    """Return the milliseconds of a full step in which every source has so many new quotes."""
    made = spec(markets, sources)
    load, engine = Load(made.markets), Engine(made)
    engine.step(load.batches(BEGIN_NS), [], BEGIN_NS)
    times = []
    for step in range(WARM_UP + 15):
        now_ns = BEGIN_NS + (step + 1) * S // 4  # so that without ticks nothing grows stale
        times.append(_step_s(engine, load.batches(now_ns, ticks_a_source), now_ns))
    return statistics.median(times[WARM_UP:]) * 1e3


def measure_single(markets: int, sources: int) -> dict[str, float]:
    """Return the time of the steps that one tick makes, in microseconds.

    `single_tick_us`: a tick of one market. `single_tick_conversion_us`: one of the conversion
    market, through which all others convert. `single_tick_full_us`: all markets are stepped.
    """
    made = spec(markets, sources)
    load, engine = Load(made.markets), Engine(made)
    engine.step(load.batches(BEGIN_NS), [], BEGIN_NS)
    edge = [entry.source for entry in made.markets[0].sources]
    others = sorted(set(load.names) - set(edge))
    clock = count(BEGIN_NS + 1_000_000, 1_000_000)  # so slowly that no source becomes stale

    def single_us(names: Sequence[str], *, touched: bool) -> float:
        times = _singles(engine, load, names, clock, touched=touched)
        return statistics.median(list(times)[WARM_UP:]) * 1e6

    return {
        "single_tick_us": single_us(others, touched=True),
        "single_tick_conversion_us": single_us(edge, touched=True),
        "single_tick_full_us": single_us(others, touched=False),
    }


def _singles(
    engine: Engine, load: Load, names: Sequence[str], clock: Iterator[int], *, touched: bool
) -> Iterator[float]:
    for step, now_ns in enumerate(islice(clock, SINGLE_STEPS)):
        batches = load.single(names[step * 7919 % len(names)], now_ns)
        yield _step_s(engine, batches, now_ns, touched=touched)


def _step_s(
    engine: Engine, batches: Sequence[TickBatch], now_ns: int, *, touched: bool = False
) -> float:
    """Time one step.

    Raises:
        Fatal: a market is not VALID, or a tick was refused.
    """
    began = process_time()
    marks = engine.step(batches, [], now_ns, touched=touched)
    took_s = process_time() - began
    _check(marks)
    return took_s


def _check(marks: MarkBatch) -> None:
    doubtful = int((marks.validity != Validity.VALID).sum())
    if doubtful or marks.rejected:
        raise Fatal(
            f"the measured step is not a typical one: {doubtful} markets are not VALID, refused "
            f"ticks {marks.rejected}; both must be none: please report this"
        )

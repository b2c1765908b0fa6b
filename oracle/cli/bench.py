"""`plumb bench`: what this machine does, with a peer measured in the same run."""

from __future__ import annotations

import logging
import math
from typing import Any, Final

import typer

from oracle.cli.options import JsonOption
from oracle.cli.output import bar, console, emit, table

STRIP: Final = 26
STRIP_MS: Final = (1.0, 10_000.0)
HEADING: Final = "1 ms to 10 s: o p50, * p99"

commands = typer.Typer(no_args_is_help=True, help="Measure parts on this machine.")


@commands.command("engine")
def engine(as_json: JsonOption = False) -> None:
    """Time whole steps of the engine beside the plain-Python reference."""
    from oracle.cli.bench_engine import measure

    with bar(as_json) as progress:
        task = progress.add_task("starting", total=1.0)
        made = measure(lambda what, part: progress.update(task, description=what, completed=part))
    emit(made, as_json=True, text="") if as_json else show(made)


@commands.command("pipeline")
def pipeline(as_json: JsonOption = False) -> None:
    """Find how many ticks a second go through a broker and an engine into marks, and how late."""
    from oracle.cli.bench_pipeline import measured

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with bar(as_json) as progress:
        task = progress.add_task("starting", total=1.0)
        made = measured(lambda what, part: progress.update(task, description=what, completed=part))
    emit(made, as_json=True, text="") if as_json else show_pipeline(made)


def show_pipeline(made: dict[str, Any]) -> None:
    """Print the curve with its knee, the baseline, and half the target."""
    columns = ["ticks/s", "p50, ms", "p99, ms", "lost", HEADING]
    for title, rows in (
        ("ticks into marks, 200 a message", made["curve"]),
        ("baseline: one a message", made["baseline_curve"]),
        ("at half of 100,000 ticks/s, for longer", [made["half"]]),
    ):
        cells = [_row(row, row["ticks_per_s"] == made["knee_ticks_per_s"]) for row in rows]
        console.print(table(title, columns, cells))
    stages = [[name, f"{took:,.2f}"] for name, took in made["half_stages_ms"].items()]
    console.print(table("of which in the engine process, mean", ["stage", "ms"], stages))
    console.print(
        f"lossless {made['lossless_ticks_per_s']:,.0f} ticks/s, knee at "
        f"{made['knee_ticks_per_s']:,.0f}; one a message {made['baseline_ticks_per_s']:,.0f}; "
        f"p99 {made['p99_ms_at_half']:.1f} ms at half of 100,000 ticks/s",
        highlight=False,
        soft_wrap=True,
    )


def _row(row: dict[str, float], is_knee: bool) -> list[str]:
    return [
        f"{row['ticks_per_s']:,.0f}" + (" < knee" if is_knee else ""),
        f"{row['p50_ms']:,.1f}",
        f"{row['p99_ms']:,.1f}",
        f"{row['lost']:,.0f}",
        strip(row["p50_ms"], row["p99_ms"]),
    ]


def strip(p50_ms: float, p99_ms: float) -> str:
    """Return both times on one logarithmic line; what is beyond its ends stands at them."""
    low, high = (math.log(bound) for bound in STRIP_MS)
    cells = ["·"] * STRIP

    def place(ms: float) -> int:
        share = (math.log(max(ms, STRIP_MS[0])) - low) / (high - low)
        return min(STRIP - 1, round(share * (STRIP - 1)))

    first, last = place(p50_ms), place(p99_ms)
    cells[first : last + 1] = "-" * (last - first + 1)
    cells[first], cells[last] = "o", "*"
    return "".join(cells)


def show(made: dict[str, Any]) -> None:
    """Print the figures as tables."""
    rows = [
        [
            f"{case['markets']:,} x {case['sources']}",
            f"{case['step_ms']:,.3f}",
            f"{case['source_prices_per_s'] / 1e6:,.2f} M",
            f"{case['reference_source_prices_per_s'] / 1e6:,.3f} M",
            f"{case['source_prices_per_s'] / case['reference_source_prices_per_s']:,.0f}",
        ]
        for case in made["cases"]
    ]
    columns = ["markets x sources", "step, ms", "source prices/s", "plain Python/s", "ratio"]
    console.print(table("a full step, every source with a new quote", columns, rows))
    rates = [
        [str(rate["ticks_per_source"]), f"{rate['step_ms']:,.3f}"] for rate in made["tick_rate"]
    ]
    console.print(table("1,000 x 16 by tick rate", ["ticks a source", "step, ms"], rates))
    singles = [
        ["of one market", f"{made['single_tick_us']:,.0f}"],
        ["of the conversion market", f"{made['single_tick_conversion_us']:,.0f}"],
        ["all markets stepped", f"{made['single_tick_full_us']:,.0f}"],
    ]
    console.print(table("100 x 16 after one tick", ["tick", "step, us"], singles))

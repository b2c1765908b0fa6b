"""`plumb bench`: what this machine does, with a peer measured in the same run."""

from __future__ import annotations

import logging
from typing import Any

import typer

from oracle.cli.options import JsonOption
from oracle.cli.output import bar, console, emit, table

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
    """Print the curve, its knee and the baseline."""
    columns = ["ticks/s", "p50, ms", "p99, ms", "lost"]
    for title, curve in (
        ("ticks into marks, 250 a message", made["curve"]),
        ("one a message", made["baseline_curve"]),
        ("half of the most that was carried", [made["half"]]),
    ):
        rows = [
            [
                f"{row['ticks_per_s']:,.0f}",
                f"{row['p50_ms']:,.1f}",
                f"{row['p99_ms']:,.1f}",
                f"{row['lost']:,.0f}",
            ]
            for row in curve
        ]
        console.print(table(title, columns, rows))


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

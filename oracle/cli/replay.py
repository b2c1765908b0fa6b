"""`plumb replay`: recorded ticks through the same engine, and onto a real node when asked."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from oracle.cli.figures import bps_text, readable
from oracle.cli.options import ConfigOption, JsonOption
from oracle.cli.output import console, emit, table
from oracle.config.load import load
from oracle.config.units import duration_ns
from oracle.model.errors import ConfigError


class ChainChoice(StrEnum):
    """Where a replay may push."""

    SANDBOX = "sandbox"


def replay(
    ticks: Annotated[list[Path], typer.Argument(help="Tick files.", show_default=False)],
    config: ConfigOption,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for what is written.", show_default=False)
    ],
    step: Annotated[str, typer.Option("--step", help="Recorded time between steps.")] = "1s",
    chain: Annotated[
        ChainChoice | None,
        typer.Option("--chain", help="Also sign, and push to a node of this kind."),
    ] = None,
    sources: Annotated[
        bool,
        typer.Option("--sources", help="Also write what each source said, and how far off it was."),
    ] = False,
    plot: Annotated[
        list[str] | None,
        typer.Option(
            "--plot",
            help="Also draw each market: 'all', or START/END in UTC; may be repeated.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Replay tick files in the order they were received, as fast as they are computed.

    Writes marks.parquet, marks.csv and events.csv; with --sources a table sources/MARKET.parquet
    for every market, a row a step, ours beside theirs; with --plot MARKET.svg.
    """
    from oracle.cli.replay_run import run_replay
    from oracle.cli.replay_windows import window

    windows = [window(each) for each in plot or []]

    loaded = load(config)
    try:
        step_ns = duration_ns(step)
    except ValueError as error:
        raise ConfigError(f"--step: {error}") from error
    if step_ns < 1_000_000:
        raise ConfigError(f"--step {step} is too short: a report's time has whole milliseconds")
    made = asyncio.run(
        run_replay(
            loaded,
            ticks,
            out,
            step_ns,
            sandbox=chain is not None,
            quiet=as_json,
            sources=sources,
            plots=windows,
        )
    )
    if as_json:
        emit(made, as_json=True, text="")
    else:
        _show(made)


def _show(made: dict[str, Any]) -> None:
    rows = [
        [
            name,
            *(f"{market['steps'].get(v, 0):,}" for v in ("VALID", "GUARDED", "TOO_UNCERTAIN")),
            *(f"{market['steps'].get(v, 0):,}" for v in ("HALTED", "MISSING")),
            "-" if market["last_mark"] is None else f"{market['last_mark']:.6g}",
        ]
        for name, market in made["markets"].items()
    ]
    columns = ["market", "valid", "guarded", "uncertain", "halted", "missing", "last mark"]
    title = f"{made['ticks']:,} ticks, {made['steps']:,} steps in {made['seconds']} s"
    console.print(table(title, columns, rows))
    for name, market in made["markets"].items():
        if "sources" in market:
            console.print(_sources(name, market["sources"], made["steps"]))
    for chain in made.get("chains", []):
        console.print(
            f"chain {chain['name']}: {chain['updates']:,} updates, "
            f"{chain['gas_per_update']:,.0f} gas each, last block {chain['block']}",
            highlight=False,
        )
    for why, count in (made["rejected_ticks"] | made["refused_rows"]).items():
        console.print(f"refused {why}: {count:,}", highlight=False)
    console.print("\n".join(made["files"]), highlight=False)


def _sources(name: str, sources: dict[str, Any], steps: int) -> Table:
    """Return how often each source counted, and how far from the index it was."""
    rows = []
    for source, said in sources.items():
        off = said["to_index"] or {}
        away = [bps_text(off.get(figure)).lstrip("+") for figure in ("median", "p99")]
        away.append(bps_text(off.get("worst")))
        rows.append([readable(source), f"{said['counted'] / steps:.1%}", *away])
    return table(name, ["source", "counted", "median off", "p99", "worst"], rows)

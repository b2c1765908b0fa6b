"""`plumb ticks`: tick files from recorded data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oracle.cli.options import JsonOption
from oracle.cli.output import bar, emit
from oracle.config.units import duration_ns
from oracle.model.errors import ConfigError

if TYPE_CHECKING:
    from feeds.ticks.importing import Imported

commands = typer.Typer(no_args_is_help=True, help="Make tick files.")


@commands.command("import", help="Make one tick file of recorded trades, quotes or rates.")
def import_command(
    files: Annotated[list[Path], typer.Argument(help="Recorded files.", show_default=False)],
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            help="E.g. tardis-trades; 'plumb ticks formats' lists all.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="A .parquet, .csv or .csv.gz file.", show_default=False),
    ],
    source: Annotated[
        str, typer.Option("--source", help="venue:SYMBOL, where the files name none.")
    ] = "",
    venue: Annotated[
        str, typer.Option("--venue", help="Venue of captured messages, e.g. binanceusdm.")
    ] = "",
    interval: Annotated[str, typer.Option("--interval", help="Of candles, e.g. 1m.")] = "",
    price: Annotated[
        str, typer.Option("--price", help="Which price, e.g. mark or low, is the tick's last.")
    ] = "",
    base: Annotated[
        str, typer.Option("--base", help="The pool's token that is priced: token0 or token1.")
    ] = "",
    decimals: Annotated[
        str, typer.Option("--decimals", help="Of integers: 8, or of a pool's tokens: 18,6.")
    ] = "",
    time: Annotated[
        str, typer.Option("--time", help="When messages were received that do not say it, UTC.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Import; event and receive time are kept apart."""
    from feeds.ticks.formats.options import Options
    from feeds.ticks.importing import import_ticks

    options = Options(
        source=source,
        venue=venue,
        interval_ns=_interval_ns(interval),
        price=price,
        base=base,
        decimals=_decimals(decimals),
        time_ns=_time_ns(time),
    )
    with bar(as_json) as progress:
        task = progress.add_task("importing", total=1.0)
        made = import_ticks(
            format_name, files, out, options, lambda part: progress.update(task, completed=part)
        )
    emit(_as_data(made, out), as_json=as_json, text=_as_text(made, out))


@commands.command("formats", help="List the formats that 'import' reads.")
def formats_command(as_json: JsonOption = False) -> None:
    """List formats with the options they need and take."""
    from feeds.ticks.importing import FORMATS

    if as_json:
        listed = {
            name: {
                "summary": kind.summary,
                "needs": [f"--{option}" for option in kind.needs],
                "takes": [f"--{option}" for option in kind.takes],
                "prices": list(kind.prices),
            }
            for name, kind in FORMATS.items()
        }
        emit({"formats": listed}, as_json=True, text="")
        return
    lines = [
        f"{name}\n    {kind.summary}\n    "
        + " ".join([*(f"--{each}" for each in kind.needs), *(f"[--{each}]" for each in kind.takes)])
        for name, kind in FORMATS.items()
    ]
    emit({}, as_json=False, text="\n".join(line.rstrip() for line in lines))


def _interval_ns(text: str) -> int:
    try:
        return duration_ns(text) if text else 0
    except ValueError as error:
        raise ConfigError(f"--interval: {error}") from error


def _decimals(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in text.split(",")) if text else ()
    except ValueError as error:
        raise ConfigError(f"--decimals {text!r}: write whole numbers as 8 or 18,6") from error


def _time_ns(text: str) -> int:
    from feeds.ticks.times import parse_unix_ns

    time_ns = parse_unix_ns(text) if text else 0
    if time_ns is None:
        raise ConfigError(f"--time {text!r}: write UTC as 2025-10-10T21:36:00Z, or unix seconds")
    return time_ns


def _as_data(made: Imported, out: Path) -> dict[str, object]:
    return {
        "file": str(out),
        "ticks": made.ticks,
        "sources": made.by_source,
        "refused": {f"{source}: {why}": count for (source, why), count in made.refused.items()},
        "first_received_ns": made.first_received_ns,
        "last_received_ns": made.last_received_ns,
    }


def _as_text(made: Imported, out: Path) -> str:
    lines = [f"{out}: {made.ticks:,} ticks"]
    lines += [f"  {source}  {count:,}" for source, count in made.by_source.items()]
    lines += [f"  refused {s}: {why} {n:,}" for (s, why), n in made.refused.items()]
    return "\n".join(lines)

"""`plumb ticks import`: tick files from recorded data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oracle.cli.options import JsonOption
from oracle.cli.output import bar, emit

if TYPE_CHECKING:
    from feeds.ticks.importing import Imported

commands = typer.Typer(no_args_is_help=True, help="Make tick files.")


@commands.command("import", help="Make one tick file of recorded trades or quotes.")
def import_command(
    files: Annotated[list[Path], typer.Argument(help="Recorded files.", show_default=False)],
    format_name: Annotated[
        str,
        typer.Option(
            "--format", help="E.g. tardis-trades; an unknown one lists all.", show_default=False
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="A .parquet, .csv or .csv.gz file.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Import; event and receive time are kept apart."""
    from feeds.ticks.importing import import_ticks

    with bar(as_json) as progress:
        task = progress.add_task("importing", total=1.0)
        made = import_ticks(
            format_name, files, out, lambda part: progress.update(task, completed=part)
        )
    emit(_as_data(made, out), as_json=as_json, text=_as_text(made, out))


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

"""`plumb demo`: the whole data path on this machine, with a story that must come out as told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from oracle.cli.options import made_folder
from oracle.cli.output import configure_logging, console
from oracle.model.errors import ConfigError

LENGTH_S, SHORTEST_S, LONGEST_S = 90.0, 30.0, 3600.0


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="No live view.")] = False,
    seconds: Annotated[float, typer.Option(help="Length of the story.")] = LENGTH_S,
    seed: Annotated[int, typer.Option(help="Seed of all prices.")] = 1,
    out: Annotated[
        Path, typer.Option(help="Folder for summary.json, report.html, config.yaml and logs.")
    ] = Path("out/demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run the sandbox, play the story, and write what was seen."""
    if not 0 < seconds <= LONGEST_S:
        raise ConfigError(f"--seconds {seconds:g}: give more than 0, at most {LONGEST_S:g}")
    from oracle.cli.demo.play import play, tell
    from oracle.cli.demo.summary import encode

    folder = made_folder(out.resolve())
    console.quiet = as_json
    if seconds < SHORTEST_S:
        console.print(f"the story takes {SHORTEST_S:g} s at least: playing it in that", style="dim")
    shown = not headless and not as_json and console.is_terminal and not console.is_dumb_terminal
    with (folder / "demo.log").open("w") as log:
        configure_logging(stream=log)
        played = asyncio.run(play(folder, max(seconds, SHORTEST_S), seed, shown=shown))
    if as_json:
        typer.echo(encode(played.summary))
    else:
        tell(played, folder, with_story=shown)
    if not played.summary.as_told:
        raise typer.Exit(1)

"""The commands of `plumb`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from oracle.cli import control, run, ticks
from oracle.cli.demo.command import demo
from oracle.cli.options import JsonOption
from oracle.cli.output import emit
from oracle.cli.replay import replay

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Plumbline: mark prices from many venues, signed once, pushed to every chain.",
)
app.command("demo", help="The whole data path on this machine, told as a story.")(demo)
run.register(app)
control.register(app)
app.command("replay", help="Run recorded ticks through the engine.")(replay)
app.add_typer(ticks.commands, name="ticks")

config_commands = typer.Typer(no_args_is_help=True, help="Work with configuration files.")
app.add_typer(config_commands, name="config")


@config_commands.command("check", help="Read a configuration and say whether it can run.")
def config_check(
    file: Annotated[Path, typer.Argument(help="The YAML file.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Check keys, units, bounds and the conversion graph."""
    from oracle.config.load import config_hash, load

    config = load(file)
    digest = config_hash(config).hex()
    data = {
        "file": str(file),
        "markets": list(config.markets),
        "feeds": len(config.feeds),
        "chains": [chain.name for chain in config.chains],
        "hash": digest,
    }
    emit(data, as_json=as_json, text=f"{file}: {len(config.markets)} markets, hash {digest[:16]}")

"""The commands of `plumb`."""

from __future__ import annotations

from importlib.metadata import version as distribution_version
from typing import Annotated

import typer

from oracle.cli import bench, config_check, control, deploy, gov, keys, run, ticks
from oracle.cli.audit import audit
from oracle.cli.backtest import backtest
from oracle.cli.dead_letters import dead_letters
from oracle.cli.demo.command import demo
from oracle.cli.evidence import evidence
from oracle.cli.incident import incident
from oracle.cli.keeper import keeper
from oracle.cli.output import configure_logging
from oracle.cli.query import query
from oracle.cli.replay import replay
from oracle.cli.status.command import status
from oracle.cli.verify import verify
from oracle.cli.whatif.command import whatif

app = typer.Typer(
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    help="Plumbline: mark prices from many venues, signed once, pushed to every chain.",
)
app.command("demo", help="The whole data path on this machine, told as a story.")(demo)
run.register(app)
control.register(app)
app.command("audit", help="What people have ordered, and whether the record of it is whole.")(audit)
app.command("keeper", help="Keep perp contracts: settle, liquidate, call margins.")(keeper)
app.command("status", help="What each chain holds, how old it is, and what it costs.")(status)
app.command("verify", help="Prove a mark: signatures, chain, median, and the ticks behind it.")(
    verify
)
app.command("query", help="Ask the archive in SQL: ticks, marks, reports and all else.")(query)
app.command("replay", help="Run recorded ticks through the engine.")(replay)
app.command("incident", help="Replay what broke oracles before, and say how we fare.")(incident)
app.command("backtest", help="Measure our prices against published ones and against liars.")(
    backtest
)
app.command("whatif", help="Try risk parameters on recorded marks and the real contracts.")(whatif)
app.command("evidence")(evidence)
app.command("dead-letters", help="What on the bus does not decode, where it is and why.")(
    dead_letters
)
app.add_typer(bench.commands, name="bench")
app.add_typer(deploy.commands, name="deploy")
app.add_typer(gov.commands, name="gov")
app.add_typer(keys.commands, name="keys")
app.add_typer(ticks.commands, name="ticks")
app.add_typer(config_check.commands, name="config")


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    configure_logging(quiet=True)  # commands that serve say more
    if version:
        typer.echo(f"plumb {distribution_version('plumbline-oracle')}")
        raise typer.Exit

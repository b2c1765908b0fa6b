"""`plumb whatif`: what other risk parameters would have done."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from deploy.sandbox.chains.perp import DEFAULTS
from oracle.cli.options import JsonOption, made_folder
from oracle.cli.output import bar, console, emit, table
from oracle.config.units import duration_ns
from oracle.model.errors import ConfigError
from oracle.risk.parameters import Parameters

if TYPE_CHECKING:
    from oracle.cli.whatif.run import Tried
    from oracle.cli.whatif.tape import Tape

WHOLE: Final = 100


def whatif(
    *,
    params: Annotated[
        Path | None,
        typer.Option("--params", help="Proposed parameters: what differs.", show_default=False),
    ] = None,
    base: Annotated[Path, typer.Option("--base", help="Parameters as they are.")] = DEFAULTS,
    ticks: Annotated[
        list[Path] | None, typer.Option("--ticks", help="Tick files.", show_default=False)
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Markets and sources of the tick files.", show_default=False),
    ] = None,
    incident: Annotated[
        str, typer.Option("--incident", help="Or an incident's ID.", show_default=False)
    ] = "",
    like: Annotated[
        list[str] | None,
        typer.Option("--like", help="MARKET=LISTED: whose parameters it gets.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for report.json and plots.", show_default=False),
    ] = None,
    every: Annotated[str, typer.Option("--every", help="Time between marks.")] = "10s",
    accounts: Annotated[int, typer.Option("--accounts", min=2, help="Of each market.")] = 40,
    longs: Annotated[float, typer.Option("--longs", min=0, max=1, help="Share that buys.")] = 0.6,
    seed: Annotated[int, typer.Option("--seed", help="Of the accounts.")] = 1,
    pool: Annotated[int, typer.Option("--pool", help="What the pool begins with.")] = 20_000_000,
    insurance: Annotated[
        int, typer.Option("--insurance", help="What the insurance begins with.")
    ] = 200_000,
    as_json: JsonOption = False,
) -> None:
    """Run recorded marks through the real contracts under old and proposed risk parameters.

    On a local chain: the same accounts trade, the same keeper liquidates, and the figures stand
    side by side. The printed digest of report.json is what a proposal's description quotes.
    """
    from oracle.cli.whatif.plot import write_plots
    from oracle.cli.whatif.run import prepare, run

    folder = None if out is None else made_folder(out)
    proposed = None if params is None else Parameters.load(params)
    old = Parameters.load(base)
    old.require_complete(str(base))
    setting = prepare(
        old,
        proposed,
        _tape(ticks or [], config, incident, every, seed),
        dict(_pair(each) for each in like or []),
        accounts=accounts,
        longs=longs,
        seed=seed,
        pool_usd=pool,
        insurance_usd=insurance,
    )
    with bar(as_json) as progress:
        frames = len(setting.tape.frames)
        tasks = {name: progress.add_task(name, total=frames) for name in setting.parameters}
        tried = asyncio.run(
            run(setting, lambda name, at: progress.update(tasks[name], completed=at + 1))
        )
    data = tried.report()
    if folder is not None:
        data["digest"] = tried.write(folder / "report.json")
        data["files"] = [str(folder / "report.json"), *map(str, write_plots(tried, folder))]
    if as_json:
        emit(data, as_json=True, text="")
        return
    _show(tried)
    for file in data.get("files", []):
        console.print(file, highlight=False)
    if "digest" in data:
        console.print(f"quote in the proposal: whatif {data['digest']}", highlight=False)


def _tape(ticks: list[Path], config: Path | None, incident: str, every: str, seed: int) -> Tape:
    from oracle.cli.whatif.tape import of_incident, of_ticks
    from oracle.config.load import load
    from oracle.incidents.catalogue import SCENARIOS

    try:
        every_ms = duration_ns(every) // 10**6
    except ValueError as error:
        raise ConfigError(f"--every: {error}") from error
    if every_ms < 1000:
        raise ConfigError(f"--every {every} is too short: a block's time has whole seconds")
    if incident:
        if incident not in SCENARIOS:
            raise ConfigError(f"no incident {incident!r}; known are {', '.join(SCENARIOS)}")
        return of_incident(SCENARIOS[incident], seed, every_ms)
    if not ticks or config is None:
        raise ConfigError("give --ticks FILE... with --config FILE, or --incident ID")
    return of_ticks(load(config), ticks, every_ms)


def _pair(given: str) -> tuple[str, str]:
    market, sign, listed = given.partition("=")
    if not sign or not market or not listed:
        raise ConfigError(f"--like {given}: must be MARKET=LISTED, such as YFI-USD=ETH-USD")
    return market, listed


def _show(tried: Tried) -> None:
    names = list(tried.outcomes)
    figures = [tried.outcomes[name].as_data() for name in names]
    rows = []
    for name in figures[0]:
        values = [figure[name] for figure in figures]
        change = [f"{values[1] - values[0]:+,.0f}"] if len(values) > 1 else []
        rows.append([name.replace("_", " "), *(f"{value:,.0f}" for value in values), *change])
    columns = ["", *names, *(["change"] if len(names) > 1 else [])]
    console.print(table(tried.setting.tape.title, columns, rows))

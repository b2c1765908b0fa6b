"""`plumb incident`: replay what has broken oracles before, and see what we make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oracle.cli.options import JsonOption, made_folder
from oracle.cli.output import console, emit, table
from oracle.model.errors import ConfigError

if TYPE_CHECKING:
    from oracle.incidents.recording import Run
    from oracle.incidents.scenario import Scenario

ALL = "all"


def incident(
    name: Annotated[
        str, typer.Argument(metavar="[ID|all]", help="Which incident; none lists them.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for ID.svg and ID.json.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the replay's noise.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Run an incident through the engine, check what must hold, and draw it.

    Exits with 1 when a check fails.
    """
    from oracle.incidents.catalogue import SCENARIOS

    if not name and out is not None:
        raise ConfigError(f"--out {out} needs an incident: give its ID, or {ALL!r}")
    if not name:
        _list(list(SCENARIOS.values()), as_json=as_json)
        return
    if name != ALL and name not in SCENARIOS:
        raise ConfigError(f"no incident {name!r}; known are {', '.join(SCENARIOS)}, or {ALL!r}")
    chosen = list(SCENARIOS.values()) if name == ALL else [SCENARIOS[name]]
    folder = None if out is None else made_folder(out)
    made = [_one(scenario, seed, folder, quiet=as_json) for scenario in chosen]
    if as_json:
        data = made[0] if name != ALL else {"ok": all(d["ok"] for d in made), "incidents": made}
        emit(data, as_json=True, text="")
    elif name == ALL:
        failed = [each["id"] for each in made if not each["ok"]]
        total = sum(len(each["checks"]) for each in made)
        verdict = f"failed: {', '.join(failed)}" if failed else f"all {total} checks hold"
        console.print(f"{len(made)} incidents: {verdict}", highlight=False)
    if not all(each["ok"] for each in made):
        raise typer.Exit(1)


def _list(scenarios: list[Scenario], *, as_json: bool) -> None:
    data = [
        {"id": each.id, "title": each.title, "start": each.start.isoformat()} for each in scenarios
    ]
    if as_json:
        emit({"incidents": data}, as_json=True, text="")
        return
    rows = [[each.id, f"{each.start:%Y-%m-%d %H:%M}", each.title] for each in scenarios]
    console.print(table("plumb incident ID --out DIR", ["id", "UTC", "what happened"], rows))


def _one(scenario: Scenario, seed: int, folder: Path | None, *, quiet: bool) -> dict[str, Any]:
    from oracle.incidents.run import play
    from oracle.incidents.telling import as_data

    run = play(scenario, seed)
    data = as_data(run)
    if folder is not None:
        data["files"] = _write(run, data, folder)
    if not quiet:
        _show(scenario, data)
    return data


def _write(run: Run, data: dict[str, Any], folder: Path) -> list[str]:
    from oracle.cli.incident_plot import incident_svg

    plot, figures = (folder / f"{run.scenario.id}.{ending}" for ending in ("svg", "json"))
    try:
        plot.write_text(incident_svg(run), encoding="utf-8")
        figures.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from error
    return [str(plot), str(figures)]


def _show(scenario: Scenario, data: dict[str, Any]) -> None:
    lines = [f"[bold]{scenario.id}[/]  {scenario.title}", scenario.story, data["told"]]
    for check in data["checks"]:
        sign = "[green]✓ holds[/]" if check["ok"] else "[red]✗ FAILS[/]"
        lines.append(f"  {sign}  {check['claim']} [dim]({check['seen']})[/]")
    console.print("\n".join([*lines, *data.get("files", []), ""]), highlight=False)

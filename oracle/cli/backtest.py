"""`plumb backtest`: the engine on recorded ticks against what was published, and against liars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oracle.cli.options import JsonOption, made_folder
from oracle.cli.output import bar, console, emit, table
from oracle.config.load import load
from oracle.config.units import duration_ns
from oracle.model.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oracle.engine.spec import EngineSpec
    from oracle.model.ticks import TickBatch


def backtest(
    out: Annotated[Path, typer.Option("--out", help="Folder for the figures.", show_default=False)],
    ticks: Annotated[
        list[Path] | None, typer.Argument(help="Tick files.", show_default=False)
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="The YAML configuration file.", show_default=False),
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(
            "--published",
            help="CSV or Parquet with time_ns, market and index, mark or funding.",
            show_default=False,
        ),
    ] = None,
    corrupt: Annotated[
        bool, typer.Option("--corrupt", help="Also let k of n sources lie.")
    ] = False,
    step: Annotated[str, typer.Option("--step", help="Recorded time between steps.")] = "1s",
    suite: Annotated[
        Path | None,
        typer.Option(
            "--suite",
            help="Make accuracy.md of the data sets in this folder instead.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the engine against published prices, plain aggregators and lying sources."""
    if suite is not None:
        if ticks or config or published or corrupt:
            raise ConfigError("--suite runs its own data sets: give it no ticks and no other input")
        _suite(suite, out, as_json)
        return
    if not ticks or config is None:
        raise ConfigError("give tick files and --config, or --suite with the folder of data sets")
    if published is None and not corrupt:
        raise ConfigError("nothing to hold the engine against: give --published, --corrupt or both")
    made = _own_data(ticks, config, published, corrupt, _step_ns(step), quiet=as_json)
    plain = json.dumps(_rounded(made)) + "\n"
    files = _write({out / "backtest.md": _page(made), out / "backtest.json": plain})
    if as_json:
        emit(_rounded(made) | {"files": files}, as_json=True, text="")
    else:
        _show(made, files)


def _step_ns(step: str) -> int:
    try:
        return duration_ns(step)
    except ValueError as error:
        raise ConfigError(f"--step: {error}") from error


def _suite(data: Path, out: Path, as_json: bool) -> None:
    from oracle.backtest.suite.figures import suite
    from oracle.backtest.suite.page import page

    with bar(as_json) as progress:
        task = progress.add_task("backtest", total=1.0)
        made = suite(
            data, lambda what, share: progress.update(task, description=what, completed=share)
        )
    files = _write({out / "accuracy.md": page(made)})
    emit(_rounded(made) | {"files": files}, as_json=as_json, text="\n".join(files))


def _own_data(
    ticks: list[Path],
    config: Path,
    published: Path | None,
    corrupt: bool,
    step_ns: int,
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Run a person's ticks under their configuration."""
    from feeds.replay import batches
    from feeds.ticks.reader import TickReader
    from oracle.backtest.compare import compare, with_methods
    from oracle.backtest.published import read_published
    from oracle.backtest.resilience import try_liars
    from oracle.backtest.run import run
    from oracle.node.compile import engine_spec

    loaded = load(config)
    known = {} if published is None else read_published(published)
    strangers = sorted(known.keys() - loaded.markets.keys())
    if strangers:
        raise ConfigError(
            f"{published}: market {strangers[0]} is not configured; configured are "
            f"{', '.join(loaded.markets)}"
        )
    spec = engine_spec(loaded.markets)
    _check_step(spec, step_ns)
    reader = TickReader(ticks)
    with bar(quiet) as progress:
        task = progress.add_task("running", total=1.0)

        def steps() -> Iterator[tuple[int, TickBatch]]:
            for now_ns, batch in batches(reader, step_ns):
                yield now_ns, batch
                progress.update(task, completed=reader.progress)

        runs = run(with_methods(spec), steps())
        made: dict[str, Any] = {
            "ticks": reader.ticks,
            "comparisons": [
                comparison.plain()
                for each in known.values()
                for comparison in compare(runs, [each])
            ],
        }
        if corrupt:
            made["liars"] = {
                name: [outcome.plain() for outcome in try_liars(runs[name])]
                for name in loaded.markets
            }
    return made


def _check_step(spec: EngineSpec, step_ns: int) -> None:
    """Refuse steps so rare that no market would ever recover from a halt."""
    for market in spec.markets:
        if step_ns > market.breaker.recovery_ns // 2:
            raise ConfigError(
                f"--step {step_ns / 1e9:g}s: market {market.name} recovers over "
                f"{market.breaker.recovery_ns / 1e9:g}s and must be looked at twice in that time; "
                "make the steps shorter or its breaker.recovery longer"
            )


def _page(made: dict[str, Any]) -> str:
    from oracle.backtest.tables import comparison_table, resilience_table

    parts = ["# Backtest", f"{made['ticks']:,} ticks. Errors in bps."]
    for each in made["comparisons"]:
        parts += [f"## {each['market']}, {each['field']}", comparison_table(each)]
    for name, outcomes in made.get("liars", {}).items():
        parts.append(f"## {name}, k of n sources lie")
        parts.append(resilience_table(outcomes) if outcomes else "Fewer than three sources.")
    return "\n\n".join(parts) + "\n"


def _write(files: dict[Path, str]) -> list[str]:
    for path, content in files.items():
        made_folder(path.parent)
        try:
            path.write_text(content)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return [str(path) for path in files]


def _rounded(plain: Any) -> Any:
    """Return plain data with floats of six significant digits: more is noise, and long."""
    if isinstance(plain, float):
        return float(f"{plain:.6g}")
    if isinstance(plain, dict):
        return {key: _rounded(value) for key, value in plain.items()}
    return [_rounded(each) for each in plain] if isinstance(plain, list | tuple) else plain


def _show(made: dict[str, Any], files: list[str]) -> None:
    from oracle.backtest.tables import SCORE_COLUMNS, score_cells

    for each in made["comparisons"]:
        rows = [[name, *score_cells(score)] for name, score in each["scores"].items()]
        title = f"{each['market']} {each['field']}, errors in bps"
        console.print(table(title, ["", *SCORE_COLUMNS], rows))
    for name, outcomes in made.get("liars", {}).items():
        worst = max((o["worst_valid_bps"] or 0.0 for o in outcomes), default=None)
        said = "fewer than three sources" if worst is None else f"worst while VALID {worst:.1f} bps"
        console.print(f"{name}, k of n sources lie: {said}", highlight=False)
    console.print("\n".join(files), highlight=False)

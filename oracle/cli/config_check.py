"""`plumb config check`: everything that a start would refuse, without starting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from oracle.cli.options import JsonOption
from oracle.cli.output import console, emit
from oracle.config.advice import advice
from oracle.config.load import Mistakes, config_hash, load
from oracle.config.root import Config
from oracle.config.units import duration_ns, ratio_bps
from oracle.model.errors import ConfigError, PlumblineError

if TYPE_CHECKING:
    from oracle.cli.dry_run import Outcome

FILES_FOR: Final = "10m"
LIVE_FOR: Final = "10s"
BOUND: Final = "2%"
_SHORTEST_NS: Final = 10**9

commands = typer.Typer(no_args_is_help=True, help="Work with configuration files.")


@commands.callback()
def _group() -> None:
    """Keep `check` a command of its own while it is the only one."""


@commands.command("check", help="Say what is wrong with a configuration, and try it on ticks.")
def check(
    file: Annotated[Path, typer.Argument(help="The YAML file.", show_default=False)],
    ticks: Annotated[
        list[Path] | None,
        typer.Option("--ticks", help="Try it on a tick file; may be given again."),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Try it on the running Kafka bus.")] = False,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="Compare with this configuration, on the same ticks."),
    ] = None,
    lasts: Annotated[
        str | None,
        typer.Option("--for", help="How much of the ticks; by default 10m of files, 10s live."),
    ] = None,
    bound: Annotated[
        str, typer.Option("--bound", help="A price farther from the current one is refused.")
    ] = BOUND,
    as_json: JsonOption = False,
) -> None:
    """Check keys, units, bounds, conversions, venues, files, and that keystores open.

    With ticks, also refuse a market whose price is off the current one, or a source whose scale
    is off the others'.
    """
    try:
        trial = _trial(ticks or [], lasts, bound, live=live, against=against)
        config = load(file)
        mistakes = [*_feeds(config), *_keys(config)]
        outcome = None if mistakes or trial is None else trial.run(config, quiet=as_json)
    except Mistakes as error:
        _fail(file, error.mistakes, as_json=as_json)
    except PlumblineError as error:
        if not as_json:
            raise
        _fail(file, [str(error)], as_json=True)
    if mistakes:
        _fail(file, mistakes, as_json=as_json)
    _report(file, config, outcome, as_json=as_json)
    if outcome is not None and outcome.refused:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Trial:
    """What to try a configuration on."""

    ticks: list[Path]
    against: Path | None
    for_ns: int
    bound_bps: float

    def run(self, config: Config, *, quiet: bool) -> Outcome:
        """Try it.

        Raises:
            PlumblineError: it cannot be tried.
        """
        from oracle.cli.dry_run import DryRun, on_bus, on_files

        name = "" if self.ticks else "published marks"
        run = DryRun(config, self._old(), str(self.against or name), self.bound_bps)
        if self.ticks:
            return on_files(run, self.ticks, self.for_ns, quiet=quiet)
        return on_bus(run, config, self.for_ns, quiet=quiet)

    def _old(self) -> Config | None:
        try:
            return None if self.against is None else load(self.against)
        except Mistakes as error:  # not to be taken for mistakes of the file that is checked
            raise ConfigError(f"--against {error}") from error


def _trial(
    ticks: list[Path], lasts: str | None, bound: str, *, live: bool, against: Path | None
) -> _Trial | None:
    if live and ticks:
        raise ConfigError("--ticks and --live exclude each other: give one of them")
    if not live and not ticks:
        if against or lasts:
            raise ConfigError("--against and --for need ticks: add --ticks FILE or --live")
        return None
    try:
        for_ns = duration_ns(lasts or (LIVE_FOR if live else FILES_FOR))
        bound_bps = ratio_bps(bound)
    except ValueError as error:
        raise ConfigError(f"--for or --bound: {error}") from error
    if for_ns < _SHORTEST_NS:
        raise ConfigError(f"--for {lasts} is too short to see anything: give 1s or more")
    return _Trial(ticks, against, for_ns, bound_bps)


def _report(file: Path, config: Config, outcome: Outcome | None, *, as_json: bool) -> None:
    from oracle.cli.dry_run_report import as_data, as_table, sentences

    digest, warnings = config_hash(config).hex(), advice(config)
    if as_json:
        data: dict[str, Any] = {
            "ok": outcome is None or not outcome.refused,
            "file": str(file),
            "markets": list(config.markets),
            "feeds": len(config.feeds),
            "chains": [chain.name for chain in config.chains],
            "hash": digest,
            "warnings": warnings,
            "dry_run": None if outcome is None else as_data(outcome),
        }
        emit(data, as_json=True, text="")
        return
    for warning in warnings:
        _say(f"warning: {warning}")
    if outcome is not None:
        console.print(as_table(outcome))
        for sentence in sentences(outcome):
            _say(sentence)
    if outcome is not None and outcome.refused:
        names = ", ".join(one.observed.market.name for one in outcome.refused)
        _say(f"{file} must not go into force: refused {names}")
    else:
        _say(f"{file} can run: {', '.join(config.markets)}; hash {digest[:16]}")


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def _fail(file: Path, mistakes: list[str], *, as_json: bool) -> None:
    text = "\n".join(f"{file}: {mistake}" for mistake in mistakes)
    emit({"ok": False, "file": str(file), "mistakes": mistakes}, as_json=as_json, text=text)
    raise typer.Exit(1)


def _feeds(config: Config) -> list[str]:
    """Build every feed as a start would: unknown venues and missing files come out."""
    from prometheus_client import CollectorRegistry

    from feeds.metrics import FeedMetrics
    from oracle.cli.build_feeds import build_feed

    metrics = FeedMetrics(CollectorRegistry())
    mistakes = []
    for at, feed in enumerate(config.feeds):
        try:
            build_feed(feed, metrics, lambda: 0)
        except PlumblineError as error:
            mistakes.append(f"feeds.{at}: {error}")
    return mistakes


def _keys(config: Config) -> list[str]:
    from prometheus_client import CollectorRegistry

    from oracle.keys.metrics import KeyMetrics
    from oracle.keys.opening import open_signer

    metrics = KeyMetrics(CollectorRegistry())
    keys = [(f"chains.{at}.key", chain.key) for at, chain in enumerate(config.chains)]
    if config.committee is not None:
        keys += [(f"committee.keys.{at}", key) for at, key in enumerate(config.committee.keys)]
    mistakes = []
    for place, key in keys:
        try:
            open_signer(key, metrics)
        except ConfigError as error:
            mistakes.append(f"{place}: {error}")
    return mistakes

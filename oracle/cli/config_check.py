"""`plumb config check`: everything that a start would refuse, without starting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from oracle.cli.options import JsonOption
from oracle.cli.output import emit
from oracle.cli.secrets import password_of
from oracle.config.load import Mistakes, config_hash, load
from oracle.config.root import Config
from oracle.model.errors import ConfigError, PlumblineError

commands = typer.Typer(no_args_is_help=True, help="Work with configuration files.")


@commands.callback()
def _group() -> None:
    """Keep `check` a command of its own while it is the only one."""


@commands.command("check", help="Say everything that is wrong with a configuration.")
def check(
    file: Annotated[Path, typer.Argument(help="The YAML file.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Check keys, units, bounds, conversions, venues, files, and that keystores open."""
    try:
        config = load(file)
    except Mistakes as error:
        _fail(file, error.mistakes, as_json=as_json)
    except ConfigError as error:
        if not as_json:
            raise
        _fail(file, [str(error)], as_json=True)
    mistakes = [*_feeds(config), *_keys(config)]
    if mistakes:
        _fail(file, mistakes, as_json=as_json)
    digest = config_hash(config).hex()
    data: dict[str, Any] = {
        "ok": True,
        "file": str(file),
        "markets": list(config.markets),
        "feeds": len(config.feeds),
        "chains": [chain.name for chain in config.chains],
        "hash": digest,
    }
    markets = ", ".join(config.markets)
    emit(data, as_json=as_json, text=f"{file} can run: {markets}; hash {digest[:16]}")


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
    from oracle.config.keystore import decrypt_keystore

    keys = [(f"chains.{at}.key", chain.key) for at, chain in enumerate(config.chains)]
    if config.committee is not None:
        keys += [(f"committee.keys.{at}", key) for at, key in enumerate(config.committee.keys)]
    mistakes = []
    for place, key in keys:
        try:
            decrypt_keystore(key.keystore, password_of(key))
        except ConfigError as error:
            mistakes.append(f"{place}: {error}")
    return mistakes

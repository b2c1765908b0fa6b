"""`plumb keeper`: serve perp contracts, or look once at what their pool stands at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oracle.cli.options import ConfigOption, JsonOption, StateOption
from oracle.config.load import load
from oracle.model.errors import ConfigError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from oracle.bus.interface import Bus
    from oracle.config.deployment import EvmChainConfig
    from oracle.config.keeper import KeeperConfig
    from oracle.config.keys import KeyConfig
    from oracle.config.root import Config
    from oracle.keys.signer import Signer
    from oracle.model.messages import Exposure
    from oracle.report.committee import Committee
    from relayer.keeper.exposure import PerpMarket
    from relayer.keeper.service import Keeper
    from relayer.metrics import RelayerMetrics

_COLUMNS = ("chain", "market", "pool", "longs", "shorts", "mark", "hedge", "venue", "cost")


def keeper(
    config: ConfigOption,
    state: StateOption = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            help="Serve Prometheus metrics, /live and /ready on this port.",
            show_default=False,
        ),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option("--metrics-host", help="The address for --metrics-port.")
    ] = "127.0.0.1",
    exposure: Annotated[
        bool,
        typer.Option(
            "--exposure", help="Only print what the pool stands at, and the hedge of it, and end."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Follow accounts, judge them at each mark, and do what anyone may do for a reward."""
    from oracle.cli.roles import Role
    from oracle.cli.run import single

    if not exposure:
        single(Role.KEEPER)(config, state, metrics_port, metrics_host, as_json)
        return
    import asyncio

    from oracle.cli.output import configure_logging

    configure_logging(quiet=True, as_json=as_json)
    _show(asyncio.run(_exposures(load(config))), as_json=as_json)


def keepers_of(
    config: Config,
    bus: Bus,
    committee: Committee,
    signer: Callable[[KeyConfig], Signer],
    relayer_metrics: RelayerMetrics,
    registry: CollectorRegistry,
    state: Path,
) -> list[Keeper]:
    """Build every keeper that a configuration names.

    Raises:
        ConfigError: a wallet is the relayer's too, or something of a keeper is missing or wrong.
    """
    from relayer.keeper.build import Site, build
    from relayer.keeper.metrics import KeeperMetrics

    site = Site(bus, committee, _markets(config), relayer_metrics, KeeperMetrics(registry))
    made = []
    for each in config.keepers:
        chain = _chain(config, each)
        if each.key == chain.key:
            raise ConfigError(
                f"the keeper of chain {chain.name} has the relayer's wallet: give it its own, or "
                "they take each other's nonces"
            )
        secret = _secret(each)
        made.append(build(each, chain, signer(each.key), site, state=state, secret=secret))
    return made


def _secret(config: KeeperConfig) -> bytes | None:
    from oracle.keys.keystore import password_from

    hook = config.webhook
    if hook is None:
        return None
    return password_from(hook.secret_file, hook.secret_env, "the webhook").encode()


def _chain(config: Config, keeper: KeeperConfig) -> EvmChainConfig:
    return next(chain for chain in config.chains if chain.name == keeper.chain)


def _markets(config: Config) -> dict[int, PerpMarket]:
    from relayer.keeper.exposure import PerpMarket

    return {
        market.number: PerpMarket(name, tuple(perp.source for perp in market.perps))
        for name, market in config.markets.items()
    }


async def _exposures(config: Config) -> list[Exposure]:
    """Read what keepers last said, or the chains themselves where the bus is in another process."""
    if not config.keepers:
        raise ConfigError("keeping needs at least one entry under 'keepers'")
    if config.bus.kind == "kafka":
        return await _published(config)
    return [one for each in config.keepers for one in await _read(config, each)]


async def _published(config: Config) -> list[Exposure]:
    from oracle.bus.interface import Start
    from oracle.cli.bus import opened_bus
    from oracle.model.messages import Exposure
    from oracle.model.topics import Topic

    newest: dict[str, Exposure] = {}
    async with (
        opened_bus(config, Path()) as bus,
        bus.subscribe(Topic.EXPOSURES, start=Start.EARLIEST) as reader,
    ):
        while not await reader.caught_up():
            for record in await reader.take(timeout_s=0.2):
                if isinstance(record.message, Exposure):
                    newest[record.message.key] = record.message
    return list(newest.values())


async def _read(config: Config, keeper: KeeperConfig) -> list[Exposure]:
    import time

    from prometheus_client import CollectorRegistry

    from oracle.bus.memory import MemoryBus
    from relayer.keeper.build import reader_of
    from relayer.keeper.exposure import Exposures
    from relayer.keeper.metrics import KeeperMetrics
    from relayer.keeper.world import read_rules
    from relayer.metrics import RelayerMetrics

    registry, chain = CollectorRegistry(), _chain(config, keeper)
    reader = reader_of(keeper, chain, RelayerMetrics(registry))
    try:
        rules = await read_rules(reader, await reader.head(), ())
    finally:
        await reader.rpc.aclose()
    async with MemoryBus() as bus:
        exposures = Exposures(
            chain.name, bus, _markets(config), KeeperMetrics(registry), time.time_ns
        )
        await exposures.publish(rules, rules.quotes({}))
        return list(exposures.newest.values())


def _show(exposures: Sequence[Exposure], *, as_json: bool) -> None:
    from oracle.cli.output import console, emit, table

    if as_json:
        shown: list[dict[str, Any]] = [
            {
                name: _text(getattr(one, name)) if name not in ("block", "time_ns") else value
                for name in one.__struct_fields__
                for value in (getattr(one, name),)
            }
            for one in exposures
        ]
        emit({"exposures": shown}, as_json=True, text="")
        return
    rows = [
        [
            one.chain, one.market, str(one.net), str(one.longs), str(one.shorts),
            _text(one.mark) or "none", str(one.hedge), one.venue or "none",
            _cost(one),
        ]
        for one in exposures
    ]  # fmt: skip
    console.print(table("The pool's exposure", _COLUMNS, rows))


def _cost(one: Exposure) -> str:
    if one.cost is None:
        return f"unknown: {one.why_unknown}"
    return f"{one.cost} and more: {one.why_unknown}" if one.why_unknown else str(one.cost)


def _text(value: object) -> str | None:
    return None if value is None else str(value)

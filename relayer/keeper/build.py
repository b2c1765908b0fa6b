"""Builds a keeper from its configuration; asks no node."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from oracle.bus.interface import Bus
from oracle.config.deployment import EvmChainConfig
from oracle.config.keeper import KeeperConfig
from oracle.keys.signer import Signer
from oracle.model.errors import ConfigError
from oracle.report.committee import Committee
from oracle.report.word import GROUP_SIZE, decode_word
from relayer.base import Clock
from relayer.evm.abi import load_abi
from relayer.evm.chain import rpc_of
from relayer.evm.fees import GWEI
from relayer.evm.journal import Journal
from relayer.evm.moves import Pace
from relayer.evm.node import Node
from relayer.evm.pricing import Pricing
from relayer.evm.reverts import Reverts
from relayer.evm.sender import Sender, SendLimits
from relayer.faults import Faults
from relayer.keeper.act import Actor, Terms
from relayer.keeper.chain import Contracts, PerpReader
from relayer.keeper.chores import Chores
from relayer.keeper.exposure import Exposures, PerpMarket
from relayer.keeper.metrics import KeeperMetrics
from relayer.keeper.notify import Notifier
from relayer.keeper.reports import Shelf
from relayer.keeper.service import Keeper, Rhythm
from relayer.keeper.store import Store
from relayer.keeper.webhook import Webhook
from relayer.metrics import RelayerMetrics

COIN_WEI: Final = 10**18
OLD_COIN_MS: Final = 10 * 60 * 1000
"""An older price of the coin weighs no reward."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a keeper shares with other roles of its process."""

    bus: Bus
    committee: Committee
    markets: Mapping[int, PerpMarket]
    """By number."""
    relayer_metrics: RelayerMetrics
    metrics: KeeperMetrics
    clock: Clock = time.time_ns


def contracts_of(config: KeeperConfig, chain: EvmChainConfig) -> Contracts:
    """Return where the contracts are."""
    return Contracts(
        chain.oracle,
        config.engine,
        config.vault,
        config.orders,
        config.liquidator,
        config.risk,
    )


def reader_of(
    config: KeeperConfig,
    chain: EvmChainConfig,
    metrics: RelayerMetrics,
    transport: httpx.AsyncBaseTransport | None = None,
) -> PerpReader:
    """Return what reads the contracts. Its metrics are apart from the relayer's of the chain."""
    rpc = rpc_of(chain, f"{chain.name}.keeper", metrics, transport)
    return PerpReader(rpc, contracts_of(config, chain))


def build(
    config: KeeperConfig,
    chain: EvmChainConfig,
    signer: Signer,
    site: Site,
    *,
    state: Path | None = None,
    secret: bytes | None = None,
) -> Keeper:
    """Return a keeper; `state` is the folder of its journal and of what it has followed.

    Raises:
        ConfigError: the state or the journal is another's, or a secret is too short.
    """
    reader = reader_of(config, chain, site.relayer_metrics)
    name, store = reader.rpc.chain, Store(_file(state, f"{chain.name}-{config.engine}"))
    store.own(chain.chain_id, config.engine)
    sender = _sender(reader, chain, signer, site, state)
    shelf = Shelf(site.bus, site.committee, api=config.reports_api)
    actor = Actor(
        name,
        Node(reader.rpc),
        sender,
        {
            "engine": config.engine,
            "orders": config.orders,
            "liquidator": config.liquidator,
        },
        Terms(
            round(config.coins_per_day * COIN_WEI),
            round(config.unpaid_coins_per_day * COIN_WEI),
            config.profit,
        ),
        _coin_price(config, shelf, site),
        Reverts(load_abi()),
        site.metrics,
        site.clock,
    )
    metrics, clock = site.metrics, site.clock
    notifier = Notifier(
        chain.name, chain.chain_id, config.engine, site.bus, store, metrics, clock,
        hysteresis_bps=round(config.hysteresis), repeat_s=config.repeat / 1e9,
        webhook=_webhook(config, secret, name, metrics),
    )  # fmt: skip
    chores = Chores(reader, store, shelf, actor, metrics, accrue_s=config.accrue / 1e9, clock=clock)
    return Keeper(
        reader, store, shelf, actor, notifier,
        Exposures(chain.name, site.bus, site.markets, metrics, clock),
        chores, metrics, Rhythm(chain.poll / 1e9, config.audit / 1e9),
        first_block=config.first_block, window=config.window, clock=clock,
    )  # fmt: skip


def _sender(
    reader: PerpReader, chain: EvmChainConfig, signer: Signer, site: Site, state: Path | None
) -> Sender:
    """Return the relayer's own kind of sender, of the keeper's wallet."""
    node = Node(reader.rpc)
    return Sender(
        node,
        signer,
        Pricing(node, chain.fees, round(chain.max_fee_gwei * GWEI)),
        SendLimits(chain.max_gas, chain.receipt_timeout / 1e9),
        Pace(
            poll_s=chain.poll / 1e9,
            replace_after_s=chain.replace_after / 1e9,
            max_replacements=chain.max_replacements,
            finality_depth=chain.finality_depth,
        ),
        Journal(_file(state, f"{chain.name}-{signer.address.hex()[:8]}")),
        site.relayer_metrics,
        Faults(reader.rpc.chain, site.relayer_metrics),
        site.clock,
    )


def _file(state: Path | None, name: str) -> Path | None:
    return None if state is None else state / f"{name}.sqlite"


def _coin_price(config: KeeperConfig, shelf: Shelf, site: Site) -> Callable[[], int | None]:
    """Return what prices the chain's coin: the newest report, while it is new."""
    number = next((n for n, m in site.markets.items() if m.name == config.coin_market), None)
    if config.coin_market is not None and number is None:
        raise ConfigError(f"coin_market {config.coin_market!r} is no market of this deployment")

    def price() -> int | None:
        newest = shelf.newest
        if number is None or newest is None:
            return None
        word = newest.offer.words.get(number // GROUP_SIZE)
        if word is None:
            return None
        read = decode_word(word)
        px = read.entries[number % GROUP_SIZE].price
        if px is None or site.clock() // 10**6 - read.time_ms > OLD_COIN_MS:
            return None
        return int(px.mantissa * 10 ** (px.exponent + 18))

    return price


def _webhook(
    config: KeeperConfig, secret: bytes | None, name: str, metrics: KeeperMetrics
) -> Webhook | None:
    hook = config.webhook
    if hook is None or secret is None:
        return None
    return Webhook(
        hook.url,
        secret,
        lambda end: metrics.webhook.labels(name, end).inc(),
        timeout_s=hook.timeout / 1e9,
        attempts=hook.attempts,
        allow_private=hook.allow_private,
    )

"""Everything the demo needs on this machine: venues, two chains, a pool, keys, a configuration."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from deploy.sandbox.chains.pool import UniswapSandbox, deploy_pool
from deploy.sandbox.keys import SandboxKey, make_keys
from deploy.sandbox.venues.server import SandboxVenues, wall_ms
from oracle.cli.options import state_folder
from oracle.config.deployment import ApiConfig
from oracle.config.load import load
from oracle.config.root import Config
from oracle.model.errors import ConfigError

NETWORK: Final = "plumbline-sandbox"
HOME_GOVERNOR: Final = "0x" + "11" * 20
CHAINS: Final = (("alpha", 31_337, 1.0), ("beta", 31_338, 2.0))
"""Name, chain id and seconds between blocks."""
MEMBERS, THRESHOLD = 7, 5
ARBITRAGE_S: Final = 1.0
"""How often the pool's price is brought back to the venues'."""

_HEAD: Final = """\
# Written by `plumb demo`. Its venues, chains and keys lived as long as the demo: put yours in their
# place (docs/configuration.md) before `plumb run`.
"""

_USDT_VENUES: Final = ("binance", "okx")
_USD_VENUES: Final = ("coinbase", "kraken", "cryptocom")
PERP_VENUE: Final = "binanceusdm"


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox and the configuration that uses it."""

    config: Config
    config_file: Path
    state: Path
    venues: SandboxVenues
    pool: UniswapSandbox
    chains: tuple[SandboxChain, ...]

    async def arbitrage(self) -> None:
        """Keep the pool at the venues' price until cancelled, as arbitrageurs do."""
        while True:
            market, now_ms = self.venues.market, wall_ms()
            await self.pool.move_price(
                market.true_usd("ETH", now_ms) / market.true_usd("USDT", now_ms)
            )
            await asyncio.sleep(ARBITRAGE_S)


@asynccontextmanager
async def open_sandbox(folder: Path, seed: int, scale: float = 1.0) -> AsyncIterator[Sandbox]:
    """Start venues and chains, deploy, make keys, and write `config.yaml` into `folder`.

    `scale` is the story's length over its length as written: breakers' times and the slower
    chain's blocks go with it, so that a market still recovers before the end.
    """
    for left_over in ("archive", "chains", "keys", "state"):
        shutil.rmtree(folder / left_over, ignore_errors=True)
    async with AsyncExitStack() as exits:
        venues = await exits.enter_async_context(SandboxVenues(seed=seed))
        chains = tuple(
            [
                await exits.enter_async_context(
                    SandboxChain(chain_id, name=name, folder=folder / "chains")
                )
                for name, chain_id, _ in CHAINS
            ]
        )
        members = make_keys(folder / "keys", MEMBERS)
        relayers = make_keys(folder / "keys", len(chains), prefix="relayer")
        for chain, key in zip(chains, relayers, strict=True):
            await chain.fund(key.address, 1000)
        oracles = [await _deploy_oracle(chain, members) for chain in chains]
        pool = await deploy_pool(chains[0], price=venues.market.true_usd("ETH", wall_ms()))
        for chain, (_, _, block_s) in zip(chains, CHAINS, strict=True):
            await chain.mine_every(max(round(block_s * min(scale, 1.0)), 1))
        data = _config(venues, chains, oracles, members, relayers, pool, scale)
        file = folder / "config.yaml"
        file.write_text(_HEAD + yaml.safe_dump(data, sort_keys=False))
        state = state_folder(file, None)
        yield Sandbox(load(file), file, state, venues, pool, chains)


async def _deploy_oracle(chain: SandboxChain, members: list[SandboxKey]) -> str:
    guardian = await chain.account()
    return await deploy_mark_oracle(
        chain,
        network=NETWORK,
        home_governor=HOME_GOVERNOR,
        nonce=1,
        members=[key.address for key in members],
        threshold=THRESHOLD,
        guardian=guardian.address,
    )


def _config(
    venues: SandboxVenues,
    chains: tuple[SandboxChain, ...],
    oracles: list[str],
    members: list[SandboxKey],
    relayers: list[SandboxKey],
    pool: UniswapSandbox,
    scale: float,
) -> dict[str, Any]:
    return {
        "version": 1,
        "deployment": {"network": NETWORK, "home_governor": HOME_GOVERNOR, "nonce": 1},
        "bus": {"kind": "memory"},
        "feeds": [*_venue_feeds(venues), _pool_feed(chains[0], pool)],
        "engine": {"step": "100ms", "coalesce": "5ms"},
        "defaults": _defaults(scale),
        "markets": _markets(pool),
        "committee": {
            "epoch": 1,
            "threshold": THRESHOLD,
            "members": [key.address for key in members],
            "keys": [_key(key) for key in members],
            "shared_view": True,
            "slot": "250ms",
        },
        "chains": [
            {
                "name": chain.name,
                "chain_id": chain.chain_id,
                "rpc": [chain.rpc_url],
                "oracle": oracle,
                "key": _key(key),
                "push": {"deviation": "10bps", "heartbeat": "15s"},
                "poll": "500ms",
            }
            for chain, oracle, key in zip(chains, oracles, relayers, strict=True)
        ],
        "api": {"port": _api_port()},
        # Soon there to be proven from, and in few steps: the demo is short.
        "archive": {"url": "archive", "roll_age": "3s", "snapshot_every": "10s"},
    }


def _api_port() -> int:
    """Return the API's usual port, or a free one when something has it."""
    for port in (ApiConfig().port, 0):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return int(listener.getsockname()[1])
    raise ConfigError("no port of 127.0.0.1 is free for the API")


def _key(key: SandboxKey) -> dict[str, str]:
    return {"keystore": str(key.keystore), "password_file": str(key.password_file)}


def _venue_feeds(venues: SandboxVenues) -> list[dict[str, Any]]:
    symbols = {venue: ["BTC/USDT", "ETH/USDT"] for venue in _USDT_VENUES}
    symbols |= {venue: ["BTC/USD", "ETH/USD", "USDT/USD"] for venue in _USD_VENUES}
    symbols[PERP_VENUE] = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    return [
        {
            "kind": "ccxt",
            "venue": venue,
            "symbols": listed,
            "rest_url": venues.urls[venue][0],
            "ws_url": venues.urls[venue][1],
        }
        for venue, listed in symbols.items()
    ]


def _pool_feed(chain: SandboxChain, pool: UniswapSandbox) -> dict[str, Any]:
    return {
        "kind": "uniswap3",
        "rpc": chain.rpc_url,
        "chain_id": chain.chain_id,
        "pools": [{"address": pool.address, "base": pool.base, "twap": "10s"}],
        "poll": "500ms",
    }


def _defaults(scale: float) -> dict[str, Any]:
    window_s, dwell_s, recovery_s = (max(round(at * scale), 1) for at in (20, 3, 4))
    return {
        "min_sources": 3,
        "min_origins": 3,
        "max_age": "10s",
        "twap": f"{window_s}s",
        "breaker": {
            "deviations": [{"window": f"{window_s}s", "guarded": "2%", "halted": "6%"}],
            "dwell": f"{dwell_s}s",
            "recovery": f"{recovery_s}s",
        },
    }


def _markets(pool: UniswapSandbox) -> dict[str, Any]:
    def spot(asset: str) -> list[dict[str, Any]]:
        converted = [{"source": f"{venue}:{asset}/USDT"} for venue in _USDT_VENUES]
        return [*converted, *({"source": f"{venue}:{asset}/USD"} for venue in _USD_VENUES)]

    def perp(asset: str) -> list[dict[str, Any]]:
        return [{"source": f"{PERP_VENUE}:{asset}/USDT:USDT"}]

    pooled = {"source": f"uniswap3:{pool.address}", "quote": "USDT"}
    return {
        "BTC-USD": {"number": 0, "sources": spot("BTC"), "perps": perp("BTC")},
        "ETH-USD": {"number": 1, "sources": [*spot("ETH"), pooled], "perps": perp("ETH")},
        "USDT-USD": {
            "number": 2,
            "mark": "index_only",
            "breaker": {"peg": {"guarded": "1%", "cut": "10%"}},
            "sources": [{"source": f"{venue}:USDT/USD"} for venue in _USD_VENUES],
        },
    }

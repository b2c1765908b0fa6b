"""The perp contracts on a real node, traders, reports on a bus, and keepers with wallets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from prometheus_client import CollectorRegistry
from web3.contract import AsyncContract

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, deploy_contract, read_artifact, transact
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from deploy.sandbox.keys import make_keys
from oracle.bus.memory import MemoryBus
from oracle.config.deployment import EvmChainConfig
from oracle.config.keeper import KeeperConfig
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer
from oracle.model.fixed import Px
from oracle.model.messages import SignedReport
from oracle.model.topics import Topic
from oracle.model.validity import Validity
from oracle.report.report import Leaf, Unsigned, sign_complete
from oracle.report.signature import compact
from oracle.report.word import Entry, encode_word
from relayer.keeper.build import Site, build
from relayer.keeper.exposure import PerpMarket
from relayer.keeper.metrics import KeeperMetrics
from relayer.keeper.service import Keeper
from relayer.metrics import RelayerMetrics
from tests.integration.contracts_differential.perp_deployment import changes
from tests.property.perp_market import COLLATERAL_RULES, ETHER, MARKET_RULES, RULES
from tests.unit.relayer.words import COMMITTEE, SALT
from tests.vectors.generate import THRESHOLD, members

DEADLINE_S: Final = 60.0
MAX_FUTURE_MS: Final = 1_000
POOL_USD: Final = 2_000_000
INSURANCE_USD: Final = 10_000
E18: Final = 10**18
CHAIN_ID: Final = 31_007
COIN: Final = 1
"""Market 1 stands for the chain's coin, too."""
GOVERNOR: Final = "0x" + (1).to_bytes(20, "big").hex()
_ZERO: Final = "0x" + "00" * 20
_MODULES: Final = {"engine": 1, "orders": 2, "liquidator": 3}
_POOL_MODULE: Final = 4


@dataclass
class Trader:
    """Somebody with tokens."""

    wallet: LocalAccount

    @property
    def account(self) -> int:
        """His cross-margin account."""
        return int(self.wallet.address, 16) << 96


@dataclass
class World:
    """All of it."""

    node: SandboxChain
    contracts: dict[str, AsyncContract]
    owner: LocalAccount
    bus: MemoryBus
    exits: AsyncExitStack
    folder: Path
    prices: dict[int, float] = field(default_factory=dict)
    first_block: int = 0
    ahead_s: int = 0
    """By how much the chain's clock is ahead of ours."""
    last_ms: int = 0
    slot: int = 0
    registries: dict[str, CollectorRegistry] = field(default_factory=dict)

    def clock(self) -> int:
        """Return the chain's time."""
        return time.time_ns() + self.ahead_s * 10**9

    def address(self, name: str) -> str:
        """Return where a contract is."""
        return str(self.contracts[name].address)

    async def call(self, name: str, function: str, *args: object) -> Any:
        """Read."""
        return await self.contracts[name].get_function_by_name(function)(*args).call()

    async def send(
        self, name: str, function: str, *args: object, by: LocalAccount | None = None
    ) -> Any:
        """Write."""
        made = self.contracts[name].get_function_by_name(function)(*args)
        return await transact(self.node.w3, made, by or self.owner)

    async def advance(self, seconds: int) -> None:
        """Let time pass on the chain, and for keepers."""
        await self.node.advance(seconds)
        self.ahead_s += seconds

    async def price(self, **prices: float) -> SignedReport:
        """Sign a report with other prices (`m0=2900.0`) and put it on the bus."""
        self.prices |= {int(name[1:]): value for name, value in prices.items()}
        await self.node.mine()
        head = await self.node.w3.eth.get_block("latest")
        latest_ms = head["timestamp"] * 1000 + MAX_FUTURE_MS // 2
        now_ms = max(
            min(self.clock() // 10**6, latest_ms), head["timestamp"] * 1000, self.last_ms + 1
        )
        entries = [
            Entry(Validity.VALID, Px(round(self.prices[at] * 1000), -3), 5_000, 0)
            for at in range(4)
        ]
        leaf = Leaf(0, self.last_ms, encode_word(now_ms, entries))
        self.slot += 1
        report = _signed(self.slot, leaf)
        self.last_ms = now_ms
        await self.bus.publish(Topic.REPORTS, [(report.deployment, report)])
        return report

    async def store(self, report: SignedReport) -> None:
        """Put a report on the chain, as a relayer does."""
        await self.send("oracle", "update", report.body)

    async def trader(self, usd: int, ether: float = 0.0) -> Trader:
        """Make somebody with an account of so much."""
        trader = Trader(await self.node.account())
        vault, wallet = self.address("vault"), trader.wallet
        for token, collateral, amount in (
            ("usd", 0, usd * 10**6),
            ("ether", ETHER, int(ether * E18)),
        ):
            if amount:
                await self.send(token, "mint", wallet.address, amount, by=wallet)
                await self.send(token, "approve", vault, amount, by=wallet)
                await self.send("vault", "deposit", trader.account, collateral, amount, by=wallet)
        return trader

    async def commit(
        self, trader: Trader, size: float, market: int = 0, kind: int = 0, trigger: int = 0
    ) -> None:
        """Commit an order at any price."""
        args = (trader.account, market, kind, int(size * E18), 0, trigger, 0)
        await self.send("orders", "commit", *args, by=trader.wallet)

    async def size(self, trader: Trader, market: int = 0) -> float:
        """Return a position's size."""
        position = await self.call("engine", "position", trader.account, market)
        return int(position[0]) / E18

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for a condition, or for what a coroutine of it returns, to a deadline."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = condition()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.02)

    async def keeper(self, name: str, *, state: bool = False, **changes: Any) -> Keeper:
        """Build a keeper with a wallet of its own; its metrics are in `registries`."""
        key = make_keys(self.folder / f"keys-{name}", 1, prefix="keeper")[0]
        await self.node.fund(key.address, 10)
        where = {"keystore": key.keystore, "password_file": key.password_file}
        return self.rebuilt(name, where, state=state, **changes)

    def rebuilt(
        self, name: str, key: dict[str, Any], *, state: bool = False, **changes: Any
    ) -> Keeper:
        """Build a keeper of a wallet that is there."""
        chain = EvmChainConfig.model_validate(
            {
                "name": "home",
                "chain_id": CHAIN_ID,
                "rpc": [self.node.rpc_url],
                "oracle": self.address("oracle"),
                "key": key,
                "poll": "100ms",
                "timeout": "10s",
                "receipt_timeout": "30s",
            }
        )
        settings = {
            "chain": "home",
            "key": key,
            **{name: self.address(name) for name in ("engine", "vault", "orders", "liquidator")},
            "risk": self.address("risk"),
            "first_block": self.first_block,
            "coin_market": "COIN-USD",
            "coins_per_day": 5.0,
            "unpaid_coins_per_day": 1.0,
            "profit": 0.0,
        }
        config = KeeperConfig.model_validate(settings | changes)
        registry = self.registries[name] = CollectorRegistry()
        site = Site(
            self.bus,
            COMMITTEE,
            {0: PerpMarket("ETH-USD", ("perp:ETH",)), COIN: PerpMarket("COIN-USD", ())},
            RelayerMetrics(registry),
            KeeperMetrics(registry),
            self.clock,
        )
        signer = open_signer(config.key, KeyMetrics(registry))
        folder = self.folder / f"state-{name}" if state else None
        return build(config, chain, signer, site, state=folder)

    def metric(self, keeper: str, name: str, **labels: str) -> float:
        """Return a keeper's sample, 0 where there is none."""
        full = {"chain": "home.keeper", **labels}
        return self.registries[keeper].get_sample_value(f"plumbline_keeper_{name}", full) or 0.0

    def run(self, keeper: Keeper) -> asyncio.Task[None]:
        """Run a keeper until the test ends, or its task is cancelled."""
        task = asyncio.create_task(keeper.run())

        async def stop() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await keeper.aclose()

        self.exits.push_async_callback(stop)
        return task


def _signed(slot: int, leaf: Leaf) -> SignedReport:
    unsigned = Unsigned(1, slot, bytes(32), (leaf,))
    digest = unsigned.digest(SALT)
    signatures = {
        at: compact(key.sign_recoverable(digest, hasher=None))
        for at, key in enumerate(members()[:THRESHOLD])
    }
    body = sign_complete(unsigned, signatures, THRESHOLD)
    return SignedReport("0x" + SALT.hex(), 1, slot, 0, 1, True, body)


async def open_world(folder: Path, exits: AsyncExitStack) -> World:
    """Start a node and deploy the framework on it."""
    node = SandboxChain(CHAIN_ID, folder=folder / "node")
    await exits.enter_async_context(node)
    bus = await exits.enter_async_context(MemoryBus())
    world = World(node, {}, await node.account(), bus, exits, folder)
    world.prices = {0: 3_000.0, 1: 60_000.0, 2: 3_000.0, 3: 2_990.0}
    await _deploy(world)
    await _list(world)
    await _fill(world)
    await world.store(await world.price())
    return world


async def _deploy(world: World) -> None:
    w3, owner = world.node.w3, world.owner
    oracle = await deploy_mark_oracle(
        world.node,
        network="plumbline-test",
        home_governor=GOVERNOR,
        nonce=1,
        members=[w3.to_checksum_address(member) for member in COMMITTEE.members],
        threshold=COMMITTEE.threshold,
        guardian=GOVERNOR,
        owner=owner,
        max_future_ms=MAX_FUTURE_MS,
        instruments={number: f"instrument {number}" for number in range(4)},
    )
    abi = read_artifact(ABI / "MarkOracle.json")["abi"]
    world.contracts["oracle"] = w3.eth.contract(w3.to_checksum_address(oracle), abi=abi)
    # Without a bound nothing is held: jumps are the oracle's own matter.
    await world.send("oracle", "setDefaultJumpRule", (0, 1, 0))
    world.first_block = await w3.eth.block_number

    async def put(name: str, artifact: str, *args: object) -> str:
        made = await deploy_contract(w3, read_artifact(ABI / f"{artifact}.json"), args, owner)
        world.contracts[name] = made
        return str(made.address)

    usd = await put("usd", "TestToken", "Dollar", "USD", 6)
    await put("ether", "TestToken", "Ether", "ETH", 18)
    risk = await put("risk", "RiskParameters", oracle, owner.address)
    vault = await put("vault", "Vault", usd, oracle, risk, _ZERO, 0, owner.address)
    engine = await put("engine", "PerpEngine", oracle, risk, vault, _ZERO, 0)
    for name, artifact in (("orders", "Orders"), ("liquidator", "Liquidator")):
        await put(name, artifact, oracle, risk, vault, engine)


async def _list(world: World) -> None:
    for name, role in _MODULES.items():
        await world.send("vault", "setModule", world.address(name), role)
    # The owner himself pays in what the pool begins with.
    await world.send("vault", "setModule", world.owner.address, _POOL_MODULE)
    await world.send("risk", "list", 2, 0, changes(2, 0, RULES))
    for market, listed in MARKET_RULES.items():
        rules = replace(listed, max_age_ms=60_000, delay_ms=1_000)
        await world.send("risk", "list", 0, market, changes(0, market, rules))
    await world.send("vault", "listCollateral", world.address("ether"))
    await world.send("risk", "list", 1, ETHER, changes(1, ETHER, COLLATERAL_RULES[ETHER]))


async def _fill(world: World) -> None:
    vault, amount = world.address("vault"), (POOL_USD + INSURANCE_USD) * 10**6
    await world.send("usd", "mint", world.owner.address, amount)
    await world.send("usd", "approve", vault, amount)
    await world.send("vault", "payIn", POOL_USD * 10**6)
    await world.send("vault", "move", 5, 1, POOL_USD * E18)
    await world.send("vault", "fundInsurance", INSURANCE_USD * 10**6)

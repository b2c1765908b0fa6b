"""Seven members with engines of their own, each archived, and a chain that one report went to.

Everything is real: engines, archivers, signed requests between members, anvil. It runs once, for as
long as it takes until one report can be proven from all seven archives.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from prometheus_client import CollectorRegistry

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from oracle.archive.archiver import Archiver, Roll
from oracle.archive.metrics import ArchiveMetrics
from oracle.archive.read import Archive
from oracle.archive.store import Store
from oracle.bus.memory import MemoryBus
from oracle.cli.member import member_service
from oracle.cli.stack import committee_of
from oracle.committee.wire.proposal import Proposal
from oracle.config.load import load
from oracle.config.root import Config
from oracle.keys.signer import LocalSigner
from oracle.model.errors import Rejected
from oracle.model.fixed import Px
from oracle.model.messages import Control, Receipt, SignedReport
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.node.metrics import NodeMetrics
from oracle.node.sharding import shard
from oracle.node.stepper import Cadence, Stepper
from oracle.report.report import Report, decode
from oracle.verify.once import StoreOnce
from relayer.evm.abi import load_abi
from tests.ports import free_ports
from tests.vectors.generate import address, members

KEYS = members()
MEMBERS = ["0x" + address(key).hex() for key in KEYS]
GOVERNOR: Final = "0x" + "11" * 20
CHAIN_ID: Final = 31_377
DEADLINE_S: Final = 240.0
PAUSED: Final = "c:BTC/USD"
SOURCES: Final = {
    "a:BTC/USD": 6_000_000,
    "b:BTC/USDT": 6_006_000,
    PAUSED: 6_001_000,
    "p:BTC/USD:USD": 6_003_000,
    "d:USDT/USD": 100,
    "e:USDT/USD": 100,
    "a:ETH/USD": 200_000,
    "b:ETH/USD": 200_100,
}
"""Prices times 100."""
MARKETS: Final[dict[str, Any]] = {
    "USDT-USD": {
        "number": 0,
        "mark": "index_only",
        "sources": [{"source": "d:USDT/USD"}, {"source": "e:USDT/USD"}],
    },
    "BTC-USD": {
        "number": 1,
        "sources": [
            {"source": "a:BTC/USD", "weight": 2},
            {"source": "b:BTC/USDT"},
            {"source": PAUSED},
        ],
        "perps": [{"source": "p:BTC/USD:USD"}],
    },
    "ETH-USD": {
        "number": 4,
        "mark": "index_only",
        "sources": [{"source": "a:ETH/USD"}, {"source": "b:ETH/USD"}],
    },
}


@dataclass
class World:
    """What the run left behind."""

    folder: Path
    configs: list[Path]
    archives: list[Path]
    slot: int = 0
    body: bytes = b""
    transaction: str = ""
    rpc: str = ""
    oracle: str = ""
    _stores: dict[int, Store] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        """Member 0's configuration."""
        return load(self.configs[0])

    @property
    def report(self) -> Report:
        """The report that all archives can prove, and the chain has."""
        return decode(self.body)

    def archive(self, number: int) -> Archive:
        """Return a member's archive, opened."""
        return Archive(self.store(number))

    def store(self, number: int) -> Store:
        """Return where a member's archive is; it no longer changes, so each part is read once."""
        return self._stores.setdefault(number, StoreOnce(str(self.archives[number])))

    def rpc_call(self, method: str, *params: Any) -> Any:
        """Ask the chain's node."""
        asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return httpx.post(self.rpc, json=asked, timeout=10, trust_env=False).json()["result"]


class _Member:
    """One member's engine, node and archiver on a bus of its own."""

    def __init__(self, number: int, world: World, config: Config) -> None:
        self.number, self.bus, self.reports = number, MemoryBus(), list[SignedReport]()
        registry, committee = CollectorRegistry(), config.committee
        assert committee is not None
        state = world.folder / f"state-{number}"
        state.mkdir()
        part = shard(config.markets, 0, 1)
        cadence = Cadence(config.engine.step, config.engine.coalesce, committee.view_ns)
        stepper = Stepper(self.bus, part, cadence, NodeMetrics(registry))
        store = Store(str(world.archives[number]))
        archiver = Archiver(self.bus, store, ArchiveMetrics(registry), Roll(age_s=0.5))
        signer = LocalSigner(KEYS[number].secret)
        node = member_service(
            config, committee_of(config), signer, self.bus, state, registry, time.time_ns
        )
        self._loops = (archiver.run, stepper.run, node, self._feed, self._read)

    def start(self) -> list[asyncio.Task[Any]]:
        """Run everything."""
        return [asyncio.ensure_future(loop()) for loop in self._loops]

    async def _feed(self) -> None:
        rng, sequence = random.Random(self.number), 0
        while True:
            sequence, now_ns = sequence + 1, time.time_ns()
            ticks = [
                Tick(
                    name,
                    sequence,
                    now_ns - rng.randrange(10**6),
                    now_ns,
                    bid=Px(1000 * price - rng.randrange(40), -5),
                    ask=Px(1000 * price + rng.randrange(1, 40), -5),
                    last_size=Px(5, 0) if rng.random() < 0.2 else None,
                )
                for name, price in SOURCES.items()
            ]
            await self.bus.publish(Topic.TICKS, [("0", pack(ticks))])
            await asyncio.sleep(0.1)

    async def _read(self) -> None:
        async with self.bus.subscribe(Topic.REPORTS) as reader:
            while True:
                for record in await reader.take():
                    assert isinstance(record.message, SignedReport)
                    self.reports.append(record.message)


def write_configs(folder: Path, rpc: str, oracle: str) -> list[Path]:
    """Write each member's configuration."""
    ports = free_ports(7)
    peers = {one: f"http://127.0.0.1:{port}" for one, port in zip(MEMBERS, ports, strict=True)}
    chain = {
        "name": "anvil",
        "chain_id": CHAIN_ID,
        "rpc": [rpc],
        "oracle": oracle,
        "key": {"keystore": "none.json", "password_env": "NONE"},
    }
    written = []
    for number, port in enumerate(ports):
        data = {
            "deployment": {"network": "verify", "home_governor": GOVERNOR, "nonce": 1},
            "engine": {"step": "100ms", "coalesce": "5ms"},
            "markets": MARKETS,
            "committee": {
                "epoch": 1,
                "threshold": 5,
                "members": MEMBERS,
                "keys": [{"keystore": "none.json", "password_env": "NONE"}],
                "slot": "1s",
                "view_timeout": "500ms",
                "listen": f"127.0.0.1:{port}",
                "peers": peers,
            },
            "chains": [chain] if rpc else [],
            "archive": f"archive-{number}",
        }
        path = folder / f"config-{number}.yaml"
        path.write_text(yaml.safe_dump(data))
        written.append(path)
    return written


async def made(folder: Path, chain: SandboxChain | None) -> World:
    """Run seven members until a report of theirs can be proven from every archive."""
    oracle = ""
    if chain is not None:
        oracle = await deploy_mark_oracle(
            chain,
            network="verify",
            home_governor=GOVERNOR,
            nonce=1,
            members=[chain.w3.to_checksum_address(one) for one in MEMBERS],
            threshold=5,
            guardian=GOVERNOR,
        )
    rpc = "" if chain is None else chain.rpc_url
    configs = write_configs(folder, rpc, oracle)
    archives = [folder / f"archive-{number}" for number in range(7)]
    world = World(folder, configs, archives, rpc=rpc, oracle=oracle)
    running = [_Member(number, world, load(path)) for number, path in enumerate(configs)]
    tasks = [task for member in running for task in member.start()]
    try:
        async with asyncio.timeout(DEADLINE_S):
            await _ran(world, running, tasks, chain)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return world


async def _ran(
    world: World, running: list[_Member], tasks: list[asyncio.Task[Any]], chain: SandboxChain | None
) -> None:
    await _until(lambda: len(running[0].reports) >= 2, tasks)
    await _order(running, paused=True)
    count = len(running[0].reports)
    await _until(lambda: len(running[0].reports) >= count + 2, tasks)
    count = len(running[0].reports)
    while True:
        await _until(lambda at=count: len(running[0].reports) > at, tasks)
        report = running[0].reports[count]
        count += 1
        world.slot, world.body = report.slot, report.body
        if chain is not None:
            await _deliver(world, running[0], report, chain)
        # The engines step on meanwhile: what was observed is archived a moment later.
        for _ in range(80):
            failed(tasks)
            world._stores.clear()
            if await asyncio.to_thread(_is_provable, world):
                world._stores.clear()
                return
            await asyncio.sleep(0.25)


def failed(tasks: list[asyncio.Task[Any]]) -> None:
    """Raise what ended a loop."""
    for task in tasks:
        if task.done():
            task.result()


async def _until(holds: Any, tasks: list[asyncio.Task[Any]]) -> None:
    while not holds():
        failed(tasks)
        await asyncio.sleep(0.02)


async def _order(running: list[_Member], *, paused: bool) -> None:
    now_ns = time.time_ns()
    order = Control("source", PAUSED, paused, "ann", "looks odd", now_ns, now_ns + 10**12)
    for member in running:
        await member.bus.publish(Topic.CONTROLS, [(order.key, order)])


async def _deliver(
    world: World, member: _Member, report: SignedReport, chain: SandboxChain
) -> None:
    """Send the report as a relayer does, and tell the bus what came of it."""
    wallet = await chain.account()
    contract = chain.w3.eth.contract(
        address=chain.w3.to_checksum_address(world.oracle), abi=load_abi()
    )
    fields = {
        "from": wallet.address,
        "nonce": await chain.w3.eth.get_transaction_count(wallet.address),
        "gas": 2_000_000,
        "chainId": CHAIN_ID,
    }
    call = await contract.functions.update(report.body).build_transaction(fields)
    sent = await chain.w3.eth.send_raw_transaction(wallet.sign_transaction(call).raw_transaction)
    mined = await chain.w3.eth.wait_for_transaction_receipt(sent, timeout=30)
    assert mined["status"] == 1
    world.transaction = "0x" + sent.hex().removeprefix("0x")
    now_ns = time.time_ns()
    told = Receipt(
        "anvil", CHAIN_ID, report.slot, "first", world.transaction, True, "", mined["blockNumber"],
        mined["gasUsed"], (0, 1), report.signed_ns, now_ns, now_ns,
    )  # fmt: skip
    await member.bus.publish(Topic.RECEIPTS, [("anvil", told)])


def _is_provable(world: World) -> bool:
    """Whether every archive has what this report takes to be proven."""
    try:
        made = Proposal.decode(world.archive(0).round_of(world.slot).proposal)
        for one in made.observations:
            archive = world.archive(one.member)
            archive.round_of(world.slot)
            (step,) = archive.steps_seen(one)
            archive.ticks_of(step)
            archive.spec_of(step.manifest.spec_digest)
            if not archive.marks_made(step):
                return False
            if archive.snapshot_before(0, step.manifest.time_ns) is None:
                return False
            if not archive.controls_between(0, 2**62):
                return False
        return bool(not world.rpc or world.archive(0).receipts_of(world.transaction))
    except Rejected:
        return False

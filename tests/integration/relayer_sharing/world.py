"""A broker, two chains, a committee that signs, and relayers as processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Any

import httpx
import yaml

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from deploy.sandbox.keys import SandboxKey, make_keys
from oracle.bus.kafka import KafkaBus
from oracle.config.deployment import EvmChainConfig
from oracle.model.topics import Topic
from oracle.report.word import encode_word
from relayer.evm.reader import MarkReader
from relayer.held import HeldMark
from tests.e2e.plumb import PLUMB
from tests.kafka_broker import make_topics
from tests.ports import free_ports
from tests.unit.relayer.words import COMMITTEE, report, valid

DEADLINE_S = 240.0
MARKET = "BTC-USD"
SESSION_S = 5.0
REPORT_EVERY_S = 0.5
GOVERNOR = "0x" + (1).to_bytes(20, "big").hex()
MEMBERS = ["0x" + member.hex() for member in COMMITTEE.members]


async def until(seen: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for a condition, to a deadline."""
    ends = time.monotonic() + DEADLINE_S
    while not await seen():
        assert time.monotonic() < ends, f"not within {DEADLINE_S} s: {what}"
        await asyncio.sleep(0.1)


class Site:
    """A chain with the contract of the deployment."""

    def __init__(self, node: SandboxChain, oracle: str, key: SandboxKey) -> None:
        self.node, self.oracle = node, oracle
        self.name = node.name
        self.reader = MarkReader(EvmChainConfig.model_validate(self.config(key)))

    def config(self, key: SandboxKey, **changes: Any) -> dict[str, Any]:
        """Return a relayer's configuration of this chain."""
        return {
            "name": self.node.name,
            "chain_id": self.node.chain_id,
            "rpc": [self.node.rpc_url],
            "oracle": self.oracle,
            "key": {"keystore": str(key.keystore), "password_file": str(key.password_file)},
            "push": {"deviation": "10bps", "heartbeat": "4s"},
            "poll": "200ms",
            "timeout": "2s",
        } | changes

    async def held(self) -> HeldMark:
        """Return what the contract holds, as a consumer reads it."""
        return (await self.reader.marks({MARKET: 0}))[MARKET]

    async def sent_by(self, wallet: str) -> int:
        """Return how many transactions of a wallet are in blocks, as the chain counts."""
        return int(await self.node.w3.eth.get_transaction_count(wallet))

    async def useless(self, wallets: Mapping[str, str]) -> list[str]:
        """Return who sent each update that found nothing left to store."""
        w3 = self.node.w3
        found = []
        for number in range(await w3.eth.block_number + 1):
            for transaction in (await w3.eth.get_block(number, True))["transactions"]:
                receipt = await w3.eth.get_transaction_receipt(transaction["hash"])
                if transaction["to"] == self.oracle and not receipt["logs"]:
                    found += [n for n, wallet in wallets.items() if wallet == transaction["from"]]
        return found


class Process:
    """A relayer: `plumb relayer` over a configuration of its own."""

    def __init__(self, name: str, folder: Path, data: dict[str, Any], wallets: dict[str, str]):
        self.name, self.wallets = name, wallets
        self.config = folder / f"{name}.yaml"
        self.config.write_text(yaml.safe_dump(data))
        self._state = folder / f"{name}-state"
        self._log = folder / f"{name}.log"
        (self._port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        command = [str(PLUMB), "relayer", "--config", str(self.config), "--state",
                   str(self._state), "--metrics-port", str(self._port)]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)

    def send(self, number: Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended by itself: {self.tail()}"
        self._process.send_signal(number)

    def end(self, number: Signals = SIGTERM) -> int:
        """Signal it and wait for its end; return its exit code."""
        self.send(number)
        assert self._process is not None
        return self._process.wait(timeout=DEADLINE_S)

    def kill(self) -> None:
        """End it at once, whatever its state."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def tail(self) -> str:
        """Return the end of its log."""
        return self._log.read_text()[-2000:] if self._log.exists() else ""

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log's entries of a name."""
        entries = []
        for line in self._log.read_text().splitlines():
            with contextlib.suppress(ValueError):
                entries.append(json.loads(line))
        return [entry for entry in entries if entry.get("event") == name]

    async def metric(self, name: str, **labels: str) -> float:
        """Return a sample off its metrics page, -1 where there is none, or no page yet."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
                page = (await client.get(f"http://127.0.0.1:{self._port}/metrics")).text
        except httpx.HTTPError:
            return -1.0
        shown = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        wanted = f"plumbline_relayer_{name}" + (f"{{{shown}}}" if shown else "")
        values = [line.split()[-1] for line in page.splitlines() if line.startswith(f"{wanted} ")]
        return float(values[0]) if values else -1.0


class World:
    """Two chains and a committee that signs a report each half second, every one of them due."""

    def __init__(
        self, folder: Path, bus: KafkaBus, bootstrap: str, prefix: str, session_s: float = SESSION_S
    ) -> None:
        self.bus, self.session_s = bus, session_s
        self.sites: dict[str, Site] = {}
        self.relayers: dict[str, Process] = {}
        self._folder, self._bootstrap, self._prefix = folder, bootstrap, prefix
        self._slot = 0

    async def add_site(self, name: str, chain_id: int, exits: contextlib.AsyncExitStack) -> None:
        """Start a chain and deploy."""
        node = SandboxChain(chain_id, name=name, folder=self._folder / name)
        await exits.enter_async_context(node)
        oracle = await deploy_mark_oracle(
            node,
            network="plumbline-test",
            home_governor=GOVERNOR,
            nonce=1,
            members=[node.w3.to_checksum_address(member) for member in MEMBERS],
            threshold=COMMITTEE.threshold,
            guardian=GOVERNOR,
        )
        await node.mine_every(1)
        self.sites[name] = Site(node, oracle, make_keys(self._folder / "spare", 1)[0])
        exits.push_async_callback(self.sites[name].reader.aclose)

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, folder: Path, bootstrap: str, session_s: float = SESSION_S
    ) -> AsyncIterator[World]:
        """Open two chains, and a bus with topic names of its own; relayers end with the block."""
        prefix = f"{uuid.uuid4()}."
        async with contextlib.AsyncExitStack() as exits:
            bus = await exits.enter_async_context(KafkaBus(bootstrap, prefix=prefix))
            await make_topics(bus)
            made = cls(folder, bus, bootstrap, prefix, session_s)
            await made.add_site("alpha", 31_101, exits)
            await made.add_site("beta", 31_102, exits)
            try:
                yield made
            finally:
                for relayer in made.relayers.values():
                    relayer.kill()

    async def relayer(self, name: str, changes: Mapping[str, Any] | None = None) -> Process:
        """Make a relayer with a funded wallet on each chain; `changes` of chains by name."""
        keys = make_keys(self._folder / f"{name}-keys", len(self.sites), prefix="relayer")
        wallets, chains = {}, []
        for site, key in zip(self.sites.values(), keys, strict=True):
            await site.node.fund(key.address, 100)
            wallets[site.name] = key.address
            chains.append(site.config(key, **(changes or {}).get(site.name, {})))
        data = {
            "deployment": {"network": "plumbline-test", "home_governor": GOVERNOR, "nonce": 1},
            "bus": {
                "kind": "kafka",
                "bootstrap": self._bootstrap,
                "prefix": self._prefix,
                "session": f"{self.session_s:g}s",
            },
            "markets": {
                MARKET: {
                    "number": 0,
                    "sources": [{"source": "a:BTC/USD"}, {"source": "b:BTC/USD"}],
                }
            },
            "committee": {"epoch": 1, "threshold": COMMITTEE.threshold, "members": MEMBERS},
            "chains": chains,
            "relayer": {"give_way": "3s", "watch": "500ms", "overdue": 2.0, "silence": "3s"},
        }
        self.relayers[name] = Process(name, self._folder, data, wallets)
        return self.relayers[name]

    @contextlib.asynccontextmanager
    async def reporting(self) -> AsyncIterator[None]:
        """Sign reports until the block ends."""
        task = asyncio.create_task(self._report())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _report(self) -> None:
        while True:
            self._slot += 1
            price = 100_000 + 150 * (self._slot % 2)
            now = time.time_ns()
            word = encode_word(now // 10**6, [valid(price)])
            signed = report(self._slot, {0: word}, signed_ns=now)
            await self.bus.publish(Topic.REPORTS, [("main", signed)])
            await asyncio.sleep(REPORT_EVERY_S)

    async def sends(self, relayer: Process, chain: str) -> None:
        """Wait until a relayer's wallet pays for updates of a chain from now on."""
        site, before = self.sites[chain], await self.sites[chain].sent_by(relayer.wallets[chain])

        async def seen() -> bool:
            return await site.sent_by(relayer.wallets[chain]) > before

        await until(seen, f"{relayer.name} sends to {chain}: {relayer.tail()}")

    async def updated(self, chain: str) -> float:
        """Wait until a chain takes a report signed after now; return how long that took."""
        began_ns, site = time.time_ns(), self.sites[chain]

        async def seen() -> bool:
            return (await site.held()).time_ms * 10**6 > began_ns

        await until(seen, f"{chain} is updated")
        return (time.time_ns() - began_ns) / 1e9

    async def becomes(self, relayer: Process, name: str, value: float, **labels: str) -> None:
        """Wait until a relayer's metric has a value."""

        async def seen() -> bool:
            return await relayer.metric(name, **labels) == value

        await until(seen, f"{relayer.name}: {name} {labels} is {value}")

    async def owner(self, chain: str, *among: Process) -> Process:
        """Wait until exactly one relayer says that it has a chain; return it."""
        found: list[Process] = []

        async def seen() -> bool:
            found[:] = [r for r in among if await r.metric("owned", chain=chain) == 1]
            return len(found) == 1

        await until(seen, f"one relayer has {chain}")
        return found[0]

    async def shared(self, one: Process, other: Process) -> dict[str, Process]:
        """Wait until two relayers have a chain each; return who has which."""
        owners: dict[str, Process] = {}

        async def seen() -> bool:
            for chain in self.sites:
                owners[chain] = await self.owner(chain, one, other)
            return len({owner.name for owner in owners.values()}) == 2

        await until(seen, "a chain each")
        return owners

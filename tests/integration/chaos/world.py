"""A node, fault proxies before it, a relayer behind those, and prices that keep moving."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from structlog.typing import EventDict

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.faults import Fault, FaultProxy, Rule
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from deploy.sandbox.keys import make_keys
from oracle.bus.memory import MemoryBus
from oracle.config.deployment import EvmChainConfig
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer
from oracle.model.topics import Topic
from oracle.report.word import encode_word
from relayer.evm.chain import connect
from relayer.lane import Destination
from relayer.metrics import RelayerMetrics
from relayer.policy import PushPolicy
from relayer.service import Relayer
from relayer.stored import stored_ms
from tests.integration.chaos.site import CHAIN_ID, GROUPS, Site
from tests.integration.relayer.conftest import GOVERNOR, now_ms, until
from tests.unit.relayer.words import COMMITTEE, report, valid

STEP_BPS = (11, 13)
"""Each report is so far above the last: above `deviation_bps` of every earlier one, and slow enough
that the contract takes no silence of some seconds for a jump."""
POLICY = PushPolicy(deviation_bps=10.0, heartbeat_ms=60_000, confidence=3.0, early=1.0)
PERIOD_S = 0.2
TIMEOUT_S = 0.5
PATIENCE_S = 240.0
"""Far longer than anything takes here: for machines that are slow and busy."""


class World(Site):
    """Use as `async with`: a relayer at work, which the chain already shows."""

    def __init__(
        self,
        folder: Path,
        *,
        endpoints: int = 1,
        config: Mapping[str, Any] | None = None,
        policy: PushPolicy = POLICY,
        seed: int = 1,
        prepare: Callable[[World], None] | None = None,
    ) -> None:
        self.node = SandboxChain(CHAIN_ID, name="chaos", folder=folder / "chaos")
        self.proxies = [FaultProxy(self.node.rpc_url, seed=seed + at) for at in range(endpoints)]
        self.registry = CollectorRegistry()
        self.log: list[EventDict] = []
        self.words: dict[int, bytes] = {}
        """What the newest report says of each group."""
        self.slot = 0
        self.skew_ms = 0
        """How far the clock of the committee is ahead of the chain's."""
        self._prepare = prepare
        self._folder = folder
        self._config = dict(config or {})
        self._policies = dict.fromkeys(range(len(GROUPS) * 4), policy)
        self._dice = random.Random(seed)
        self._price = 100_000_000
        self._last_ms = 0
        self._exits = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._moving = asyncio.Event()
        self._unhandled: list[str] = []

    async def __aenter__(self) -> Self:
        try:
            await self._build()
            await self.until(lambda: self.bus.readers[Topic.REPORTS])
            self._moving.set()
            await self.holds_newest()
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._exits.aclose()
        gc.collect()  # tasks complain of an error that nobody took when they are collected
        assert self._unhandled == [], self._unhandled

    async def _build(self) -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: self._unhandled.append(f"{context}")
        )
        self.log = self._exits.enter_context(capture_logs([structlog.processors.format_exc_info]))
        await self._exits.enter_async_context(self.node)
        self.oracle = await deploy_mark_oracle(
            self.node,
            network="plumbline-test",
            home_governor=GOVERNOR,
            nonce=1,
            members=[self.node.w3.to_checksum_address(member) for member in COMMITTEE.members],
            threshold=COMMITTEE.threshold,
            guardian=GOVERNOR,
        )
        self.key = make_keys(self._folder / "keys", 1, prefix="relayer")[0]
        await self.node.fund(self.key.address, 10)
        for proxy in self.proxies:
            await self._exits.enter_async_context(proxy)
        if self._prepare is not None:
            self._prepare(self)
        self.metrics = RelayerMetrics(self.registry)
        config = self._settings()
        chain = connect(config, open_signer(config.key, KeyMetrics(self.registry)), self.metrics)
        self._exits.push_async_callback(chain.aclose)
        self.bus = MemoryBus()
        to = Destination(chain, self._policies, poll_s=0.05, backoff_s=(0.05, 0.2))
        self.relayer = Relayer(
            self.bus, COMMITTEE, [to], names={0: "BTC-USD"}, metrics=self.metrics
        )
        self._tasks = [
            asyncio.create_task(self.relayer.run(), name="relayer"),
            asyncio.create_task(self._publish_on(), name="prices"),
        ]
        self._exits.push_async_callback(self._end)

    def _settings(self) -> EvmChainConfig:
        settings = {
            "name": self.node.name,
            "chain_id": CHAIN_ID,
            "rpc": [proxy.url for proxy in self.proxies],
            "oracle": self.oracle,
            "key": {"keystore": self.key.keystore, "password_file": self.key.password_file},
            "poll": "50ms",
            "timeout": f"{round(TIMEOUT_S * 1000)}ms",
            "receipt_timeout": "2s",
        }
        return EvmChainConfig.model_validate(settings | self._config)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _publish_on(self) -> None:
        while True:
            await self._moving.wait()
            await self.publish()
            await asyncio.sleep(PERIOD_S)

    async def publish(self) -> None:
        """Sign and publish the next report: all prices a little higher."""
        self.slot += 1
        self._price += self._price * self._dice.randint(*STEP_BPS) // 10_000
        self._last_ms = max(now_ms() + self.skew_ms, self._last_ms + 1)
        self.words = {
            group: encode_word(
                self._last_ms, [valid(self._price + 1000 * (4 * group + at)) for at in range(4)]
            )
            for group in GROUPS
        }
        signed = report(self.slot, self.words, signed_ns=now_ms() * 10**6)
        await self.bus.publish(Topic.REPORTS, [("main", signed)])

    def pause(self) -> None:
        """Let prices rest: the newest report stays the newest."""
        self._moving.clear()

    def resume(self) -> None:
        """Let prices move again."""
        self._moving.set()

    def add(self, fault: Fault, *methods: str, at: int = 0, **when: Any) -> Rule:
        """Let endpoint `at` have a fault with these methods (none: all); `when` as for `Rule`."""
        return self.proxies[at].add(Rule(fault, methods or None, **when))

    def calm(self) -> None:
        """End the faults of all endpoints."""
        for proxy in self.proxies:
            proxy.clear()

    def metric(self, name: str, **labels: str) -> float:
        """Return a counter's sum over the labels not given."""
        full = f"plumbline_relayer_{name}"
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == full and labels.items() <= sample.labels.items()
        )

    def logged(self, event: str, **values: object) -> int:
        """Return how many lines of the log have this event and these values."""
        wanted = {"event": event, **values}
        return sum(wanted.items() <= line.items() for line in self.log)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition; a task that ended fails at once."""
        await until(lambda: bool(condition()) or self.dead() != [], PATIENCE_S)
        self.check_alive()

    async def until_it(self, condition: Callable[[], Awaitable[object]]) -> None:
        """Wait for a condition that takes asking."""
        async with asyncio.timeout(PATIENCE_S):
            while not await condition():
                self.check_alive()
                await asyncio.sleep(0.02)

    async def holds_newest(self) -> None:
        """Let prices rest once, and wait until the chain holds the newest; then go on."""
        moving = self._moving.is_set()
        self.pause()
        if not self.words:
            await self.publish()
        await self.until_it(self._is_right)
        if moving:
            self.resume()

    async def _is_right(self) -> bool:
        held = await self.held()
        if held == self.words:
            return True
        if all(stored_ms(held[group]) == stored_ms(self.words[group]) for group in GROUPS):
            await self.publish()  # the contract holds a jump until later reports agree with it
        return False

    def dead(self) -> Sequence[asyncio.Task[None]]:
        """Return the tasks that ended, of which there should be none."""
        return [task for task in self._tasks if task.done()]

    def check_alive(self) -> None:
        """Raise what a task died of."""
        for task in self.dead():
            task.result()
            raise AssertionError(f"{task.get_name()} returned")

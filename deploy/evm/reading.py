"""What a chain says, asked of its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from deploy.evm.adapters import Adapter, check_uptime_feed
from deploy.evm.artifact import Artifact
from deploy.evm.comparing import EpochState, Governed
from deploy.evm.factory import FACTORY, FACTORY_CODE, NOBODY
from deploy.evm.state import AdapterState, State, instrument_name, reads, state_of
from deploy.evm.steps import MARKETS, Plan
from oracle.model.errors import ConfigError
from relayer.evm import results
from relayer.evm.errors import Reverted
from relayer.evm.node import Node
from relayer.evm.wire import Query

BEYOND: Final = 64
"""Market numbers that are compared beyond the highest of the deploy file."""
BATCH: Final = 100

Call = tuple[str, tuple[object, ...]]


class ChainReader:
    """One chain of a deployment."""

    def __init__(self, plan: Plan, node: Node) -> None:
        self._plan: Final = plan
        self._node: Final = node

    async def check(self) -> None:
        """Require the chain to be the one meant, with what a deployment needs.

        Raises:
            ConfigError: it is another, lacks the factory, or its uptime feed is none.
            Retryable: no node answers.
        """
        await self._node.rpc.check()
        if await self._node.code(FACTORY) != FACTORY_CODE:
            raise ConfigError(
                f"chain {self._node.rpc.chain}: the deterministic deployment proxy is not at "
                f"{FACTORY}; deploy it first (docs/deploying.md says how)"
            )
        if self._plan.uptime_feed != NOBODY:
            await self._check_uptime_feed(self._plan.uptime_feed)

    async def state(self, block: str = "latest") -> State:
        """Return what the chain has at a block of all that the plan puts there."""
        plan = self._plan
        addresses = [plan.address, *(adapter.address for adapter in plan.adapters)]
        code, *codes = await self._codes(addresses, block)
        if not code or plan.artifact.difference(code) is not None:
            return State(code)
        adapters = {
            adapter.name: await self._adapter(adapter, found, block)
            for adapter, found in zip(plan.adapters, codes, strict=True)
        }
        answers = await self._answers(plan.artifact, plan.address, list(reads(plan)), block)
        return state_of(plan, code, answers, adapters)

    async def governed(self) -> Governed | None:
        """Return what must be alike on all chains; None before there is a committee."""
        plan = self._plan
        (code,) = await self._codes([plan.address], "latest")
        if not code or plan.artifact.difference(code) is not None:
            return None
        ((epoch,),) = await self._values(plan.artifact, plan.address, [("currentEpoch", ())])
        if epoch == 0:
            return None
        epochs = range(max(1, epoch - 1), epoch + 1)
        asked: list[Call] = [(name, (one,)) for one in epochs for name in ("committee", "revoked")]
        said = await self._values(plan.artifact, plan.address, asked)
        numbers = range(min(MARKETS, max(plan.numbers, default=0) + BEYOND))
        bound = await self._values(
            plan.artifact, plan.address, [("instrumentOf", (number,)) for number in numbers]
        )
        return Governed(
            epoch,
            {
                one: EpochState(tuple(members), threshold, until_s, revoked)
                for one, (members, threshold, until_s), (revoked,) in zip(
                    epochs, said[::2], said[1::2], strict=True
                )
            },
            {
                number: (instrument_name(name), since)
                for number, (name, since) in zip(numbers, bound, strict=True)
                if since
            },
        )

    async def _adapter(self, adapter: Adapter, code: bytes, block: str) -> AdapterState:
        if not code or adapter.artifact.difference(code) is not None:
            return AdapterState(code)
        calls = [(getter, arguments) for getter, arguments, _ in adapter.expected]
        values = await self._values(adapter.artifact, adapter.address, calls, block)
        return AdapterState(code, tuple(value for (value,) in values))

    async def _check_uptime_feed(self, feed: str) -> None:
        artifact = Artifact.read("ChainlinkAdapter")  # has the functions of any feed
        code = await self._node.code(feed)
        answer: tuple[Any, ...] = ()
        if code:
            try:
                data = await self._node.call(feed, artifact.call("latestRoundData"))
            except Reverted as error:
                raise ConfigError(f"sequencer.feed {feed} reverts latestRoundData") from error
            answer = artifact.answer("latestRoundData", data)
        check_uptime_feed(feed, code, answer)

    async def _values(
        self, artifact: Artifact, address: str, calls: Sequence[Call], block: str = "latest"
    ) -> list[tuple[Any, ...]]:
        answers = await self._answers(artifact, address, calls, block)
        return [
            artifact.answer(name, answer) for (name, _), answer in zip(calls, answers, strict=True)
        ]

    async def _answers(
        self, artifact: Artifact, address: str, calls: Sequence[Call], block: str
    ) -> list[bytes]:
        queries: list[Query] = [
            ("eth_call", [{"to": address, "data": "0x" + artifact.call(*call).hex()}, block])
            for call in calls
        ]
        return await self._agreed(queries)

    async def _codes(self, addresses: Sequence[str], block: str) -> list[bytes]:
        return await self._agreed([("eth_getCode", [address, block]) for address in addresses])

    async def _agreed(self, queries: Sequence[Query]) -> list[bytes]:
        said: list[bytes] = []
        for at in range(0, len(queries), BATCH):
            said += await self._node.rpc.agreed(
                queries[at : at + BATCH], lambda answers: tuple(map(results.data, answers))
            )
        return said

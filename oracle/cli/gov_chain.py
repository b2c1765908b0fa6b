"""What a chain says of a proposal and of what it would change, for `plumb gov show`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak
from prometheus_client import CollectorRegistry

from oracle.governance import functions
from oracle.governance.fields import FIELDS
from oracle.governance.functions import decoded
from oracle.governance.proposal import STATES, Call, Proposal, of_parts
from oracle.governance.words import Known, Members, changes_of
from oracle.model.errors import ConfigError, Rejected
from oracle.risk.layout import Scope
from relayer.evm import results
from relayer.evm.abi import selector
from relayer.evm.errors import Malformed, Reverted
from relayer.evm.node import Node
from relayer.evm.rpc import JsonRpc
from relayer.metrics import RelayerMetrics

CREATED: Final = (
    "ProposalCreated(uint256,address,address[],uint256[],string[],bytes[],uint256,uint256,string)"
)
_CREATED_TYPES: Final = CREATED[CREATED.index("(") + 1 : -1].split(",")
LOG_BLOCKS: Final = 10_000
TIMEOUT_S: Final = 20.0
NAMED: Final = ("RISK", "ORACLE", "VAULT")


class Voting(NamedTuple):
    """How a proposal stands."""

    state: str
    starts_s: int
    ends_s: int
    eta_s: int
    against: int
    in_favour: int
    abstaining: int
    quorum: int | None
    """None while it is not known: before voting begins."""


@dataclass(frozen=True)
class Deployment:
    """Addresses; those of the engine name the others."""

    governor: str | None
    engine: str | None


@asynccontextmanager
async def opened(urls: Sequence[str], chain_id: int) -> AsyncIterator[Chain]:
    """Connect to a chain's nodes, which must be of that chain."""
    metrics = RelayerMetrics(CollectorRegistry())
    rpc = JsonRpc(f"chain {chain_id}", chain_id, urls, TIMEOUT_S, metrics)
    try:
        await rpc.check()
        yield Chain(rpc)
    finally:
        await rpc.aclose()


class Chain:
    """One chain's contracts, as its nodes tell."""

    def __init__(self, rpc: JsonRpc) -> None:
        self.rpc: Final = rpc
        self._node: Final = Node(rpc)

    async def ask(self, to: str, signature: str, given: Sequence[Any], types: list[str]) -> Any:
        """Return what a function returns: a value, or a tuple of several.

        Raises:
            Rejected: it reverts, or there is no such function.
        """
        inner = signature[signature.index("(") + 1 : -1]
        data = selector(signature) + encode(inner.split(",") if inner else [], given)
        said = await self._node.call(to, data)
        try:
            values = decode(types, said)
        except (DecodingError, OverflowError, UnicodeDecodeError) as error:
            raise Rejected(f"{to} answers no {signature}") from error
        return values if len(types) > 1 else values[0]

    async def logs(self, topic: str, address: str, first: int) -> list[results.Log]:
        """Return all events of a kind since a block."""
        last = await self.rpc.first([("eth_blockNumber", [])], lambda said: results.number(said[0]))
        found: list[results.Log] = []
        for start in range(first, last + 1, LOG_BLOCKS):
            asked = {
                "fromBlock": hex(start),
                "toBlock": hex(min(start + LOG_BLOCKS - 1, last)),
                "address": address,
                "topics": [topic],
            }
            found += await self.rpc.first([("eth_getLogs", [asked])], _logs)
        return found

    async def proposal(self, governor: str, number: int, first: int) -> Proposal:
        """Return a proposal by its number, from the event that created it.

        Raises:
            ConfigError: there is none.
        """
        for log in await self.logs(f"0x{keccak(CREATED.encode()).hex()}", governor, first):
            proposal = _created(log.data)
            # A node that lies of the calls cannot make them hash to the number asked for.
            if proposal is not None and proposal.number == number:
                return proposal
        raise ConfigError(
            f"{governor} has no proposal {number} since block {first}: check --governor, "
            "--from-block and the number"
        )

    async def voting(self, governor: str, number: int) -> Voting | None:
        """Return how a proposal stands; None where nobody proposed it."""
        try:
            state = await self.ask(governor, "state(uint256)", [number], ["uint8"])
        except Reverted:
            return None
        starts = await self.ask(governor, "proposalSnapshot(uint256)", [number], ["uint256"])
        ends = await self.ask(governor, "proposalDeadline(uint256)", [number], ["uint256"])
        eta = await self.ask(governor, "proposalEta(uint256)", [number], ["uint256"])
        against, in_favour, abstaining = await self.ask(
            governor, "proposalVotes(uint256)", [number], ["uint256"] * 3
        )
        try:
            quorum = await self.ask(governor, "quorum(uint256)", [starts], ["uint256"])
        except Reverted:
            quorum = None
        name = STATES[state] if state < len(STATES) else f"state {state}"
        return Voting(name, starts, ends, eta, against, in_favour, abstaining, quorum)

    async def known(self, deployment: Deployment, calls: Sequence[Call]) -> Known:
        """Return what holds now of all that some calls would change."""
        known = Known(names=await self._names(deployment))
        for call in calls:
            await self._governed(call, known)
            await self._committee(call, known)
        oracle = next((at for at, name in known.names.items() if name == "ORACLE"), None)
        if oracle is not None:
            for market in sorted(_markets(calls)):
                known.instruments |= await self._instrument(oracle, market)
        return known

    async def _names(self, deployment: Deployment) -> dict[str, str]:
        names: dict[str, str] = {}
        if deployment.governor is not None:
            timelock = await self.ask(deployment.governor, "timelock()", [], ["address"])
            names |= {deployment.governor.lower(): "GOVERNOR", timelock.lower(): "TIMELOCK"}
        if deployment.engine is not None:
            for name in NAMED:
                at = await self.ask(deployment.engine, f"{name}()", [], ["address"])
                names[at.lower()] = name
            names[deployment.engine.lower()] = "ENGINE"
        return names

    async def _governed(self, call: Call, known: Known) -> None:
        for scope, number, field, _ in changes_of(call):
            if scope not in set(Scope) or (Scope(scope), field) not in FIELDS:
                continue
            signature, asked = "governed(uint8,uint256,uint256)", [scope, number, field]
            try:
                value = await self.ask(call.target, signature, asked, ["uint256"])
            except Rejected:
                continue
            known.governed[call.target, Scope(scope), number, field] = value

    async def _committee(self, call: Call, known: Known) -> None:
        act = decoded(call.data)
        if act is None or act.function is not functions.SET_COMMITTEE:
            return
        try:
            epoch = await self.ask(call.target, "currentEpoch()", [], ["uint32"])
            members, threshold, _ = await self.ask(
                call.target, "committee(uint32)", [epoch], ["address[]", "uint8", "uint64"]
            )
        except Rejected:
            return
        known.committees[call.target] = Members(epoch, tuple(members), threshold)

    async def _instrument(self, oracle: str, market: int) -> dict[int, str]:
        try:
            named, _ = await self.ask(
                oracle, "instrumentOf(uint256)", [market], ["bytes32", "uint32"]
            )
        except Rejected:
            return {}
        name = named.rstrip(b"\0").decode("ascii", "backslashreplace")
        return {market: f"{name} (number {market})"} if name else {}


def _markets(calls: Sequence[Call]) -> set[int]:
    """Return the market numbers that some calls speak of, those behind collaterals too."""
    changes = [change for call in calls for change in changes_of(call)]
    found = {number for scope, number, _, _ in changes if scope == Scope.MARKET}
    for scope, _, field, value in changes:
        one = FIELDS.get((Scope(scope), field)) if scope in set(Scope) else None
        found |= {value} if one is not None and one.unit == "market" else set()
    return found


def _logs(said: list[Any]) -> list[results.Log]:
    try:
        return [
            results.Log(log["address"].lower(), tuple(log["topics"]), results.data(log["data"]))
            for log in said[0]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"answers {said[0]!r:.80}") from error


def _created(data: bytes) -> Proposal | None:
    """Return what an event says was proposed; None where it is none of a Governor's."""
    try:
        _, proposer, targets, values, _, datas, _, _, text = decode(_CREATED_TYPES, data)
        return of_parts(targets, values, datas, text, proposer)
    except (DecodingError, OverflowError, ValueError):
        return None

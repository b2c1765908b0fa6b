"""Whom a proposal would touch: every account's margin, as it is and as it would be.

The node executes the calls in a block that it only imagines (eth_simulateV1) and answers for each
account in it, so nothing of the contracts' arithmetic is repeated here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from oracle.cli.gov_chain import Chain
from oracle.governance.proposal import Call
from oracle.governance.refusals import told
from oracle.model.errors import Rejected
from relayer.evm import results
from relayer.evm.abi import selector
from relayer.evm.errors import Malformed, NodeError

FILLED: Final = "Filled(uint256,uint256,int256,uint256,uint256,int256,int256)"
DEPOSITED: Final = "Deposited(uint256,uint256,uint256,address)"
SUB_BITS: Final = 96
"""Of an account's number: which of its owner's it is."""
AT_ONCE: Final = 50
"""Accounts that one imagined block answers for."""
PERMIT, LIQUIDATE = 0, 1
_MARGIN: Final = ("int256", "uint256", "uint256", "bool")


class Standing(NamedTuple):
    """How many of some accounts stand where."""

    below_initial: frozenset[int]
    below_maintenance: frozenset[int]


NOBODY: Final = Standing(frozenset(), frozenset())


class Affected(NamedTuple):
    """What a proposal would do to accounts."""

    accounts: int
    now: Standing
    then: Standing | None
    """None where the node refuses one of the calls, or cannot tell."""
    refused: str | None
    """Why they would fail, executed now."""


async def affected(
    chain: Chain, names: Mapping[str, str], calls: Sequence[Call], sender: str, first: int
) -> Affected:
    """Judge every account that ever traded or deposited.

    Raises:
        Rejected: the node cannot simulate.
    """
    by_name = {name: address for address, name in names.items()}
    engine = by_name["ENGINE"]
    accounts = await _accounts(chain, engine, by_name["VAULT"], first)
    parts = [accounts[at : at + AT_ONCE] for at in range(0, len(accounts), AT_ONCE)] or [[]]
    refused: str | None = None
    now, then = NOBODY, NOBODY
    for part in parts:
        now = _joined(now, (await _imagined(chain, engine, (), sender, part))[0])
        if refused is None:
            after, refused = await _imagined(chain, engine, calls, sender, part)
            then = _joined(then, after)
    return Affected(len(accounts), now, None if refused else then, refused)


async def _accounts(chain: Chain, engine: str, vault: str, first: int) -> list[int]:
    found: set[int] = set()
    for event, address in ((FILLED, engine), (DEPOSITED, vault)):
        logs = await chain.logs(f"0x{keccak(event.encode()).hex()}", address, first)
        found |= {_account(log) for log in logs}
    # What no address owns is a row of the protocol's own.
    return sorted(account for account in found if account >> SUB_BITS)


def _account(log: results.Log) -> int:
    try:
        return int(log.topics[1], 16)
    except (IndexError, ValueError, TypeError) as error:
        raise Rejected(f"a log with topics {log.topics!r:.80}") from error


async def _imagined(
    chain: Chain, engine: str, calls: Sequence[Call], sender: str, accounts: Sequence[int]
) -> tuple[Standing, str | None]:
    """Return where accounts stand after some calls, and why one of those fails."""
    acts: list[dict[str, str]] = [
        {"from": sender, "to": call.target, "data": "0x" + call.data.hex()} for call in calls
    ]
    asked = [(account, purpose) for account in accounts for purpose in (PERMIT, LIQUIDATE)]
    acts += [{"to": engine, "data": _margin_of(*one)} for one in asked]
    if not acts:
        return NOBODY, None
    said = await _simulated(chain, acts)
    for at, (call, answer) in enumerate(zip(calls, said, strict=False)):
        if not answer.succeeded:
            why = f"call {at + 1} to {call.target}: {told(answer.data)}"
            return NOBODY, why
    initial, maintenance = set[int](), set[int]()
    for (account, purpose), answer in zip(asked, said[len(calls) :], strict=True):
        if not answer.succeeded:
            continue
        equity, needs, least, _ = _margin(answer.data)
        if purpose == PERMIT and equity < needs:
            initial.add(account)
        if purpose == LIQUIDATE and equity < least:
            maintenance.add(account)
    return Standing(frozenset(initial), frozenset(maintenance)), None


class _Answer(NamedTuple):
    """What an imagined call gives."""

    succeeded: bool
    data: bytes
    """What it returns, or reverts with."""


async def _simulated(chain: Chain, acts: list[dict[str, str]]) -> list[_Answer]:
    now_s = await chain.rpc.first(
        [("eth_getBlockByNumber", ["latest", False])], lambda said: results.head(said[0]).time_s
    )
    # A second on: some nodes else imagine a block at the beginning of time.
    block = {"blockOverrides": {"time": hex(now_s + 1)}, "calls": acts}
    asked = {"blockStateCalls": [block], "validation": False}
    try:
        answers = await chain.rpc.first([("eth_simulateV1", [asked, "latest"])], _answers)
    except NodeError as error:
        raise Rejected(f"this node cannot simulate (eth_simulateV1): {error.reason}") from error
    if len(answers) != len(acts):
        raise Rejected("this node answers eth_simulateV1 only in part")
    return answers


def _answers(said: list[Any]) -> list[_Answer]:
    try:
        return [_answer(one) for one in said[0][0]["calls"]]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise Malformed(f"answers {said[0]!r:.80}") from error


def _answer(one: Mapping[str, Any]) -> _Answer:
    reverted = (one.get("error") or {}).get("data")
    data = results.data(reverted or one.get("returnData") or "0x")
    return _Answer(results.quantity(one["status"]) == 1, data)


def _margin_of(account: int, purpose: int) -> str:
    data = selector("marginOf(uint256,uint8)") + encode(["uint256", "uint8"], [account, purpose])
    return f"0x{data.hex()}"


def _margin(data: bytes) -> tuple[int, int, int, bool]:
    try:
        equity, initial, maintenance, complete = decode(_MARGIN, data)
    except (DecodingError, OverflowError) as error:
        raise Rejected(
            f"marginOf answers 0x{data.hex():.80}: is --engine a perp engine?"
        ) from error
    return equity, initial, maintenance, complete


def _joined(one: Standing, other: Standing) -> Standing:
    return Standing(
        one.below_initial | other.below_initial,
        one.below_maintenance | other.below_maintenance,
    )

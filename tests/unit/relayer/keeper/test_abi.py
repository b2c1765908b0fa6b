"""What the keeper calls and hears, beside the contracts' generated ABIs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_utils.abi import collapse_if_tuple

from relayer.evm.errors import Malformed
from relayer.evm.results import Log
from relayer.keeper import abi
from relayer.keeper.abi import Event, Function

ABIS = Path(__file__).parents[4] / "contracts/abi"
OF = {
    "PerpEngine": "POSITION MARKETS_OF OPEN_MARKETS MARKET_STATE MARGIN_OF ACCRUE TRADERS_PNL",
    "Vault": "CASH_OF HELD_BY SHARES_OF RATE",
    "RiskParameters": "MARKET_RISK COLLATERAL_RISK GLOBAL_RISK",
    "Orders": "GET_ORDER SETTLE SETTLE_MANY TRIGGER EXPIRE",
    "Liquidator": "RECORD_OF WINDOW_OF DEFICIT_OF MARGIN_CALL LIQUIDATE SEIZE BACKSTOP ABSORB "
    "NOMINATE DELEVERAGE SHARE_DEFICIT",
}


def entries(contract: str) -> list[dict[str, Any]]:
    """Return a contract's ABI."""
    found: list[dict[str, Any]] = json.loads((ABIS / f"{contract}.json").read_text())["abi"]
    return found


def flat(types: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the types, a struct that is the only answer as its fields."""
    if len(types) == 1 and types[0]["type"] == "tuple":
        return tuple(collapse_if_tuple(one) for one in types[0]["components"])
    return tuple(collapse_if_tuple(one) for one in types)


@pytest.mark.parametrize(
    ("contract", "name"), [(where, name) for where, names in OF.items() for name in names.split()]
)
def test_a_function_is_the_contracts(contract: str, name: str) -> None:
    """Name, arguments and answers: what moves in a contract fails here."""
    function: Function = getattr(abi, name)
    (entry,) = (
        one
        for one in entries(contract)
        if one["type"] == "function" and one["name"] == function.name
    )
    assert tuple(collapse_if_tuple(one) for one in entry["inputs"]) == function.inputs
    outputs = function.outputs
    if len(outputs) == 1 and outputs[0].startswith("("):
        outputs = tuple(outputs[0][1:-1].split(","))
    if outputs:
        assert flat(entry["outputs"]) == outputs


def test_events_are_the_contracts() -> None:
    """Each topic is of an event, whose indexed arguments name the accounts or the order."""
    declared = {
        Event(one["name"], tuple(collapse_if_tuple(i) for i in one["inputs"])).topic: one
        for contract in OF
        for one in entries(contract)
        if one["type"] == "event"
    }
    for topic, places in abi.ACCOUNT_TOPICS.items():
        for place in places:
            argument = declared[topic]["inputs"][place - 1]
            assert argument["indexed"]
            assert argument["name"] in ("account", "from", "to")
    for topic in abi.ORDER_TOPICS:
        assert declared[topic]["inputs"][0]["name"] == "id"
        assert declared[topic]["inputs"][0]["indexed"]


def test_what_is_no_answer_is_malformed() -> None:
    """A short answer, and a log without the topics that it needs."""
    with pytest.raises(Malformed):
        abi.POSITION.read(b"\x00")
    with pytest.raises(Malformed):
        abi.numbers(Log("0x", ("0xaa",), b""), (1,))


def test_rows_of_the_protocol_are_no_accounts() -> None:
    """The pool is nobody's; a wallet's own account is its address above the sub-account."""
    assert abi.is_system(abi.POOL)
    assert abi.own_account("0x" + "00" * 19 + "01") == 1 << 96
    assert not abi.is_system(1 << 96)

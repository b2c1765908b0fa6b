"""What nodes answer, parsed or refused."""

from __future__ import annotations

from typing import Any

import pytest

from relayer.evm import results
from relayer.evm.errors import Malformed
from relayer.evm.fees import FeeHistory

HASH = "0x" + "ab" * 32
RECEIPT: dict[str, Any] = {
    "transactionHash": HASH.upper().replace("0X", "0x"),
    "blockNumber": "0x5",
    "blockHash": "0xb",
    "status": "0x1",
    "gasUsed": "0x64",
    "effectiveGasPrice": "0x3",
    "logs": [],
}


def test_what_a_transaction_cost() -> None:
    """Gas at its price, and what an L2 charges for its data besides."""
    plain = results.receipt(RECEIPT, HASH)
    on_l2 = results.receipt({**RECEIPT, "l1Fee": "0x7"}, HASH)

    assert plain is not None
    assert on_l2 is not None
    assert (plain.transaction, plain.paid_wei, on_l2.paid_wei) == (HASH, 300, 307)


def test_a_price_left_out_is_not_known() -> None:
    """Not nothing: the budget would never end."""
    bare = results.receipt({k: v for k, v in RECEIPT.items() if k != "effectiveGasPrice"}, HASH)

    assert bare is not None
    assert bare.price_wei is None


@pytest.mark.parametrize("value", [None, {**RECEIPT, "blockNumber": None}])
def test_no_block_is_no_receipt(value: Any) -> None:
    """Some nodes give a receipt without a block for what is in the pool."""
    assert results.receipt(value, HASH) is None


@pytest.mark.parametrize(
    "value",
    [
        7,
        [],
        {"blockNumber": "0x1"},
        {**RECEIPT, "transactionHash": "0x" + "cd" * 32},
        {**RECEIPT, "status": 1},
        {**RECEIPT, "blockNumber": hex(2**63)},
        {**RECEIPT, "logs": [{}]},
        {**RECEIPT, "logs": None},
    ],
)
def test_a_wrong_receipt_is_malformed(value: Any) -> None:
    """Also one of another transaction, and a block that no chain will reach."""
    with pytest.raises(Malformed, match="answers"):
        results.receipt(value, HASH)


@pytest.mark.parametrize("value", [None, "latest", {}, {"number": "0x1", "hash": "0x"}])
def test_a_wrong_header_is_malformed(value: Any) -> None:
    """Nothing is guessed."""
    with pytest.raises(Malformed):
        results.head(value)


@pytest.mark.parametrize(
    ("value", "fees"),
    [
        (
            {"baseFeePerGas": ["0x1", "0x2"], "reward": [["0x3", "0x4"], ["0x5", "0x6"]]},
            FeeHistory(2, (3, 5), (4, 6)),
        ),
        ({"baseFeePerGas": ["0x2"], "reward": None}, FeeHistory(2, (), ())),
        ({"baseFeePerGas": []}, None),
        ({}, None),
        (None, None),
        ({"baseFeePerGas": ["0x2"], "reward": [[]]}, None),
    ],
)
def test_recent_fees(value: Any, fees: FeeHistory | None) -> None:
    """Both percentiles of each block; a chain without base fees has none."""
    assert results.fees(value) == fees

"""Chains of one deployment, compared: every difference is named with both values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deploy.evm.comparing import EpochState, Governed, differences

FOREVER = 2**64 - 1
FIRST = EpochState(("0xa", "0xb", "0xc"), 2, 1000, 0)
SECOND = EpochState(("0xa", "0xb", "0xd"), 2, FOREVER, 0)
ALPHA = Governed(2, {1: FIRST, 2: SECOND}, {0: ("BTC-USD", 1), 3: ("", 2)})


def _epoch(number: int, **changes: Any) -> Governed:
    return replace(ALPHA, epochs={**ALPHA.epochs, number: replace(ALPHA.epochs[number], **changes)})


def test_chains_that_are_alike():
    """One, two or none: nothing is said."""
    assert differences({}) == []
    assert differences({"alpha": ALPHA, "beta": ALPHA}) == []


@pytest.mark.parametrize(
    ("beta", "text"),
    [
        (replace(ALPHA, epoch=1), "the current epoch is 2 on alpha; 1 on beta"),
        (
            _epoch(2, members=("0xa", "0xb", "0xe")),
            "the list of members of epoch 2 is 0xa, 0xb, 0xd on alpha; 0xa, 0xb, 0xe on beta",
        ),
        (_epoch(2, threshold=3), "the threshold of epoch 2 is 2 on alpha; 3 on beta"),
        (_epoch(1, valid_until_s=9), "the end of epoch 1 is unix 1000 on alpha; unix 9 on beta"),
        (_epoch(2, revoked=0b100), "who is revoked of epoch 2 is nobody on alpha; 0xd on beta"),
        (
            replace(ALPHA, instruments={0: ("ETH-USD", 1), 3: ("", 2)}),
            "market 0 is BTC-USD since epoch 1 on alpha; ETH-USD since epoch 1 on beta",
        ),
        (
            replace(ALPHA, instruments={0: ("BTC-USD", 2), 3: ("", 2)}),
            "market 0 is BTC-USD since epoch 1 on alpha; BTC-USD since epoch 2 on beta",
        ),
        (
            replace(ALPHA, instruments={0: ("BTC-USD", 1)}),
            "market 3 is retired since epoch 2 on alpha; nothing on beta",
        ),
    ],
)
def test_each_difference_is_named(beta: Governed, text: str):
    """What, and what it is on each chain."""
    assert differences({"alpha": ALPHA, "beta": beta}) == [text]

"""What is offered for gas, within the cap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.model.errors import Retryable
from relayer.evm.fees import (
    GWEI,
    MIN_PRIORITY_WEI,
    FeeHistory,
    Fees,
    outbid,
    quote,
    quote_legacy,
)


@pytest.mark.parametrize(
    ("history", "fees"),
    [
        (FeeHistory(10 * GWEI, [GWEI, 3 * GWEI, 2 * GWEI]), Fees(22 * GWEI, 2 * GWEI)),
        (FeeHistory(10 * GWEI, [0, 0, 3 * GWEI]), Fees(23 * GWEI, 3 * GWEI)),
        (FeeHistory(10 * GWEI, []), Fees(20 * GWEI + MIN_PRIORITY_WEI, MIN_PRIORITY_WEI)),
        (FeeHistory(60 * GWEI, [GWEI]), Fees(100 * GWEI, GWEI)),
        (FeeHistory(100 * GWEI, [200 * GWEI]), Fees(100 * GWEI, 100 * GWEI)),
    ],
)
def test_quote(history: FeeHistory, fees: Fees) -> None:
    """Twice the base fee and the usual tip, empty blocks ignored, never above the cap."""
    assert quote(history, 100 * GWEI) == fees


def test_waits_when_the_base_fee_is_above_the_cap() -> None:
    """One wei above waits, and says which setting would change that."""
    with pytest.raises(Retryable, match=r"above max_fee_gwei 100: .* raise max_fee_gwei"):
        quote(FeeHistory(100 * GWEI + 1, []), 100 * GWEI)
    with pytest.raises(Retryable, match="above max_fee_gwei"):
        quote_legacy(101 * GWEI, 100 * GWEI)
    assert quote_legacy(100 * GWEI, 100 * GWEI) == Fees(100 * GWEI, None)


def test_outbids_on_both_fees() -> None:
    """A node takes a replacement only when both fees rise; a fresh quote may ask more."""
    assert outbid(Fees(1000, 1000), Fees(100, 10), Fees(50, 1), 1000) == Fees(125, 13)
    assert outbid(Fees(1000, 1000), Fees(100, 10), Fees(300, 20), 1000) == Fees(300, 20)
    assert outbid(Fees(1000, 1000), Fees(100, None), Fees(50, None), 1000) == Fees(125, None)
    assert outbid(Fees(1000, 1000), Fees(100, None), Fees(130, 1), 1000) == Fees(130, 125)
    assert outbid(Fees(1000, 1000), Fees(80, 80), Fees(1, 1), 100) == Fees(100, 100)
    with pytest.raises(Retryable, match="stays in the pool"):
        outbid(Fees(1000, 1000), Fees(81, 1), Fees(1, 1), 100)


def test_bumps_come_to_an_end() -> None:
    """Four times the first bid, unless blocks ask for more."""
    assert outbid(Fees(100, 10), Fees(320, 10), Fees(50, 1), 10**6) == Fees(400, 13)
    with pytest.raises(Retryable, match="more than 4 times its first bid"):
        outbid(Fees(100, 10), Fees(321, 10), Fees(50, 1), 10**6)
    assert outbid(Fees(100, 10), Fees(321, 10), Fees(900, 1), 10**6) == Fees(900, 13)


fee = st.integers(1, 10**13)


@given(fee, st.lists(fee, max_size=10), fee)
def test_never_above_the_cap(base: int, rewards: list[int], cap: int) -> None:
    """Whatever the blocks say: enough for the next block, and no more than the operator allows."""
    if base > cap:
        return
    fees = quote(FeeHistory(base, rewards), cap)

    assert fees.priority_wei is not None
    assert max(base, fees.priority_wei) <= fees.max_wei <= cap


@given(st.tuples(fee, fee).map(sorted), st.tuples(fee, fee).map(sorted), st.integers(1, 2 * 10**13))
def test_a_replacement_is_acceptable(sent: list[int], fresh: list[int], cap: int) -> None:
    """Both fees rise by an eighth at least, within the cap, or the bid is refused."""
    before, now = Fees(sent[1], sent[0]), Fees(fresh[1], fresh[0])
    try:
        bid = outbid(before, before, now, cap)
    except Retryable:
        return

    assert before.priority_wei is not None
    assert bid.priority_wei is not None
    assert bid.max_wei * 8 >= before.max_wei * 9
    assert bid.priority_wei * 8 >= before.priority_wei * 9
    assert max(bid.priority_wei, now.max_wei) <= bid.max_wei <= cap

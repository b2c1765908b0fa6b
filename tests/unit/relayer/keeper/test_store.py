"""What a keeper has followed, on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from oracle.model.errors import ConfigError
from relayer.keeper.margin import Account
from relayer.keeper.store import ACCOUNT, ORDER, Order, Store, Tip
from tests.unit.relayer.keeper.worlds import account, accounts


@given(accounts(2**255 + 7))
def test_an_account_comes_back_as_it_was(one: Account) -> None:
    """Numbers of 256 bits, below zero too; an empty one is forgotten."""
    store = Store()
    store.put_accounts([one])
    assert store.account(one.number) == (None if one.is_empty else one)
    store.close()


def test_what_later_blocks_touched_is_read_again_after_going_back() -> None:
    """Only that: what an earlier block touched is as it was."""
    store = Store()
    store.advance(Tip(10, "a"), [(9, ACCOUNT, 1)], 0)
    store.advance(Tip(20, "b"), [(15, ACCOUNT, 2), (16, ORDER, 3)], 0)
    store.put_accounts([account(1, 1), account(2, 1)])
    store.put_order(3, None)
    assert store.dirty_count() == 0
    store.roll_back(10)
    assert store.tip() == Tip(10, "a")
    assert (store.dirty(ACCOUNT, 9), store.dirty(ORDER, 9)) == ([2], [3])


def test_everything_is_in_doubt_where_no_block_is_shared() -> None:
    """Further back than what is remembered: all accounts and orders are read anew."""
    store = Store()
    store.advance(Tip(10, "a"), [], 0)
    store.put_accounts([account(1, 1), account(2, 1)])
    store.put_order(3, Order(3, 1, 5, 0, 0, 1, 2, 3, 0))
    store.roll_back(None)
    assert store.tip() is None
    assert sorted(store.dirty(ACCOUNT, 9)) == [1, 2]
    assert store.dirty(ORDER, 9) == [3]


def test_old_blocks_are_forgotten_but_never_the_tip() -> None:
    """As many hashes as may be needed, and what they touched."""
    store = Store()
    for number in range(0, 100, 10):
        store.advance(Tip(number, str(number)), [(number, ACCOUNT, number)], number - 25)
    assert [tip.number for tip in store.blocks()] == [90, 80, 70]
    store.advance(Tip(100, "x"), [], 200)
    assert store.tip() == Tip(100, "x")


def test_a_file_has_one_owner(tmp_path: Path) -> None:
    """A second process is told, and so is one with a damaged file."""
    store = Store(tmp_path / "state.sqlite")
    store.own(1, "0xAA")
    with pytest.raises(ConfigError, match="stop the other process"):
        Store(tmp_path / "state.sqlite")
    store.close()
    (tmp_path / "bad.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match="cannot be taken"):
        Store(tmp_path / "bad.sqlite")

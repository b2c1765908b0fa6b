"""What a relayer is called."""

from __future__ import annotations

from relayer.roster import name_of

ONE, TWO, THREE = ("0x" + digit * 40 for digit in "123")


def test_one_wallet_is_the_name() -> None:
    """Which an operator can look up."""
    assert name_of({"alpha": ONE, "beta": ONE}) == ONE


def test_several_wallets_tell_relayers_apart() -> None:
    """By all of them, in whatever order the chains are configured."""
    name = name_of({"alpha": ONE, "beta": TWO})
    assert name.startswith(f"{ONE}+")
    assert name == name_of({"beta": TWO, "alpha": ONE})
    assert name != name_of({"alpha": ONE, "beta": THREE})

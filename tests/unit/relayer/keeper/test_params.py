"""Parameters out of words; where each lies is held in `tests/unit/risk`."""

from __future__ import annotations

import re
from pathlib import Path

from oracle.risk.layout import FIELDS, Scope
from relayer.keeper.params import (
    ALLOWED_BITS,
    FUND,
    LIQUIDATE,
    GlobalRisk,
    MarketRisk,
)

SOURCE = Path(__file__).parents[4] / "contracts/evm/src/perp/lib/Fields.sol"


def test_the_table_of_actions_begins_at_the_lowest_validity() -> None:
    """A validity's byte is at its number, and the bits are the contract's Action."""
    declared = FIELDS[Scope.GLOBAL]
    names = ("halted", "missing", "stale", "too_volatile", "too_uncertain", "guarded", "valid")
    for at, name in enumerate(names):
        assert declared[f"allowed_{name}"] == (0, ALLOWED_BITS * at, ALLOWED_BITS)
    text = SOURCE.read_text()
    actions = re.findall(
        r"[A-Z]+", text[text.index("enum Action {") + 13 : text.index("}\n\n/// @title Fields")]
    )
    assert (actions[LIQUIDATE], actions[FUND]) == ("LIQUIDATE", "FUND")


def test_words_are_cut_into_their_fields() -> None:
    """Each value comes out of its own bits, with all others set."""
    ones = [2**256 - 1] * 3
    assert MarketRisk.of(ones).maintenance_1_bps == 2**16 - 1
    words = [0, 0, 0]
    word, shift, _ = FIELDS[Scope.MARKET]["target_bps"]
    words[word] = 12_345 << shift
    assert MarketRisk.of(words).target_bps == 12_345
    assert GlobalRisk.of([0b100 << 48, 0, 0]).allows(6, LIQUIDATE)
    assert not GlobalRisk.of([0b100 << 48, 0, 0]).allows(5, LIQUIDATE)

"""Where each governed parameter lies, beside the contracts' own statement of it."""

from __future__ import annotations

import re
from pathlib import Path

from relayer.keeper.params import (
    ALLOWED_BITS,
    COLLATERAL_FIELDS,
    FUND,
    GLOBAL_FIELDS,
    LIQUIDATE,
    MARKET_FIELDS,
    GlobalRisk,
    MarketRisk,
    Where,
)

SOURCE = Path(__file__).parents[4] / "contracts/evm/src/perp/lib/Fields.sol"
_FIELD = re.compile(
    r"constant (\w+) =\s*\((\d+) << 16\)\s*\|\s*\((\d+) << 8\)\s*\|\s*(\d+);",
)


def _declared() -> dict[str, Where]:
    return {
        name.lower(): (int(word), int(shift), int(width))
        for name, word, shift, width in _FIELD.findall(SOURCE.read_text())
    }


def test_every_field_lies_where_the_contracts_put_it() -> None:
    """A field that moves in Fields.sol fails here, before a keeper misreads it."""
    declared = _declared()
    assert len(declared) > 60
    for table in (MARKET_FIELDS, COLLATERAL_FIELDS, GLOBAL_FIELDS):
        assert table.items() <= declared.items()


def test_the_table_of_actions_begins_at_the_lowest_validity() -> None:
    """A validity's byte is at its number, and the bits are the contract's Action."""
    declared = _declared()
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
    word, shift, _ = MARKET_FIELDS["target_bps"]
    words[word] = 12_345 << shift
    assert MarketRisk.of(words).target_bps == 12_345
    assert GlobalRisk.of([0b100 << 48, 0, 0]).allows(6, LIQUIDATE)
    assert not GlobalRisk.of([0b100 << 48, 0, 0]).allows(5, LIQUIDATE)

"""Where parameters lie, and files of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oracle.model.errors import ConfigError
from oracle.risk.layout import FIELDS, NAMES, Scope, read
from oracle.risk.parameters import Change, Parameters

ROOT = Path(__file__).parents[3]
FIELDS_SOL = ROOT / "contracts/evm/src/perp/lib/Fields.sol"
DEFAULTS = ROOT / "deploy/risk/defaults.yaml"


def test_fields_lie_where_the_contracts_have_them() -> None:
    """Every constant of `Fields.sol` is here, with its word, shift and width, and no other."""
    pattern = r"constant (\w+)\s*= \((\d) << 16\) \| \((\d+) << 8\) \| (\d+);"
    there = [
        (name.lower(), tuple(map(int, where)))
        for name, *where in re.findall(pattern, FIELDS_SOL.read_text())
    ]
    here = [(name, tuple(where)) for scope in FIELDS.values() for name, where in scope.items()]
    assert here == there
    assert len(here) > 60


def test_no_two_fields_of_a_scope_share_a_bit() -> None:
    """Each field of a scope reads bits that no other reads."""
    for scope, fields in FIELDS.items():
        for name, where in fields.items():
            words = [0, 0, 0]
            words[where.word] = ((1 << where.width) - 1) << where.shift
            seen = {other: value for other, value in read(scope, words).items() if value}
            assert seen == {name: (1 << where.width) - 1}


def test_defaults_say_every_parameter() -> None:
    """The defaults leave none out that can be set."""
    given = Parameters.load(DEFAULTS)
    settable = {
        scope: {name for name in fields if not name.endswith("emergency_until_s")}
        for scope, fields in FIELDS.items()
    }
    assert given.common.keys() == settable[Scope.GLOBAL]
    assert all(market.keys() == settable[Scope.MARKET] for market in given.markets.values())
    assert all(
        collateral.keys() == settable[Scope.COLLATERAL] for collateral in given.collaterals.values()
    )


def test_a_file_becomes_the_calls_of_a_listing() -> None:
    """Changes carry scope, number and field as the contract takes them, markets by number."""
    given = Parameters.load(DEFAULTS)
    changes = given.changes(Scope.COLLATERAL, "ETH", 3, {"ETH-USD.index": 7, "ETH-USD.twap": 8}.get)
    named = {NAMES[Scope.COLLATERAL][change.field]: change for change in changes}
    assert named["twap_market"] == Change(1, 3, FIELDS[Scope.COLLATERAL]["twap_market"].code, 8)
    assert named["haircut_0_bps"].value == 1000


def test_a_file_on_top_changes_what_it_says() -> None:
    """Only what the upper file names differs."""
    below = Parameters.load(DEFAULTS)
    upper = Parameters.parse({"markets": {"BTC-USD": {"maintenance_0_bps": 250}}}, "it")
    both = upper.over(below)
    assert both.markets["BTC-USD"]["maintenance_0_bps"] == 250
    assert both.markets["ETH-USD"] == below.markets["ETH-USD"]
    assert both.common == below.common


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "must be a mapping"),
        ({"market": {}}, "unknown section market"),
        ({"global": {"warning": 1}}, "no parameter warning"),
        ({"global": {"warning_bps": 1.5}}, "must be a whole number"),
        ({"global": {"warning_bps": True}}, "must be a whole number"),
        ({"global": {"warning_bps": 65_536}}, "must be from 0 to 65535"),
        ({"global": {"allowed_valid": ["sell"]}}, "must be a list of open"),
        ({"global": {"allowed_valid": [["open"]]}}, "must be a list of open"),
        ({"markets": {"X": {"market_state": "closed"}}}, "must be one of unlisted, reduce_only"),
        ({"markets": {"X": {"market_state": ["listed"]}}}, "must be a whole number"),
        ({"global": {"global_emergency_until_s": 1}}, "no parameter global_emergency_until_s"),
    ],
)
def test_what_is_no_parameter_is_refused(given: object, said: str) -> None:
    """The error names the file, what was given and what may be."""
    with pytest.raises(ConfigError, match=said):
        Parameters.parse(given, "it.yaml")


def test_a_file_on_top_names_what_is_below() -> None:
    """A market that the lower file does not have is refused."""
    upper = Parameters.parse({"markets": {"DOGE-USD": {}}}, "it")
    with pytest.raises(ConfigError, match="no market DOGE-USD; there are BTC-USD"):
        upper.over(Parameters.load(DEFAULTS))


def test_what_a_base_leaves_out_is_named() -> None:
    """Parameters to begin with say everything; the defaults do."""
    Parameters.load(DEFAULTS).require_complete("defaults")
    part = Parameters.parse({"markets": {"X": {"delay_ms": 1000}}}, "it")
    with pytest.raises(ConfigError, match="it: global does not say allowed_halted, "):
        part.require_complete("it")

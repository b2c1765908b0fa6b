"""Calls in words, without a chain: what is understood, what is not, what is pretended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_utils.abi import abi_to_signature

from oracle.governance import functions
from oracle.governance.fields import FIELDS
from oracle.governance.functions import KNOWN, Function, decoded
from oracle.governance.proposal import Call
from oracle.governance.words import Known, Members, words_of
from oracle.risk.layout import FIELDS as LAYOUT
from oracle.risk.layout import LAPSES, Scope

ABI = Path(__file__).parents[3] / "contracts/abi"
RISK, ORACLE, VAULT, OTHER = ("0x" + digit * 40 for digit in "1234")
A, B, C = ("0x" + digit * 40 for digit in "abc")
MAINTENANCE = LAYOUT[Scope.MARKET]["maintenance_0_bps"].code
NAMES = {RISK: "RISK", ORACLE: "ORACLE", VAULT: "VAULT"}


def lines(target: str, data: bytes, known: Known | None = None, wei: int = 0) -> list[str]:
    """Return what a call does; warnings begin with an exclamation mark."""
    told = words_of(Call(target, wei, data), known or Known(names=NAMES))
    return [("! " if line.warning else "") + line.text for line in told]


def plain(name: str, types: list[str], *values: object) -> bytes:
    """Return calldata of any function."""
    return Function(name, tuple(types), ("",) * len(types)).call(*values)


def test_every_function_is_one_that_the_contracts_have() -> None:
    """A signature that changes in the contracts would make its calls unknown: it fails here."""
    there = {
        abi_to_signature(item)
        for file in ABI.glob("*.json")
        for item in json.loads(file.read_text())["abi"]
        if item["type"] == "function"
    }
    here = {f"{one.name}({','.join(one.types)})" for one in KNOWN.values()}
    assert here
    assert here - there == set()


def test_every_parameter_that_can_be_set_has_words() -> None:
    """Nothing that governance can change is left without a name and a unit."""
    settable = {
        (scope, where.code)
        for scope, fields in LAYOUT.items()
        for name, where in fields.items()
        if not name.endswith(LAPSES)
    }
    assert FIELDS.keys() == settable


@pytest.mark.parametrize(
    ("scope", "name", "value", "said"),
    [
        (Scope.MARKET, "maintenance_0_bps", 50, "0.50 %"),
        (Scope.MARKET, "taker_fee_e6", 600, "0.06 %"),
        (Scope.MARKET, "taker_fee_e6", 125, "0.0125 %"),
        (Scope.MARKET, "max_funding_e6", 10_000, "1.00 % a day"),
        (Scope.MARKET, "funding_velocity_e6", 0, "0.00 % a day, each day"),
        (Scope.MARKET, "premium_weight_e2", 300, "3.00 times a day"),
        (Scope.MARKET, "max_age_ms", 1500, "1,500 ms"),
        (Scope.MARKET, "max_age_ms", 60_000, "1 min"),
        (Scope.MARKET, "max_accrual_s", 90_000, "25 h"),
        (Scope.MARKET, "market_state", 1, "reduce only"),
        (Scope.MARKET, "market_state", 9, "no state (9)"),
        (Scope.MARKET, "depth", 3, "depth 3"),
        (Scope.COLLATERAL, "deposit_cap", 20_000, "20,000 tokens"),
        (Scope.GLOBAL, "keeper_flat_e6", 5_500_000, "5.50 USD"),
        (Scope.GLOBAL, "allowed_halted", 0, "nothing"),
        (Scope.GLOBAL, "allowed_guarded", 0b10_0110, "reduce, liquidate, withdraw"),
        (Scope.GLOBAL, "allowed_guarded", 1 << 7, "bit 7"),
        (Scope.GLOBAL, "depth_4_usd", 10**9, "1,000,000,000 USD"),
        (Scope.GLOBAL, "adl_window_s", 0, "0 s"),
    ],
)
def test_values_have_their_units(scope: Scope, name: str, value: int, said: str) -> None:
    """A share is a percentage, a duration has the largest unit that is exact."""
    assert FIELDS[scope, LAYOUT[scope][name].code].shown(value) == said


def test_a_change_shows_old_and_new() -> None:
    """The old value is of the contract that the call goes to, never of another."""
    data = functions.CHANGE.call([(0, 7, MAINTENANCE, 60)])
    known = Known(NAMES, {(RISK, Scope.MARKET, 7, MAINTENANCE): 50}, {7: "BTC-USD"})
    assert lines(RISK, data, known) == [
        "market BTC-USD: maintenance margin of bracket 0: 0.50 % -> 0.60 %"
    ]
    assert lines(OTHER, data, known) == [
        "market BTC-USD: maintenance margin of bracket 0: ? -> 0.60 %",
        f"! {OTHER} IS NOT THE RISK CONTRACT OF THIS DEPLOYMENT",
    ]


def test_fields_and_scopes_that_are_none_are_loud() -> None:
    """A field that we do not know is never left out."""
    data = functions.CHANGE.call([(0, 7, 12_345, 60), (9, 7, MAINTENANCE, 60)])
    assert lines(RISK, data) == [
        "! market 7: UNKNOWN FIELD 12345 -> 60",
        f"! all markets: UNKNOWN FIELD {MAINTENANCE} -> 60",
    ]
    data = functions.LIST.call(0, 7, [(0, 8, MAINTENANCE, 60), (0, 7, MAINTENANCE, 60)])
    assert lines(RISK, data)[1:] == [
        f"! SOMETHING ELSE: (0, 8, {MAINTENANCE}, 60)",
        "maintenance margin of bracket 0: 0.60 %",
    ]


def test_tightening_says_until_when() -> None:
    """The end is a time, not a number."""
    state = LAYOUT[Scope.COLLATERAL]["collateral_state"].code
    data = functions.TIGHTEN.call([(1, 2, state, 1)], 1_790_000_000)
    assert lines(RISK, data) == [
        "tightens until 2026-09-21 14:13:20 UTC:",
        "collateral 2: state: ? -> reduce only",
    ]


@pytest.mark.parametrize("more", [b"\0", bytes(32)])
def test_bytes_that_no_encoder_writes_are_not_believed(more: bytes) -> None:
    """What follows the arguments may mean something to a contract: the whole is shown raw."""
    data = functions.CHANGE.call([(0, 7, MAINTENANCE, 60)]) + more
    assert decoded(data) is None
    assert lines(RISK, data)[0].startswith("! UNKNOWN CALL")


def test_offsets_that_point_elsewhere_are_not_believed() -> None:
    """Two heads that share one tail decode, but encode to other bytes."""
    data = bytearray(functions.SET_COMMITTEE.call(2, [A], 1, 0, []))
    assert decoded(bytes(data)) is not None
    head = 4
    data[head + 4 * 32 : head + 5 * 32] = data[head + 32 : head + 2 * 32]
    assert decoded(bytes(data)) is None
    assert decoded(functions.CHANGE.selector + b"\xff" * 64) is None


def test_unknown_calls_plain_transfers_and_values_are_loud() -> None:
    """Whatever moves coins or is not understood stands out."""
    assert lines(OTHER, b"\xde\xad\xbe\xef") == [
        f"! UNKNOWN CALL to {OTHER}: read it byte by byte before you vote",
        "! 0xdeadbeef",
    ]
    assert lines(OTHER, b"", wei=5) == [
        f"! SENDS 5 wei to {OTHER}",
        f"! calls {OTHER} without data",
    ]


def test_a_rotation_compares_with_who_is_there() -> None:
    """Without knowing who was in it before, it says so."""
    data = functions.SET_COMMITTEE.call(5, [A, C], 2, 2**64 - 1, [(3, bytes(32))])
    known = Known(NAMES, committees={ORACLE: Members(4, (A, B), 2)})
    assert lines(ORACLE, data, known) == [
        "rotates the committee: epoch 5, 2 of 2 sign",
        "threshold: 2 of 2, epoch 4 -> 2 of 2",
        f"joins: {C}",
        f"leaves: {B}",
        "the epoch before is valid until for ever",
        "! retires market number 3",
    ]
    assert "! who was in it before could not be read" in lines(ORACLE, data)


def test_modules_owners_and_roles_are_loud() -> None:
    """Who may do what is never a detail."""
    assert lines(VAULT, functions.SET_MODULE.call(A, 2)) == [
        f"! names {A} the orders of the vault {VAULT}"
    ]
    assert lines(RISK, plain("transferOwnership", ["address"], A)) == [
        f"! transferOwnership of RISK: newOwner {A}"
    ]
    role = bytes(range(32))
    assert lines(OTHER, plain("grantRole", ["bytes32", "address"], role, A)) == [
        f"! grantRole of {OTHER}: role 0x{role.hex()}, account {A}"
    ]
    assert lines(OTHER, plain("acceptOwnership", [])) == [f"! acceptOwnership of {OTHER}"]
    assert lines(ORACLE, plain("setDefaultJumpRule", ["(uint16,uint16,uint32)"], (500, 3, 0))) == [
        "setDefaultJumpRule of ORACLE: rule (500, 3, 0)"
    ]


def test_what_the_governor_relays_is_read_too() -> None:
    """Tokens that leave are loud, at whatever depth."""
    inner = plain("transfer", ["address", "uint256"], A, 5)
    data = functions.RELAY.call(OTHER, 1, inner)
    assert lines(B, data) == [
        "! has the governor itself call:",
        f"! SENDS 1 wei to {OTHER}",
        f"! transfer of {OTHER}: to {A}, amount 5",
    ]


def test_what_is_sent_to_another_chain_is_read_too() -> None:
    """Calls inside a decision are decoded; values there are not this chain's."""
    inner = functions.CHANGE.call([(0, 7, MAINTENANCE, 60)])
    data = functions.SEND.call(10, A, [(RISK, inner), (B, b"\1\2\3\4")], 3600, 86_400)
    known = Known(NAMES, {(RISK, Scope.MARKET, 7, MAINTENANCE): 50})
    assert lines(OTHER, data, known) == [
        f"sends to chain 10, governor {A}, not before 3,600 s and for 86,400 s (values there are "
        "not read here):",
        "market 7: maintenance margin of bracket 0: ? -> 0.60 %",
        f"! UNKNOWN CALL to {B}: read it byte by byte before you vote",
        "! 0x01020304",
    ]

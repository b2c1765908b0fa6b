"""What a contract may store of a signed word: docs/report-format.md, a case a row."""

from __future__ import annotations

import pytest

from oracle.model.messages import Receipt
from oracle.report.report import Leaf, decode, encode
from oracle.report.word import PAUSE_SHIFT, pack_word
from oracle.verify.findings import Differs, NothingToCheck, Unchecked, exit_code
from oracle.verify.stored import Delivered, check_delivered, check_receipts
from tests.unit.verify.rounds import BODY, TERMS, checked

TIME_MS = 1_790_000_000_000
PRICE = 10**7 | 13 << 27
VALID, VOLATILE, HALTED, MISSING = 6 << 50, 3 << 50, 0, 1 << 50
CONF = 5 << 32
REPORT = decode(BODY)


def stored(signed: int, kept: int, **changes) -> str:
    """Check a report with one signed entry against what a contract stored."""
    leaf = Leaf(0, 0, pack_word(TIME_MS, [signed]))
    report = REPORT._replace(leaves=(leaf,), groups=1)
    word = pack_word(TIME_MS, [kept])
    told = Delivered("a chain", "0xab", 7, True, None, report.slot, {0: word}, {0: word})
    return check_delivered(report, encode(report), told._replace(**changes), TERMS)


@pytest.mark.parametrize(
    ("signed", "held"),
    [
        (PRICE | CONF | VALID, PRICE | CONF | VALID),
        (PRICE | CONF | VALID, PRICE | CONF | VOLATILE),
        (HALTED, HALTED | PRICE),
        (MISSING, MISSING | PRICE),
        (PRICE | VALID, MISSING | PRICE),
        (HALTED, HALTED),
    ],
)
def test_what_a_contract_may_store(signed: int, held: int):
    """As signed; a jump as TOO_VOLATILE; no price with the last price; unbound as MISSING."""
    assert "stored groups 0" in stored(signed, held)


@pytest.mark.parametrize(
    ("signed", "held", "field"),
    [
        (PRICE | VALID, PRICE + 1 | VALID, "mantissa"),
        (PRICE | VOLATILE, PRICE | VALID, "validity"),
        (PRICE | VALID, PRICE + 1 | VOLATILE, "mantissa"),
        (PRICE | CONF | VALID, PRICE | VALID, "confidence"),
        (HALTED, MISSING | PRICE, "mantissa"),
        (MISSING, PRICE | VALID, "mantissa"),
        (HALTED, HALTED | PRICE | CONF, "mantissa"),
        (PRICE | VALID, PRICE | HALTED, "validity"),
    ],
)
def test_what_it_may_not(signed: int, held: int, field: str):
    """Another price, a better validity, a confidence of its own."""
    with pytest.raises(Differs) as caught:
        stored(signed, held)
    assert caught.value.difference.field == field
    assert "M0-USD" in caught.value.difference.where


def test_pauses_are_the_contracts_own():
    """Its storage has a pause bit: the word under it is compared without."""
    paused = int.from_bytes(pack_word(TIME_MS, [PRICE | VALID]), "big") | 1 << PAUSE_SHIFT
    word = paused.to_bytes(32, "big")
    assert "stored groups 0" in stored(PRICE | VALID, PRICE | VALID, held={0: word})


def test_a_newer_word_in_storage_is_a_later_report():
    """Another update in the same block came after it; an older one cannot be."""
    newer, older = (pack_word(TIME_MS + by, [PRICE | VALID]) for by in (1, -1))
    assert "stored groups 0" in stored(PRICE | VALID, PRICE | VALID, held={0: newer})
    with pytest.raises(Differs, match="stored word"):
        stored(PRICE | VALID, PRICE | VALID, held={0: older})


def test_what_was_not_stored_must_have_been_old():
    """Without an event the contract held newer words, or something is wrong with it."""
    newer, older = (pack_word(TIME_MS + by, [PRICE | VALID]) for by in (1, -1))
    said = stored(PRICE | VALID, PRICE | VALID, updated={}, slot=None, held={0: newer})
    assert "stored nothing" in said
    with pytest.raises(Differs, match="time_ms"):
        stored(PRICE | VALID, PRICE | VALID, updated={}, slot=None, held={0: older})
    same, other = (pack_word(TIME_MS, [price | VALID]) for price in (PRICE, PRICE + 1))
    stored(PRICE | VALID, PRICE | VALID, updated={}, slot=None, held={0: same})
    with pytest.raises(Differs, match="mantissa"):
        stored(PRICE | VALID, PRICE | VALID, updated={}, slot=None, held={0: other})


def receipt(transaction: str, *, accepted: bool = True) -> Receipt:
    """Return what a relayer archived of a transaction."""
    return Receipt(
        "a chain", 1, REPORT.slot, "first", transaction, accepted, "", 7, 100, (0,), 0, 0, 0
    )


def test_an_archived_receipt_of_nothing():
    """What an archive says was accepted, and no chain tells of, is not passed over."""
    told = Delivered("a chain", "0xab", 7, True, None, REPORT.slot, {0: bytes(32)}, {})
    assert "1 archived receipts say the same" in check_receipts([receipt("0xAB")], [told])
    for delivered in ([told], []):
        with pytest.raises(Unchecked, match="a chain has not told of 0x"):
            check_receipts([receipt("0xab"), receipt("0xcd")], delivered)
    with pytest.raises(NothingToCheck):
        check_receipts([receipt("0xcd", accepted=False)], [told])
    findings = checked(receipts=[receipt("0xcd")], chains=1)
    assert exit_code(findings) == 2
    assert [f.what for f in findings if f.number == 2] == ["receipts"]


def test_a_group_that_the_report_has_not():
    """An event with other groups than the report carries."""
    word = pack_word(TIME_MS, [PRICE | VALID])
    with pytest.raises(Differs, match="groups stored"):
        stored(PRICE | VALID, PRICE | VALID, updated={9: word})

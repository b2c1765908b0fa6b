"""No bit of what was signed can be another unnoticed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.verify.findings import Outcome, exit_code
from tests.unit.verify.rounds import BODY, PROPOSAL, checked


def flipped(data: bytes, bit: int) -> bytes:
    """Return bytes with one bit changed."""
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


def test_what_was_signed_is_proven():
    """Nothing differs, and all that there is to check is checked."""
    findings = checked()
    assert exit_code(findings) == 0, findings
    assert {f.number for f in findings if f.outcome is Outcome.PROVEN} == {1, 3, 4}


@settings(max_examples=100, deadline=None)
@given(bit=st.integers(0, 8 * len(BODY) - 1))
def test_any_bit_of_the_report(bit: int):
    """A report with one bit changed differs, and the first difference is the report's."""
    findings = checked(body=flipped(BODY, bit))
    assert exit_code(findings) == 1
    first = next(f for f in findings if f.difference is not None)
    assert first.difference.where.startswith("the report")
    assert first.number == 1


@settings(max_examples=100, deadline=None)
@given(bit=st.integers(0, 8 * len(PROPOSAL) - 1))
def test_any_bit_of_the_round(bit: int):
    """A round with one bit changed is not that of the report, which itself stays proven."""
    findings = checked(proposal=flipped(PROPOSAL, bit))
    assert exit_code(findings) != 0
    assert {f.outcome for f in findings if f.number == 1} == {Outcome.PROVEN}
    assert any(f.outcome is not Outcome.PROVEN for f in findings if f.number in (3, 4))


@settings(max_examples=50, deadline=None)
@given(cut=st.integers(0, len(BODY) - 1), more=st.binary(min_size=1, max_size=3))
def test_a_report_that_is_cut_or_longer(cut: int, more: bytes):
    """Neither is a report; nothing after that is checked."""
    for body in (BODY[:cut], BODY + more):
        findings = checked(body=body)
        assert [f.what for f in findings] == ["report"]
        assert exit_code(findings) == 1

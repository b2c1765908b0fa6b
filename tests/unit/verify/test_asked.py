"""The report that an archive gives is the one that was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from oracle.model.messages import SignedReport
from oracle.report.report import Report, decode, encode
from oracle.verify.asked import newest, time_of
from oracle.verify.evidence import Source
from oracle.verify.findings import Finding, Outcome, exit_code
from tests.unit.committee.party import SALT, SLOT_MS, T0
from tests.unit.verify.rounds import BODY, PARTY, PROPOSAL, PROPOSED, TERMS, OneRound, checked

REPORT = decode(BODY)
TIME_MS = time_of(REPORT)


def after(prev_ms: int) -> bytes:
    """Return the report of the next slot, which says what it follows."""
    proposed = PARTY.proposal(
        [PARTY.observation(number, slot=T0 + SLOT_MS) for number in range(7)], prev_ms=prev_ms
    )
    return PARTY.certified(proposed)


class Reports(OneRound):
    """An archive of a round and of reports, whatever time is asked for."""

    def __init__(self, *bodies: bytes) -> None:
        super().__init__(PROPOSAL)
        self._held = [SignedReport(f"0x{SALT.hex()}", 1, 0, 0, 0, False, body) for body in bodies]

    def reports_between(self, from_ns: int, to_ns: int) -> list[SignedReport]:
        """Return all."""
        return self._held


def found(*bodies: bytes, body: bytes = BODY, **asked: Any) -> Finding:
    """Return the finding about what was asked for."""
    sources = [Source("one", Reports(*bodies))]  # type: ignore[arg-type]
    findings = checked(body, sources=sources, **asked)
    one = next(finding for finding in findings if finding.what == "asked for")
    assert exit_code(findings) == {"proven": 0, "differs": 1, "unchecked": 2}[one.outcome]
    return one


def test_the_report_of_a_slot():
    """An archive that gives another slot's report, however well signed, is found out."""
    assert found(slot=REPORT.slot).outcome is Outcome.PROVEN
    assert "slot: expected 7000, as asked for" in found(slot=7000).detail


def test_the_newest_report_at_a_time():
    """The next report says what it follows: so that none between was held back."""
    assert found(at_ms=TIME_MS).outcome is Outcome.PROVEN
    assert found(after(TIME_MS), at_ms=TIME_MS + 1).outcome is Outcome.PROVEN


@pytest.mark.parametrize(
    ("bodies", "said"),
    [
        ((), "no signed report after"),
        ((BODY,), "no signed report after"),
        ((b"\x01",), "no signed report after"),
        ((encode(decode(after(TIME_MS))._replace(inputs_root=bytes(32))),), "no signed report"),
        ((after(TIME_MS + 1),), "does not follow this one"),
        ((after(0),), "does not follow this one"),
    ],
)
def test_a_report_that_may_not_be_the_newest(bodies: tuple[bytes, ...], said: str):
    """Where an archive may have held one back, it is not proven."""
    one = found(*bodies, at_ms=TIME_MS + 1)
    assert one.outcome is Outcome.UNCHECKED
    assert said in one.detail


def test_a_report_of_later():
    """Is not what was asked for."""
    assert "time: expected not after" in found(at_ms=TIME_MS - 1).detail


def test_one_archive_that_lies_does_not_stand_before_another():
    """The newest that fits and is signed is taken; where none is, what there is."""
    other = encode(REPORT._replace(slot=REPORT.slot + 1000))

    def fits(report: Report) -> bool:
        return report.slot == REPORT.slot

    assert newest([b"", other, after(TIME_MS), BODY], TERMS, fits) == BODY
    assert newest([other], TERMS, fits) == other
    assert newest([], TERMS, fits) is None


def test_a_member_that_was_not_heard():
    """Asked for alone, there is nothing of it that could be proven."""
    findings = checked(BODY, members=frozenset([9]))
    assert exit_code(findings) == 2
    assert "member 9" in [f.what for f in findings if f.outcome is Outcome.UNCHECKED]
    assert PROPOSED.proposal.observations[-1].member == 6

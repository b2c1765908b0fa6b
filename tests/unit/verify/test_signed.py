"""Who signed a report, and whether they could."""

from __future__ import annotations

import pytest

from oracle.cli.verify_subject import _with_epochs
from oracle.report.report import decode, encode
from oracle.verify.evidence import Epoch
from oracle.verify.findings import Differs, NothingToCheck, Outcome, exit_code
from oracle.verify.stored import Delivered, check_epoch_on_chain
from tests.unit.verify.rounds import BODY, PARTY, PROPOSED, TERMS, checked

REPORT = decode(BODY)
TIME_S = REPORT.leaves[0].decoded().time_ms // 1000


def first(findings):
    """Return the first finding that is not proven."""
    return next(f for f in findings if f.outcome in (Outcome.DIFFERS, Outcome.UNCHECKED))


def test_signatures_of_others_are_named_by_member():
    """A signature in another's place is not that member's."""
    one, two, *rest = REPORT.signatures
    findings = checked(encode(REPORT._replace(signatures=(two, one, *rest))))
    assert str(first(findings).difference).startswith("the report: signature of member 0: ")


def test_fewer_signatures_than_the_threshold():
    """A report that decodes with four signatures has too few."""
    four = REPORT._replace(signers=0b1111, signatures=REPORT.signatures[:4])
    assert "signers: expected 5 members, found 4" in first(checked(encode(four))).detail


def test_a_member_that_there_is_not():
    """Bit 9 of the signers is nobody's among seven."""
    signers = REPORT.signers & ~(1 << 4) | 1 << 9
    findings = checked(encode(REPORT._replace(signers=signers)))
    assert "signers: expected members 0 to 6, found member 9" in first(findings).detail


def test_a_report_of_another_deployment():
    """None of its signatures fits the digest of ours."""
    terms = TERMS._replace(salt=bytes(32))
    findings = checked(terms=terms, sources=[])
    assert first(findings).difference.field == "digest"


def test_an_epoch_that_nobody_knows_is_not_checked():
    """It is said what to give, and no difference is claimed."""
    other = PARTY.committee._replace(epoch=2)
    findings = checked(terms=TERMS._replace(epochs=(Epoch(other, "a test"),)), sources=[])
    assert exit_code(findings) == 2
    assert "committee of epoch 1 is not known: known is 2" in first(findings).detail


@pytest.mark.parametrize(("until_s", "code"), [(TIME_S - 1, 1), (TIME_S + 1, 0), (None, 0)])
def test_an_epoch_that_had_ended(until_s, code):
    """A report after its epoch's last second differs."""
    terms = TERMS._replace(epochs=(Epoch(PARTY.committee, "a chain", until_s),))
    assert exit_code(checked(terms=terms)) == code


def test_a_revoked_member():
    """Who is revoked may have signed before: only a chain that took the report proves that."""
    terms = TERMS._replace(epochs=(Epoch(PARTY.committee, "a chain", None, 0b10),))
    findings = checked(terms=terms)
    assert exit_code(findings) == 2
    assert "members [1] who signed are revoked" in first(findings).detail
    words = {leaf.group: leaf.word for leaf in REPORT.leaves}
    took = Delivered("a chain", "0xab", 7, True, BODY, REPORT.slot, words, words)
    epoch = next(f for f in checked(terms=terms, delivered=[took]) if f.what == "epoch")
    assert epoch.outcome is Outcome.PROVEN
    assert "members [1] have been revoked" in epoch.detail


def test_what_several_chains_say_of_an_epoch():
    """The configuration's members count; the longest time, and whoever one has revoked."""
    other = PARTY.committee._replace(members=PARTY.committee.members[::-1])
    told = [
        Epoch(PARTY.committee, "one", 7, 0b10),
        Epoch(PARTY.committee, "two", 5, 0b100),
        Epoch(other, "three", 9, 0b1),
    ]
    (held,) = _with_epochs(TERMS, told).epochs
    assert held == Epoch(PARTY.committee, "a test and one and two", 7, 0b110)


def test_an_epoch_that_only_a_chain_tells():
    """A committee is not proven by the chain that told it, but a second chain must say the same."""
    told = Epoch(PARTY.committee, "one", 7)
    with pytest.raises(NothingToCheck, match="what one says it was"):
        check_epoch_on_chain("one", told, told)
    other = told._replace(committee=PARTY.committee._replace(threshold=6))
    with pytest.raises(Differs, match=r"threshold: expected 5 \(one\), found 6"):
        check_epoch_on_chain("two", told, other)


def test_without_an_archive_only_the_signatures_are_proven():
    """The rest is not checked, which is said of each step."""
    findings = checked(sources=[])
    assert exit_code(findings) == 2
    assert {f.number for f in findings if f.outcome is Outcome.UNCHECKED} == {3, 4, 5, 6}


def test_a_quorum_signs_and_no_fewer_observe():
    """A proposal of four observations is too few, whoever signed it."""
    four = PROPOSED.proposal._replace(observations=PROPOSED.proposal.observations[:4])
    findings = checked(proposal=four.encode())
    assert "observations: expected 5 or more, found 4" in first(findings).detail

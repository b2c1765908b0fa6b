"""What a report follows: nothing certified or signed is ever passed over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oracle.committee.journal import SigningJournal
from oracle.committee.rounds import chain
from oracle.committee.rounds.judging import Vote
from oracle.committee.wire.proposal import Base, BaseKind
from oracle.committee.wire.refusals import Reason, Refused
from oracle.report.report import Leaf, Unsigned, decode, encode, sign_complete, subset
from oracle.report.word import encode_word
from tests.unit.committee.party import SALT, SLOT_MS, T0, VIEW_MS, Party, entry
from tests.unit.committee.rounds import (
    FIRST,
    FIRST_BODY,
    NEXT,
    NOW,
    PARTY,
    a_member,
    follows,
    in_doubt,
    reason,
    seen,
    with_a_bad_signature,
    with_one,
)


def test_the_same_report_is_signed_again():
    """So that another leader can finish it, however much later; no other one for its slot is."""
    member = a_member()
    vote = member.judge(FIRST, NOW)
    assert in_doubt(member, NEXT) == [vote.digest]
    assert in_doubt(member, T0) == []
    assert member.judge(FIRST, NOW + 10**6) == vote
    other = PARTY.proposal(seen(members=(0, 1, 2, 3, 5)))
    assert reason(member.judge(other, NOW)) is Reason.SIGNED_ANOTHER


def test_two_requests_at_once_get_one_signature(tmp_path: Path):
    """A lying leader sends its proposals together; the journal takes the one that came first."""
    member = a_member(journal=SigningJournal(tmp_path / "j.json"))
    different = [PARTY.proposal(seen(members=set(range(6)) - {left})) for left in range(6)]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda proposed: member.judge(proposed, NOW), different))
    reasons = sorted(str(reason(answer)) for answer in answers)
    assert reasons == sorted(["None", *[Reason.SIGNED_ANOTHER] * 5])


def test_an_earlier_slot_is_not_signed():
    """Slots rise, whatever was certified."""
    member = a_member()
    body = PARTY.certified(PARTY.proposal(seen(T0 - SLOT_MS)))
    base = Base(BaseKind.CERTIFIED, body)
    later = PARTY.proposal(seen(NEXT), T0 - 200, base)
    earlier = PARTY.proposal(seen(T0), T0 - 200, base)
    assert isinstance(member.judge(later, NOW + SLOT_MS), Vote)
    assert reason(member.judge(earlier, NOW + SLOT_MS)) is Reason.SIGNED_LATER


def test_a_slot_that_has_its_report_is_done():
    """Also for a member that did not sign it."""
    member = a_member()
    assert member.certify(FIRST_BODY)
    other = PARTY.proposal(seen(members=(0, 1, 2, 3, 5)))
    assert reason(member.judge(other, NOW)) is Reason.SLOT_IS_DONE


def test_nothing_certified_is_passed_over():
    """A leader that lags is refused, and learns from the base of others."""
    member = a_member()
    member.certify(FIRST_BODY)
    old = Base(BaseKind.CERTIFIED, PARTY.certified(PARTY.proposal(seen(T0 - SLOT_MS))))
    lagging = PARTY.proposal(seen(NEXT), T0 - 200, old)
    assert reason(member.judge(lagging, NOW + SLOT_MS)) is Reason.BASE_TOO_OLD
    assert reason(member.judge(PARTY.proposal(seen(NEXT)), NOW + SLOT_MS)) is Reason.BASE_TOO_OLD
    assert isinstance(member.judge(follows(FIRST_BODY), NOW + SLOT_MS), Vote)


def test_nothing_signed_is_passed_over():
    """It may have got its signatures, known to a dead leader alone."""
    member = a_member()
    member.judge(FIRST, NOW)
    passing = PARTY.proposal(seen(NEXT))
    assert reason(member.judge(passing, NOW + SLOT_MS)) is Reason.BASE_TOO_OLD
    just_before = [PARTY.observation(n, time_ms=T0 + 49) for n in range(5)]
    other = Base(BaseKind.IN_DOUBT, PARTY.proposal(just_before).proposal.encode())
    passing = PARTY.proposal(seen(NEXT), T0 + 49, other)
    assert reason(member.judge(passing, NOW + SLOT_MS)) is Reason.BASE_TOO_OLD
    doubt = Base(BaseKind.IN_DOUBT, FIRST.proposal.encode())
    following = PARTY.proposal(seen(NEXT), T0 + 50, doubt)
    assert isinstance(member.judge(following, NOW + SLOT_MS), Vote)


def test_what_was_signed_in_vain_is_forgotten_with_the_next_report():
    """Once another report of its slot or a later one is certified, it can never be."""
    member = a_member()
    member.judge(PARTY.proposal(seen(T0, 1)), NOW + VIEW_MS)
    member.certify(FIRST_BODY)
    assert isinstance(member.judge(follows(FIRST_BODY), NOW + SLOT_MS), Vote)


def test_what_can_never_be_certified_is_nothing_to_follow():
    """A liar cannot make a gap with another proposal for a slot that has its report."""
    member = a_member()
    member.certify(FIRST_BODY)
    dead = PARTY.proposal([PARTY.observation(n, time_ms=T0 + 60) for n in range(5)])
    base = Base(BaseKind.IN_DOUBT, dead.proposal.encode())
    made = PARTY.proposal(seen(NEXT), T0 + 60, base)
    assert reason(member.judge(made, NOW + SLOT_MS)) is Reason.BASE_TOO_OLD
    member.learn(dead)
    assert in_doubt(member, NEXT) == []


def test_a_certified_base_that_is_new_here_is_adopted():
    """A proposal brings its proof with it, so a member that was cut off need not ask."""
    member = a_member()
    member.judge(follows(FIRST_BODY), NOW + SLOT_MS)
    assert member.chain.certified is not None
    assert member.chain.certified.body == FIRST_BODY


@pytest.mark.parametrize(
    ("later_ms", "expected"),
    [(SLOT_MS, Reason.TIME_NOT_AFTER_BASE), (2 * SLOT_MS, Reason.TIME_NOT_AFTER_BASE),
     (3 * SLOT_MS, None)],
)  # fmt: skip
def test_a_time_that_does_not_rise_is_refused(later_ms, expected):
    """Slots of another length overlap: the report before may be of this one's time, or later."""
    wide = Party(7, slot_ms=4 * SLOT_MS, view_ms=2 * SLOT_MS)
    begin = wide.rules.slot_of(T0 + 4 * SLOT_MS)
    before = wide.proposal([wide.observation(n, begin, 1) for n in range(5)])
    base = Base(BaseKind.CERTIFIED, wide.certified(before))
    slot, prev_ms = begin + later_ms, begin + 2 * SLOT_MS + 50
    member = PARTY.member(6)
    PARTY.observed(member, slot)
    made = PARTY.proposal(seen(slot), prev_ms, base)
    assert reason(member.judge(made, slot + 60)) is expected


def test_a_report_whose_groups_differ_in_time_is_followed_at_the_latest():
    """As one may that a shared view signed."""
    leaves = [Leaf(n, 0, encode_word(T0 + 40 + n, [entry()])) for n in range(2)]
    unsigned = Unsigned(1, T0, bytes(32), tuple(leaves))
    message = unsigned.message(SALT)
    signatures = {number: PARTY.sign(number, message) for number in range(5)}
    member = a_member()
    member.certify(sign_complete(unsigned, signatures, 5))
    assert member.chain.certified.time_ms == T0 + 41


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "shorter"),
        (with_a_bad_signature(FIRST_BODY), "not"),
        (subset(PARTY.certified(PARTY.proposal(seen(entries=(entry(),) * 5))), [0]), "takes all"),
        (encode(decode(FIRST_BODY)._replace(epoch=9)), "epoch 9"),
    ],
)
def test_what_is_no_report_is_not_certified(body, why):
    """Each with why."""
    with pytest.raises(Refused, match=why):
        PARTY.member(6).certify(body)


def test_an_older_report_changes_nothing():
    """Reports may come in any order and again."""
    member = a_member()
    newer = PARTY.certified(follows(FIRST_BODY))
    assert [member.certify(body) for body in (newer, FIRST_BODY, newer)] == [True, False, False]
    assert member.chain.certified.slot == NEXT


def test_the_same_report_by_others_is_not_newer():
    """Any five of the seven make the same report."""
    member = a_member()
    other = PARTY.certified(FIRST, signers=range(2, 7))
    assert other != FIRST_BODY
    assert [member.certify(body) for body in (FIRST_BODY, other)] == [True, False]


def test_a_proposal_that_proves_nothing_is_not_learnt():
    """A member may claim to have signed anything; only a quorum's observations count."""
    for claimed, why in [
        (PARTY.proposal(seen(members=range(4))), "too_few"),
        (PARTY.proposal(seen(), T0 - 200), "base_unproven"),
        (with_one({"view": 1}), "other_round"),
    ]:
        with pytest.raises(Refused, match=why):
            PARTY.member(6).learn(claimed)


def test_a_liar_cannot_fill_the_memory_of_what_is_in_doubt(monkeypatch):
    """The oldest goes first; what this member signed itself it can always show."""
    monkeypatch.setattr(chain, "KEPT_IN_DOUBT", 2)
    member = a_member()
    vote = member.judge(FIRST, NOW)
    for slot in (NEXT, NEXT + SLOT_MS):
        member.learn(PARTY.proposal(seen(slot)))
    doubts = member.chain.doubts(NEXT + 9 * SLOT_MS)
    assert [doubt.slot for doubt in doubts] == [NEXT + SLOT_MS, NEXT]
    assert member.stored_proposal(vote.digest) == FIRST.encode()
    assert member.stored_proposal(bytes(32)) is None

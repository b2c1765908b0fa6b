"""Whether a member signs a proposal: every reason why not, and what is a good one."""

from __future__ import annotations

import pytest

from oracle.committee.journal import SigningJournal
from oracle.committee.rounds.judging import Vote
from oracle.committee.rounds.member import Member
from oracle.committee.wire.proposal import Base, BaseKind, Proposed
from oracle.committee.wire.refusals import Reason, Refused
from tests.unit.committee.party import SLOT_MS, T0, VIEW_MS, entry
from tests.unit.committee.rounds import (
    FIRST,
    FIRST_BODY,
    HALTED,
    NEXT,
    NOW,
    PARTY,
    a_member,
    follows,
    reason,
    seen,
    with_a_bad_signature,
    with_one,
)


def test_a_good_proposal_is_signed():
    """And the signature is the report's."""
    member = a_member()
    vote = member.judge(FIRST, NOW)
    assert isinstance(vote, Vote)
    tally = member.tally(FIRST)
    assert vote.digest == tally.digest
    assert tally.add(6, PARTY.voted(vote)) is None


def test_enough_signatures_make_a_report():
    """Five of seven; the body verifies, and is the next one's base."""
    tally, bodies = a_member().tally(FIRST), []
    for number in (6, 2, 1, 4, 5):
        vote = a_member(number).judge(FIRST, NOW)
        bodies.append(tally.add(number, PARTY.voted(vote)))
    assert [body is not None for body in bodies] == [False] * 4 + [True]
    assert PARTY.committee.verify(bodies[-1]).members() == [1, 2, 4, 5, 6]
    assert isinstance(a_member().judge(follows(bodies[-1]), NOW + SLOT_MS), Vote)


@pytest.mark.parametrize("member", [3, 7, 31])
def test_a_signature_of_another_is_not_counted(member):
    """Of a member that did not make it, or of none."""
    vote = a_member().judge(FIRST, NOW)
    with pytest.raises(Refused):
        a_member().tally(FIRST).add(member, PARTY.voted(vote))


OTHER_LEADER = 1 + PARTY.rules.leader(T0, 0) % 6


def _proposal_cases() -> list[tuple[Proposed, Reason]]:
    stranger = PARTY.observation(4).signed(PARTY.observation(3).signature)
    other_leader = PARTY.proposal(seen(), leader=OTHER_LEADER)
    unsigned = Proposed(FIRST.proposal.signed(b"\1" * 64), Base())
    changed = FIRST.proposal._replace(prev_ms=T0 - 1)
    in_doubt = Base(BaseKind.IN_DOUBT, FIRST.proposal.encode())
    short = Base(BaseKind.IN_DOUBT, PARTY.proposal(seen(members=range(4))).proposal.encode())
    cut = Base(BaseKind.CERTIFIED, with_a_bad_signature(FIRST_BODY))
    late = T0 + VIEW_MS
    return [
        (with_one({"salt": bytes(32)}), Reason.OTHER_DEPLOYMENT),
        (PARTY.proposal(seen(), salt=bytes(32)), Reason.OTHER_DEPLOYMENT),
        (with_one({"epoch": 2}), Reason.OTHER_EPOCH),
        (PARTY.proposal(seen(), epoch=2), Reason.OTHER_EPOCH),
        (PARTY.proposal([*seen(members=range(4)), stranger]), Reason.BAD_SIGNATURE),
        (with_one({"member": 7}), Reason.UNKNOWN_MEMBER),
        (PARTY.proposal(seen(T0 + 1)), Reason.NOT_A_SLOT),
        (with_one({"view": 1}), Reason.OTHER_ROUND),
        (with_one({"slot": NEXT}), Reason.OTHER_ROUND),
        (PARTY.proposal(seen(T0, 2)), Reason.OTHER_ROUND),
        (with_one({"time_ms": T0 - 1}), Reason.TIME_OUTSIDE_VIEW),
        (with_one({"time_ms": late}), Reason.TIME_OUTSIDE_VIEW),
        (with_one({"config_hash": b"x" * 32}), Reason.CONFIG_NOT_ACCEPTED),
        (other_leader, Reason.NOT_LEADER),
        (unsigned, Reason.BAD_SIGNATURE),
        (Proposed(changed, Base()), Reason.BAD_SIGNATURE),
        (PARTY.proposal(seen(members=range(4))), Reason.TOO_FEW_OBSERVATIONS),
        (PARTY.proposal(seen(), 1), Reason.MALFORMED),
        (PARTY.proposal(seen(), 2**64 - 1), Reason.MALFORMED),
        (PARTY.proposal(seen(), T0 - 200), Reason.BASE_UNPROVEN),
        (PARTY.proposal(seen(), 0, in_doubt), Reason.BASE_UNPROVEN),
        (PARTY.proposal(seen(NEXT), T0 + 49, in_doubt), Reason.BASE_UNPROVEN),
        (PARTY.proposal(seen(), T0 + 50, in_doubt), Reason.BASE_UNPROVEN),
        (PARTY.proposal(seen(NEXT), T0 + 50, short), Reason.BASE_UNPROVEN),
        (PARTY.proposal(seen(NEXT), T0 + 50, cut), Reason.BASE_UNPROVEN),
        (PARTY.proposal(seen(entries=(entry(10_101),))), Reason.PRICE_NOT_SANE),
        (PARTY.proposal(seen(entries=(entry(9_899),))), Reason.PRICE_NOT_SANE),
    ]  # fmt: skip


@pytest.mark.parametrize(("proposed", "expected"), _proposal_cases())
def test_a_bad_proposal_is_refused_by_name(proposed, expected):
    """Whoever sends it; and nothing is written down for it."""
    journal = SigningJournal(None)
    answer = a_member(journal=journal).judge(proposed, NOW + proposed.proposal.slot - T0)
    assert reason(answer) is expected, answer
    assert journal.newest is None


def _unsigned(proposed: Proposed) -> Proposed:
    """Return a proposal that its leader signed, of observations that nobody did."""
    bad = [one.signed(b"\1" * 64) for one in proposed.proposal.observations]
    return PARTY.proposal(bad, leader=proposed.proposal.leader)


def _done() -> Member:
    member = a_member()
    member.certify(FIRST_BODY)
    return member


def _later() -> Member:
    member = a_member()
    member.judge(PARTY.proposal(seen(NEXT)), NOW + SLOT_MS)
    return member


@pytest.mark.parametrize(
    ("member", "proposed", "now_ms", "expected"),
    [
        (a_member, PARTY.proposal(seen(T0 + 1)), NOW, Reason.NOT_A_SLOT),
        (a_member, PARTY.proposal(seen(T0, 2)), NOW, Reason.OTHER_ROUND),
        (
            a_member,
            PARTY.proposal(seen(), leader=OTHER_LEADER),
            NOW,
            Reason.NOT_LEADER,
        ),
        (a_member, PARTY.proposal(seen(members=range(4))), NOW, Reason.TOO_FEW_OBSERVATIONS),
        (a_member, FIRST, T0 - 251, Reason.FROM_FUTURE),
        (a_member, FIRST, T0 + VIEW_MS + 10_000, Reason.TOO_OLD),
        (_done, FIRST, NOW, Reason.SLOT_IS_DONE),
        (_later, FIRST, NOW, Reason.SIGNED_LATER),
        (a_member, PARTY.proposal(seen(time_ms=T0 - 1)), NOW, Reason.TIME_OUTSIDE_VIEW),
        (a_member, FIRST, NOW, Reason.BAD_SIGNATURE),
    ],
)
def test_what_is_cheap_to_see_is_seen_before_signatures(member, proposed, now_ms, expected):
    """Each observation's signature costs time, which whoever is not due must not get of us."""
    answer = member().judge(_unsigned(proposed), now_ms)
    assert reason(answer) is expected
    assert "proposal is not signed" not in answer.detail


def test_the_leaders_signature_comes_before_the_observations():
    """One that the leader did not send costs one check, not seven."""
    forged = _unsigned(FIRST)
    forged = forged._replace(proposal=forged.proposal.signed(b"\1" * 64))
    assert "the proposal" in a_member().judge(forged, NOW).detail


@pytest.mark.parametrize("price", [10_100, 9_900])
def test_a_price_inside_the_bound_is_signed(price):
    """One percent from one's own is the bound, and is inside."""
    proposed = PARTY.proposal(seen(entries=(entry(price),)))
    assert isinstance(a_member().judge(proposed, NOW), Vote)


def test_prices_of_every_market_are_judged():
    """Not of the first group only."""
    own = (entry(),) * 6
    member = PARTY.member(6)
    PARTY.observed(member, T0, entries=own)
    lie = PARTY.proposal(seen(entries=(*own[:5], entry(11_000))))
    answer = member.judge(lie, NOW)
    assert reason(answer) is Reason.PRICE_NOT_SANE
    assert "market 5" in answer.detail


def test_prices_are_judged_by_the_marks_nearest_in_time():
    """A price that moved is not a lie."""
    member = PARTY.member(6)
    PARTY.observed(member, T0)
    PARTY.observed(member, NEXT, entries=(entry(20_000),))
    moved = PARTY.proposal(seen(NEXT, entries=(entry(20_000),)))
    assert isinstance(member.judge(moved, NOW + SLOT_MS), Vote)
    late = PARTY.proposal(seen(NEXT + SLOT_MS))
    assert reason(member.judge(late, NOW + 2 * SLOT_MS)) is not None


def test_a_member_that_sees_no_price_signs_others():
    """Its own feed is down; the median of the others is the report."""
    member = PARTY.member(6)
    PARTY.observed(member, T0, entries=(HALTED,))
    assert isinstance(member.judge(FIRST, NOW), Vote)


def test_a_member_that_saw_nothing_signs_nothing():
    """It could not tell a price from a lie."""
    assert reason(a_member(heard=False).judge(FIRST, NOW)) is Reason.NO_VIEW


@pytest.mark.parametrize(
    ("now_ms", "expected"),
    [
        (T0 + 50 - 251, Reason.FROM_FUTURE),
        (T0 + 50 - 250, None),
        (T0 + 50 + 10_000, None),
        (T0 + 50 + 10_001, Reason.TOO_OLD),
    ],
)
def test_the_clock_bounds_what_is_signed(now_ms, expected):
    """Up to 250 ms ahead and 10 s old, by this member's own clock."""
    assert reason(a_member().judge(FIRST, now_ms)) is expected


def test_one_liar_ahead_of_time_does_not_spoil_a_proposal():
    """The bound is on the report's time, the median, not on any one observation."""
    ahead = PARTY.observation(4, time_ms=T0 + VIEW_MS - 1)
    proposed = PARTY.proposal([*seen(members=range(4)), ahead])
    assert isinstance(a_member().judge(proposed, T0 + 50 - 250), Vote)


class TestWithheldPrices:
    """Two liars among five observations: a price would be lost that 2f + 1 honest members have."""

    def _proposed(self, slot: int = NEXT) -> Proposed:
        liars = [PARTY.observation(n, slot, entries=(HALTED,)) for n in (0, 1)]
        honest = [PARTY.observation(n, slot) for n in (2, 3, 4)]
        base = Base(BaseKind.CERTIFIED, FIRST_BODY)
        return PARTY.proposal([*liars, *honest], T0 + 50, base)

    def test_is_refused_at_once(self):
        """The next leader, who may be honest, hears more of them."""
        assert reason(a_member().judge(self._proposed(), NOW + SLOT_MS)) is Reason.VALIDITY_WITHHELD

    def test_is_signed_once_more_leaders_than_liars_have_failed(self):
        """Then one of them was honest, and could not do better: the price is not to be had."""
        member = PARTY.member(6)
        for slots, expected in enumerate([Reason.VALIDITY_WITHHELD] * 2 + [None], 1):
            slot = T0 + slots * SLOT_MS
            PARTY.observed(member, slot)
            for _ in range(3):  # one leader's word, however often
                last = reason(member.judge(self._proposed(slot), slot + 60))
            assert last is expected

    def test_is_signed_after_twice_as_many_slots_whoever_proposed_it(self):
        """Reports go on also where members differ on another market in every round."""
        for slots, expected in ((5, Reason.VALIDITY_WITHHELD), (6, None)):
            slot = T0 + slots * SLOT_MS
            member = PARTY.member(6)
            PARTY.observed(member, slot)
            assert reason(member.judge(self._proposed(slot), slot + 60)) is expected

    def test_is_signed_where_there_was_no_price_before(self):
        """A market that has none cannot lose it."""
        halted = PARTY.proposal(seen(entries=(HALTED,)))
        base = Base(BaseKind.CERTIFIED, PARTY.certified(halted))
        now = PARTY.proposal(self._proposed().proposal.observations, T0 + 50, base)
        assert isinstance(a_member().judge(now, NOW + SLOT_MS), Vote)

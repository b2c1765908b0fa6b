"""Reports keep coming whatever one market's feed does: with f liars, and members who lack it."""

from __future__ import annotations

import itertools

import pytest

from oracle.committee.rounds.choosing import chosen
from oracle.committee.rounds.falls import is_worth_waiting
from oracle.committee.rounds.judging import Vote
from oracle.committee.wire.proposal import Proposed
from oracle.committee.wire.refusals import Reason
from oracle.model.validity import Validity
from oracle.report.word import Entry
from tests.unit.committee.party import SLOT_MS, T0, Party, entry
from tests.unit.committee.rounds import reason

MISSING, HALTED = entry(validity=Validity.MISSING), entry(validity=Validity.HALTED)
GUARDED = entry(validity=Validity.GUARDED)
NONSENSE = entry(20_000)
NO_PREMIUM = entry()._replace(premium_e8=None)
FIRST_WHOLE = (entry(), entry())


class _Committee:
    """Honest members, of whom the last `lacking` lack the second market; liars who never sign."""

    def __init__(self, n: int, lacking: int, lie: Entry | None, lacks: Entry) -> None:
        self.party = Party(n)
        self.liars = list(range(self.party.faults))
        self.honest = list(range(self.party.faults, n))
        self.members = {number: self.party.member(number) for number in self.honest}
        self.says = dict.fromkeys(self.honest, FIRST_WHOLE)
        for number in self.honest[len(self.honest) - lacking :]:
            self.says[number] = (entry(), lacks)
        self._lie = lie

    def led(self, slot: int) -> tuple[Proposed, list[Reason | None]]:
        """Let everybody observe, the honest leader propose and the honest members judge."""
        heard = [
            self.party.observed(member, slot, entries=self.says[number])
            for number, member in self.members.items()
        ]
        if self._lie is not None:
            lies = (entry(), self._lie)
            heard += [self.party.observation(n, slot, entries=lies) for n in self.liars]
        leader = self.members[self.party.rules.leader(slot, 0)]
        proposed = self.party.proposed(leader, heard)
        answers = [member.judge(proposed, slot + 60) for member in self.members.values()]
        votes = [answer for answer in answers if isinstance(answer, Vote)]
        if len(votes) >= self.party.rules.quorum:
            body = self.party.certified(proposed, [vote.member for vote in votes])
            for member in self.members.values():
                member.certify(body)
        return proposed, [reason(answer) for answer in answers]

    def certified_slots(self, slots: int) -> list[int]:
        """Lead so many slots, those that a liar leads lost; return which have their report."""
        found = []
        for at in range(slots):
            slot = T0 + at * SLOT_MS
            if self.party.rules.leader(slot, 0) in self.honest:
                self.led(slot)
                newest = next(iter(self.members.values())).chain.certified
                found += [at] if newest is not None and newest.slot == slot else []
        return found


@pytest.mark.parametrize(
    "lie", [NONSENSE, entry(), HALTED, None], ids=["far", "near", "no", "dead"]
)
@pytest.mark.parametrize("lacks", [MISSING, HALTED, NO_PREMIUM])
@pytest.mark.parametrize(
    ("n", "lacking"), [(7, 1), (7, 2), (7, 5), (4, 1), (5, 2), (6, 2), (10, 1)]
)
def test_a_market_that_some_lack_stops_no_report(n, lacking, lie, lacks):
    """Whatever f liars quote, sign or not: after at most f slots without one there is a report."""
    committee = _Committee(n, lacking, lie, lacks)
    slots = committee.certified_slots(5 * n)
    faults = committee.party.faults
    gaps = [after - before for before, after in itertools.pairwise([-1, *slots, 5 * n])]
    assert max(gaps) <= 2 * faults + 2, slots  # liars lead f slots, f more go to the loss


@pytest.mark.parametrize("n", [4, 7, 10])
def test_a_price_that_others_bear_out_is_not_given_up(n):
    """Liars who only say that they lack a market take no price away."""
    committee = _Committee(n, 0, MISSING, MISSING)
    slot = next(T0 + at * SLOT_MS for at in range(n) if committee.party.rules.leader(
        T0 + at * SLOT_MS, 0) in committee.honest)  # fmt: skip
    proposed, answers = committee.led(slot)
    assert len(proposed.proposal.observations) == n
    assert set(answers) == {None}


def test_a_quorum_of_those_who_lack_it_is_proposed_once_it_can_be_signed():
    """At first all, since a price is not given up at once; f slots later the price is."""
    committee = _Committee(7, 0, NONSENSE, MISSING)
    rules, party = committee.party.rules, committee.party
    first = next(s for s in range(T0, T0 + 7 * SLOT_MS, SLOT_MS) if rules.leader(s, 0) == 2)
    committee.led(first)
    newest = committee.members[2].chain.certified
    assert newest is not None
    for later, expected in [(1, 7), (2, 7), (3, 5)]:
        slot = first + later * SLOT_MS
        seen = [party.observation(n, slot, entries=FIRST_WHOLE) for n in (2, 3, 4, 5)]
        seen += [party.observation(n, slot, entries=(entry(), NONSENSE)) for n in (0, 1)]
        seen.append(party.observation(6, slot, entries=(entry(), MISSING)))
        picked = [one.member for one in chosen(seen, rules, newest)]
        assert len(picked) == expected
        assert 6 in picked


def test_a_validity_that_falls_for_want_of_observations_is_not_signed_at_once():
    """A lying leader with two accomplices' worth of silence cannot make a market look guarded."""
    committee = _Committee(7, 0, entry(), MISSING)
    party, rules = committee.party, committee.party.rules
    first = next(s for s in range(T0, T0 + 7 * SLOT_MS, SLOT_MS) if rules.leader(s, 0) == 2)
    proposed, _ = committee.led(first)
    member = committee.members[6]
    member.certify(party.certified(proposed))
    answers = []
    for later in (1, 2, 3):
        slot = first + later * SLOT_MS
        party.observed(member, slot, entries=FIRST_WHOLE)
        seen = [party.observation(n, slot, entries=FIRST_WHOLE) for n in (2, 3, 4)]
        seen += [party.observation(n, slot, entries=(entry(), GUARDED)) for n in (0, 1)]
        base, prev_ms = member.chain.base(slot)
        answers.append(reason(member.judge(party.proposal(seen, prev_ms, base), slot + 60)))
    assert answers == [Reason.VALIDITY_WITHHELD, Reason.VALIDITY_WITHHELD, None]


def _judged(member, party: Party, slot: int, says: dict[int, tuple[Entry, ...]]):
    """Let a member judge these members' observations, as the slot's leader proposes them."""
    seen = [party.observation(number, slot, entries=said) for number, said in says.items()]
    base, prev_ms = member.chain.base(slot)
    return reason(member.judge(party.proposal(seen, prev_ms, base), slot + 60))


@pytest.mark.parametrize("n", [7, 10])
def test_one_leaders_word_is_not_enough_after_slots_that_honest_members_lost(n):
    """One dead, one lying, and honest breakers that differ: only what those differ on may fall."""
    party = Party(n)
    faults, member = party.faults, party.member(n - 1)
    before = range(T0, T0 + n * SLOT_MS, SLOT_MS)
    first = next(slot for slot in before if party.rules.leader(slot, 0) == n - faults)
    slots = [first + at * SLOT_MS for at in range(faults + 3)]
    whole, flaps = (entry(), entry()), (entry(), GUARDED)
    for slot in slots:
        party.observed(member, slot, entries=whole)
    all_well = [party.observation(number, first, entries=whole) for number in range(n)]
    member.certify(party.certified(party.proposal(all_well)))
    # 0 is dead, 1 lies, and of the second market the breakers of all but one too few trip.
    heard = dict.fromkeys(range(1, n), whole) | {1: (HALTED, HALTED)}
    heard |= dict.fromkeys(range(n - faults, n - 1), flaps)
    alone = dict.fromkeys(range(2, 2 * faults + 2), whole) | {1: (HALTED, HALTED)}
    answers = [_judged(member, party, slot, heard) for slot in slots[1:faults]]
    assert answers == [Reason.VALIDITY_WITHHELD] * (faults - 1)
    assert [party.rules.leader(slot, 0) for slot in slots[faults:]] == [0, 1, 2]
    assert _judged(member, party, slots[faults + 1], alone) is Reason.VALIDITY_WITHHELD
    assert _judged(member, party, slots[faults + 2], heard) is None


def test_what_more_leaders_say_than_may_lie_falls():
    """Two dead, and one of five lacks a market: the third leader's word is enough, not sooner."""
    party = Party(7)
    member, says = party.member(6), dict.fromkeys(range(2, 7), FIRST_WHOLE)
    first = next(s for s in range(T0, T0 + 7 * SLOT_MS, SLOT_MS) if party.rules.leader(s, 0) == 1)
    slots = [first + at * SLOT_MS for at in range(4)]
    for slot in slots:
        party.observed(member, slot, entries=FIRST_WHOLE)
    all_well = [party.observation(number, first, entries=FIRST_WHOLE) for number in range(7)]
    member.certify(party.certified(party.proposal(all_well)))
    lacks = says | {2: (entry(), MISSING)}
    answers = [_judged(member, party, slot, lacks) for slot in slots[1:]]
    assert answers == [Reason.VALIDITY_WITHHELD, Reason.VALIDITY_WITHHELD, None]


def test_liars_who_are_silent_while_others_lead_end_no_validity():
    """Honest rounds fail for one market; then liars lead, and halt another by their own words."""
    party = Party(7)
    member = party.member(6)
    first = next(s for s in range(T0, T0 + 7 * SLOT_MS, SLOT_MS) if party.rules.leader(s, 0) == 5)
    slots = [first + at * SLOT_MS for at in range(5)]
    for slot in slots:
        party.observed(member, slot, entries=FIRST_WHOLE)
    all_well = [party.observation(number, first, entries=FIRST_WHOLE) for number in range(7)]
    member.certify(party.certified(party.proposal(all_well)))
    honest = dict.fromkeys((2, 3, 4, 5, 6), FIRST_WHOLE) | {2: (entry(), GUARDED)}
    lies = dict.fromkeys((3, 4, 5), FIRST_WHOLE) | dict.fromkeys((0, 1), (HALTED, entry()))
    led = [honest, lies, lies, honest]  # by 6, and by the liars 0 and 1, and by 2
    answers = [_judged(member, party, at, says) for at, says in zip(slots[1:], led, strict=True)]
    assert answers == [Reason.VALIDITY_WITHHELD] * 4


def test_a_leader_waits_for_what_would_fall_not_for_what_has_fallen():
    """Two who are in reach and say nothing delay one report, not every one from then on."""
    party, member = Party(7), Party(7).member(6)
    says = dict.fromkeys(range(2, 7), (entry(),)) | {2: (GUARDED,)}

    def seen(slot):
        return [party.observation(number, slot, entries=said) for number, said in says.items()]

    assert is_worth_waiting(seen(T0), party.rules, None)
    well = [party.observation(number, T0) for number in range(7)]
    assert not is_worth_waiting(well, party.rules, None)
    for slot, observations, expected in [
        (T0, well, True),
        (T0 + SLOT_MS, seen(T0 + SLOT_MS), False),
    ]:
        base, prev_ms = member.chain.base(slot)
        member.certify(party.certified(party.proposal(observations, prev_ms, base)))
        newest = member.chain.certified
        assert is_worth_waiting(seen(slot + SLOT_MS), party.rules, newest) is expected

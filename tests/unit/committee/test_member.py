"""Every reason for which a member does not sign, and what it may say at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oracle.committee import chain
from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.judging import Vote
from oracle.committee.observation import Last
from oracle.committee.proposal import Base, BaseKind, Proposed
from oracle.committee.refusals import Reason, Refusal, Refused
from oracle.committee.rules import AcceptedConfig
from oracle.model.errors import ConfigError
from oracle.model.validity import Validity
from oracle.report.committee import Committee
from oracle.report.report import Leaf, Unsigned, decode, encode, sign_complete, subset
from oracle.report.word import encode_word
from tests.unit.committee.party import CONFIG, SALT, SLOT_MS, T0, VIEW_MS, Party, entry

PARTY = Party(7)
NOW = T0 + 100
NEXT = T0 + SLOT_MS
HALTED = entry(validity=Validity.HALTED)


def _seen(slot: int = T0, view: int = 0, members=range(5), **changes):
    return [PARTY.observation(number, slot, view, **changes) for number in members]


def _member(
    number: int = 6, journal: SigningJournal | None = None, party: Party = PARTY, seen=True
):
    """Return a member that has observed the slots around T0, unless it has seen nothing."""
    member = party.member(number, journal)
    for slot in (T0, NEXT) if seen else ():
        party.observed(member, slot)
    return member


def _reason(answer: Vote | Refusal) -> Reason | None:
    return answer.reason if isinstance(answer, Refusal) else None


def _follows(body: bytes, slot: int = NEXT, **changes) -> Proposed:
    """Return a proposal on top of a report of T0."""
    base = Base(BaseKind.CERTIFIED, body)
    return PARTY.proposal(_seen(slot, **changes), T0 + 50, base)


FIRST = PARTY.proposal(_seen())
FIRST_BODY = PARTY.certified(FIRST)


def test_a_good_proposal_is_signed():
    """And the signature is the report's."""
    member = _member()
    vote = member.judge(FIRST, NOW)
    assert isinstance(vote, Vote)
    tally = member.tally(FIRST)
    assert vote.digest == tally.digest
    assert tally.add(6, PARTY.voted(vote)) is None


def test_enough_signatures_make_a_report():
    """Five of seven; the body verifies, and is the next one's base."""
    tally, bodies = _member().tally(FIRST), []
    for number in (6, 2, 1, 4, 5):
        vote = _member(number).judge(FIRST, NOW)
        bodies.append(tally.add(number, PARTY.voted(vote)))
    assert [body is not None for body in bodies] == [False] * 4 + [True]
    assert PARTY.committee.verify(bodies[-1]).members() == [1, 2, 4, 5, 6]
    assert isinstance(_member().judge(_follows(bodies[-1]), NOW + SLOT_MS), Vote)


@pytest.mark.parametrize("member", [3, 7, 31])
def test_a_signature_of_another_is_not_counted(member):
    """Of a member that did not make it, or of none."""
    vote = _member().judge(FIRST, NOW)
    with pytest.raises(Refused):
        _member().tally(FIRST).add(member, PARTY.voted(vote))


def _with(observation_changes: dict) -> Proposed:
    return PARTY.proposal([*_seen(members=range(4)), PARTY.observation(4, **observation_changes)])


def _proposal_cases() -> list[tuple[Proposed, Reason]]:
    stranger = PARTY.observation(4).signed(PARTY.observation(3).signature)
    other_leader = PARTY.proposal(_seen(), leader=1 + PARTY.rules.leader(T0, 0) % 6)
    unsigned = Proposed(FIRST.proposal.signed(b"\1" * 64), Base())
    changed = FIRST.proposal._replace(prev_ms=T0 - 1)
    in_doubt = Base(BaseKind.IN_DOUBT, FIRST.proposal.encode())
    short = Base(BaseKind.IN_DOUBT, PARTY.proposal(_seen(members=range(4))).proposal.encode())
    cut = Base(BaseKind.CERTIFIED, _cut(FIRST_BODY))
    late = T0 + VIEW_MS
    return [
        (_with({"salt": bytes(32)}), Reason.OTHER_DEPLOYMENT),
        (PARTY.proposal(_seen(), salt=bytes(32)), Reason.OTHER_DEPLOYMENT),
        (_with({"epoch": 2}), Reason.OTHER_EPOCH),
        (PARTY.proposal(_seen(), epoch=2), Reason.OTHER_EPOCH),
        (PARTY.proposal([*_seen(members=range(4)), stranger]), Reason.BAD_SIGNATURE),
        (_with({"member": 7}), Reason.UNKNOWN_MEMBER),
        (PARTY.proposal(_seen(T0 + 1)), Reason.NOT_A_SLOT),
        (_with({"view": 1}), Reason.OTHER_ROUND),
        (_with({"slot": NEXT}), Reason.OTHER_ROUND),
        (PARTY.proposal(_seen(T0, 2)), Reason.OTHER_ROUND),
        (_with({"time_ms": T0 - 1}), Reason.TIME_OUTSIDE_VIEW),
        (_with({"time_ms": late}), Reason.TIME_OUTSIDE_VIEW),
        (_with({"config_hash": b"x" * 32}), Reason.CONFIG_NOT_ACCEPTED),
        (other_leader, Reason.NOT_LEADER),
        (unsigned, Reason.BAD_SIGNATURE),
        (Proposed(changed, Base()), Reason.BAD_SIGNATURE),
        (PARTY.proposal(_seen(members=range(4))), Reason.TOO_FEW_OBSERVATIONS),
        (PARTY.proposal(_seen(), 1), Reason.MALFORMED),
        (PARTY.proposal(_seen(), 2**64 - 1), Reason.MALFORMED),
        (PARTY.proposal(_seen(), T0 - 200), Reason.BASE_UNPROVEN),
        (PARTY.proposal(_seen(), 0, in_doubt), Reason.BASE_UNPROVEN),
        (PARTY.proposal(_seen(NEXT), T0 + 49, in_doubt), Reason.BASE_UNPROVEN),
        (PARTY.proposal(_seen(), T0 + 50, in_doubt), Reason.BASE_UNPROVEN),
        (PARTY.proposal(_seen(NEXT), T0 + 50, short), Reason.BASE_UNPROVEN),
        (PARTY.proposal(_seen(NEXT), T0 + 50, cut), Reason.BASE_UNPROVEN),
        (PARTY.proposal(_seen(entries=(entry(10_101),))), Reason.PRICE_NOT_SANE),
        (PARTY.proposal(_seen(entries=(entry(9_899),))), Reason.PRICE_NOT_SANE),
    ]  # fmt: skip


def _cut(body: bytes) -> bytes:
    report = decode(body)
    return encode(report._replace(signatures=(*report.signatures[:-1], bytes(63) + b"\1")))


@pytest.mark.parametrize(("proposed", "reason"), _proposal_cases())
def test_a_bad_proposal_is_refused_by_name(proposed, reason):
    """Whoever sends it; and nothing is written down for it."""
    journal = SigningJournal(None)
    answer = _member(journal=journal).judge(proposed, NOW + proposed.proposal.slot - T0)
    assert _reason(answer) is reason, answer
    assert journal.newest is None


@pytest.mark.parametrize("price", [10_100, 9_900])
def test_a_price_inside_the_bound_is_signed(price):
    """One percent from one's own is the bound, and is inside."""
    proposed = PARTY.proposal(_seen(entries=(entry(price),)))
    assert isinstance(_member().judge(proposed, NOW), Vote)


def test_a_member_that_sees_no_price_signs_others():
    """Its own feed is down; the median of the others is the report."""
    member = PARTY.member(6)
    PARTY.observed(member, T0, entries=(HALTED,))
    assert isinstance(member.judge(FIRST, NOW), Vote)


def test_a_member_that_saw_nothing_signs_nothing():
    """It could not tell a price from a lie."""
    assert _reason(_member(seen=False).judge(FIRST, NOW)) is Reason.NO_VIEW


@pytest.mark.parametrize(
    ("now_ms", "reason"),
    [
        (T0 + 50 - 251, Reason.FROM_FUTURE),
        (T0 + 50 - 250, None),
        (T0 + 50 + 10_000, None),
        (T0 + 50 + 10_001, Reason.TOO_OLD),
    ],
)
def test_the_clock_bounds_what_is_signed(now_ms, reason):
    """Up to 250 ms ahead and 10 s old, by this member's own clock."""
    assert _reason(_member().judge(FIRST, now_ms)) is reason


def test_one_liar_ahead_of_time_does_not_spoil_a_proposal():
    """The bound is on the report's time, the median, not on any one observation."""
    ahead = PARTY.observation(4, time_ms=T0 + VIEW_MS - 1)
    proposed = PARTY.proposal([*_seen(members=range(4)), ahead])
    assert isinstance(_member().judge(proposed, T0 + 50 - 250), Vote)


def test_the_same_report_is_signed_again():
    """So that another leader can finish it, however much later; no other one for its slot is."""
    member = _member()
    vote = member.judge(FIRST, NOW)
    assert member.unfinished(NEXT).digest == vote.digest
    assert member.unfinished(T0) is None
    assert member.judge(FIRST, NOW + 10**6) == vote
    other = PARTY.proposal(_seen(members=(0, 1, 2, 3, 5)))
    assert _reason(member.judge(other, NOW)) is Reason.SIGNED_ANOTHER


def test_two_requests_at_once_get_one_signature(tmp_path: Path):
    """A lying leader sends its proposals together; the journal takes the one that came first."""
    member = _member(journal=SigningJournal(tmp_path / "j.json"))
    different = [PARTY.proposal(_seen(members=set(range(6)) - {left})) for left in range(6)]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda proposed: member.judge(proposed, NOW), different))
    reasons = sorted(str(_reason(answer)) for answer in answers)
    assert reasons == sorted(["None", *[Reason.SIGNED_ANOTHER] * 5])


def test_an_earlier_slot_is_not_signed():
    """Slots rise, whatever was certified."""
    member = _member()
    body = PARTY.certified(PARTY.proposal(_seen(T0 - SLOT_MS)))
    base = Base(BaseKind.CERTIFIED, body)
    later = PARTY.proposal(_seen(NEXT), T0 - 200, base)
    earlier = PARTY.proposal(_seen(T0), T0 - 200, base)
    assert isinstance(member.judge(later, NOW + SLOT_MS), Vote)
    assert _reason(member.judge(earlier, NOW + SLOT_MS)) is Reason.SIGNED_LATER


def test_a_slot_that_has_its_report_is_done():
    """Also for a member that did not sign it."""
    member = _member()
    assert member.certify(FIRST_BODY)
    other = PARTY.proposal(_seen(members=(0, 1, 2, 3, 5)))
    assert _reason(member.judge(other, NOW)) is Reason.SLOT_IS_DONE


def test_nothing_certified_is_passed_over():
    """A leader that lags is refused, and learns from the base of others."""
    member = _member()
    member.certify(FIRST_BODY)
    old = Base(BaseKind.CERTIFIED, PARTY.certified(PARTY.proposal(_seen(T0 - SLOT_MS))))
    lagging = PARTY.proposal(_seen(NEXT), T0 - 200, old)
    assert _reason(member.judge(lagging, NOW + SLOT_MS)) is Reason.BASE_TOO_OLD
    assert _reason(member.judge(PARTY.proposal(_seen(NEXT)), NOW + SLOT_MS)) is Reason.BASE_TOO_OLD
    assert isinstance(member.judge(_follows(FIRST_BODY), NOW + SLOT_MS), Vote)


def test_nothing_signed_is_passed_over():
    """It may have got its signatures, known to a dead leader alone."""
    member = _member()
    member.judge(FIRST, NOW)
    passing = PARTY.proposal(_seen(NEXT))
    assert _reason(member.judge(passing, NOW + SLOT_MS)) is Reason.BASE_TOO_OLD
    just_before = [PARTY.observation(n, time_ms=T0 + 49) for n in range(5)]
    other = Base(BaseKind.IN_DOUBT, PARTY.proposal(just_before).proposal.encode())
    passing = PARTY.proposal(_seen(NEXT), T0 + 49, other)
    assert _reason(member.judge(passing, NOW + SLOT_MS)) is Reason.BASE_TOO_OLD
    doubt = Base(BaseKind.IN_DOUBT, FIRST.proposal.encode())
    following = PARTY.proposal(_seen(NEXT), T0 + 50, doubt)
    assert isinstance(member.judge(following, NOW + SLOT_MS), Vote)


def test_what_was_signed_in_vain_is_forgotten_with_the_next_report():
    """Once another report of its slot or a later one is certified, it can never be."""
    member = _member()
    member.judge(PARTY.proposal(_seen(T0, 1)), NOW + VIEW_MS)
    member.certify(FIRST_BODY)
    assert isinstance(member.judge(_follows(FIRST_BODY), NOW + SLOT_MS), Vote)


def test_a_certified_base_that_is_new_here_is_adopted():
    """A proposal brings its proof with it, so a member that was cut off need not ask."""
    member = _member()
    member.judge(_follows(FIRST_BODY), NOW + SLOT_MS)
    assert member.chain.certified is not None
    assert member.chain.certified.body == FIRST_BODY


@pytest.mark.parametrize(
    ("later_ms", "reason"),
    [(SLOT_MS, Reason.TIME_NOT_AFTER_BASE), (2 * SLOT_MS, Reason.TIME_NOT_AFTER_BASE),
     (3 * SLOT_MS, None)],
)  # fmt: skip
def test_a_time_that_does_not_rise_is_refused(later_ms, reason):
    """Slots of another length overlap: the report before may be of this one's time, or later."""
    wide = Party(7, slot_ms=4 * SLOT_MS, view_ms=2 * SLOT_MS)
    begin = wide.rules.slot_of(T0 + 4 * SLOT_MS)
    before = wide.proposal([wide.observation(n, begin, 1) for n in range(5)])
    base = Base(BaseKind.CERTIFIED, wide.certified(before))
    slot, prev_ms = begin + later_ms, begin + 2 * SLOT_MS + 50
    member = PARTY.member(6)
    PARTY.observed(member, slot)
    made = PARTY.proposal(_seen(slot), prev_ms, base)
    assert _reason(member.judge(made, slot + 60)) is reason


class TestWithheldPrices:
    """Two liars among five observations: a price would be lost that 2f + 1 honest members have."""

    def _proposed(self, slot: int = NEXT) -> Proposed:
        liars = [PARTY.observation(n, slot, entries=(HALTED,)) for n in (0, 1)]
        honest = [PARTY.observation(n, slot) for n in (2, 3, 4)]
        base = Base(BaseKind.CERTIFIED, FIRST_BODY)
        return PARTY.proposal([*liars, *honest], T0 + 50, base)

    def test_is_refused_at_once(self):
        """The next leader, who may be honest, hears more of them."""
        assert _reason(_member().judge(self._proposed(), NOW + SLOT_MS)) is Reason.PRICE_WITHHELD

    def test_is_signed_once_as_many_leaders_as_liars_have_failed(self):
        """Then one of them was honest, and could not do better: the price is not to be had."""
        for slots, expected in ((2, Reason.PRICE_WITHHELD), (3, None)):
            slot = T0 + slots * SLOT_MS
            member = PARTY.member(6)
            PARTY.observed(member, slot)
            assert _reason(member.judge(self._proposed(slot), slot + 60)) is expected

    def test_is_signed_where_there_was_no_price_before(self):
        """A market that has none cannot lose it."""
        halted = PARTY.proposal(_seen(entries=(HALTED,)))
        base = Base(BaseKind.CERTIFIED, PARTY.certified(halted))
        now = PARTY.proposal(self._proposed().proposal.observations, T0 + 50, base)
        assert isinstance(_member().judge(now, NOW + SLOT_MS), Vote)


def test_a_disk_that_is_full_is_a_refusal(tmp_path: Path):
    """No signature leaves that a restart would not know of."""
    journal = SigningJournal(tmp_path / "j.json")
    (tmp_path / "j.part").mkdir()
    member = _member(journal=journal)
    assert _reason(member.judge(FIRST, NOW)) is Reason.NOT_DURABLE
    (tmp_path / "j.part").rmdir()
    assert isinstance(member.judge(FIRST, NOW), Vote)


def test_a_restart_remembers_what_was_signed(tmp_path: Path):
    """Its slot, that it must not be passed over, and how to finish it."""
    journal = SigningJournal(tmp_path / "j.json")
    vote = _member(journal=journal).judge(FIRST, NOW)
    journal.close()
    again = _member(journal=SigningJournal(tmp_path / "j.json"), seen=False)
    assert again.last == Last(T0, 0, vote.digest, T0 + 50)
    assert again.stored_proposal(vote.digest) == FIRST.encode()
    assert again.unfinished(NEXT).digest == vote.digest
    assert again.judge(FIRST, NOW) == vote
    other = PARTY.proposal(_seen(members=(0, 1, 2, 3, 5)))
    assert _reason(again.judge(other, NOW)) is Reason.SIGNED_ANOTHER
    passing = PARTY.proposal(_seen(NEXT))
    assert _reason(again.judge(passing, NOW + SLOT_MS)) is Reason.BASE_TOO_OLD


def test_a_restart_with_another_configuration_finishes_what_was_signed():
    """Its observations no longer count for a first signature, but prove their time for ever."""
    journal = SigningJournal(None)
    vote = _member(journal=journal).judge(FIRST, NOW)
    changed = Party(7, configs=(AcceptedConfig(b"n" * 32),), slot_ms=2 * SLOT_MS)
    again = changed.member(6, journal)
    assert again.judge(FIRST, NOW) == vote
    assert again.unfinished(NEXT) is not None
    assert _reason(changed.member(5).judge(FIRST, NOW)) is not None


def test_the_next_configuration_counts_from_its_time_on():
    """And the present one to the end, so that members change over one after the other."""
    rules = (AcceptedConfig(CONFIG), AcceptedConfig(b"n" * 32, from_ms=NEXT + 50))
    party = Party(7, configs=rules)
    new = [PARTY.observation(n, NEXT, config_hash=b"n" * 32, time_ms=NEXT + 50) for n in (0, 1, 2)]
    both = [*new, *_seen(NEXT, members=(3, 4))]
    early = [PARTY.observation(0, NEXT, config_hash=b"n" * 32, time_ms=NEXT + 49), *both[1:]]
    member = _member(party=party)
    refused = member.judge(PARTY.proposal(early), NEXT + 60)
    assert _reason(refused) is Reason.CONFIG_NOT_ACCEPTED
    assert isinstance(member.judge(PARTY.proposal(both), NEXT + 60), Vote)


def test_the_configuration_before_counts_until_its_time():
    """A member that has changed over signs with those that have not, for a while."""
    rules = (AcceptedConfig(b"n" * 32), AcceptedConfig(CONFIG, until_ms=T0 + 51))
    member = _member(party=Party(7, configs=rules))
    assert isinstance(member.judge(FIRST, NOW), Vote)
    late = PARTY.proposal([*_seen(members=range(4)), PARTY.observation(4, time_ms=T0 + 51)])
    assert _reason(_member(party=Party(7, configs=rules)).judge(late, NOW)) is (
        Reason.CONFIG_NOT_ACCEPTED
    )


def test_a_new_epoch_begins_with_what_it_knows_of_the_old():
    """With the old members named, its first report follows their last; without, it says 0."""
    old = Committee(SALT, 0, 5, PARTY.committee.members)
    before = decode(FIRST_BODY)
    seen = [PARTY.observation(n, T0 - SLOT_MS, epoch=0) for n in range(5)]
    made = PARTY.proposal(seen, epoch=0)
    first = Party(7)
    first.committee = old
    first.rules = first.rules._replace(committee=old)
    body = first.certified(made)
    assert before.epoch == 1
    knows = Party(7, past=(old,)).member(6)
    PARTY.observed(knows, T0)
    knows.certify(body)
    follows = PARTY.proposal(_seen(), T0 - 200, Base(BaseKind.CERTIFIED, body))
    assert _reason(knows.judge(FIRST, NOW)) is Reason.BASE_TOO_OLD
    assert isinstance(knows.judge(follows, NOW), Vote)
    forgets = _member()
    assert _reason(forgets.judge(follows, NOW)) is Reason.BASE_UNPROVEN
    assert isinstance(forgets.judge(FIRST, NOW), Vote)


def test_a_journal_of_an_epoch_before_holds_its_slots_only():
    """Slots rise over epochs; what was in doubt ended with its epoch."""
    journal = SigningJournal(None)
    _member(journal=journal).judge(FIRST, NOW)
    journal.newest = Signed(**{**_fields(journal.newest), "epoch": 0})
    member = _member(journal=journal)
    assert member.last == Last()
    assert _reason(member.judge(FIRST, NOW)) is None
    other = PARTY.proposal(_seen(members=(0, 1, 2, 3, 5)))
    assert _reason(member.judge(other, NOW)) is Reason.SIGNED_ANOTHER
    assert isinstance(member.judge(PARTY.proposal(_seen(NEXT)), NOW + SLOT_MS), Vote)


def _fields(signed: Signed) -> dict:
    return {name: getattr(signed, name) for name in signed.__struct_fields__}


def test_a_member_observes_each_round_once():
    """Two observations for one round would be evidence against it."""
    member = PARTY.member(6, started_ms=T0)
    for slot, view, reason in [
        (T0, 0, Reason.ALREADY_DONE),
        (T0, 1, None),
        (T0, 1, Reason.ALREADY_DONE),
        (T0, 0, Reason.ALREADY_DONE),
        (NEXT, 2, Reason.OTHER_ROUND),
        (NEXT, 0, None),
    ]:
        if reason is None:
            assert PARTY.observed(member, slot, view).view == view
        else:
            with pytest.raises(Refused) as refused:
                PARTY.observed(member, slot, view)
            assert refused.value.refusal.reason is reason


def test_a_step_outside_the_round_is_not_observed():
    """A step that came late belongs to the next view."""
    with pytest.raises(Refused, match="time_outside_view"):
        PARTY.member(6).observe(T0, 0, (T0 + VIEW_MS) * 10**6, [], b"", b"")


def test_a_leader_proposes_each_round_once():
    """And only those that it leads, with enough observations that count."""
    slot = next(T0 + n * SLOT_MS for n in range(7) if PARTY.rules.leader(T0 + n * SLOT_MS, 0) == 6)
    seen = _seen(slot)
    leader = PARTY.member(6, started_ms=T0 - 1)
    for observations, reason in [
        (seen[:4], Reason.TOO_FEW_OBSERVATIONS),
        ([*seen[:4], PARTY.observation(4, slot, config_hash=SALT)], Reason.CONFIG_NOT_ACCEPTED),
        (seen, None),
        (seen, Reason.ALREADY_DONE),
    ]:
        if reason is None:
            assert PARTY.proposed(leader, observations).proposal.leader == 6
        else:
            with pytest.raises(Refused) as refused:
                leader.propose(slot, 0, observations)
            assert refused.value.refusal.reason is reason
    with pytest.raises(Refused, match="not_leader"):
        leader.propose(slot + SLOT_MS, 0, _seen(slot + SLOT_MS))


def test_a_leader_asks_for_what_others_signed():
    """And follows it when it cannot be finished; nothing is asked for that is done or known."""
    slot = next(
        T0 + n * SLOT_MS for n in range(1, 8) if PARTY.rules.leader(T0 + n * SLOT_MS, 0) == 6
    )
    leader, digest = PARTY.member(6), PARTY.member(0).tally(FIRST).digest
    seen = [PARTY.observation(0, slot, last=Last(T0, 0, digest, T0 + 50)), *_seen(slot)[1:]]
    assert leader.wanted(seen) == [(0, seen[0].last)]
    leader.learn(FIRST)
    assert leader.wanted(seen) == []
    assert leader.unfinished(slot).digest == digest
    proposed = PARTY.proposed(leader, seen)
    assert (proposed.base.kind, proposed.proposal.prev_ms) == (BaseKind.IN_DOUBT, T0 + 50)
    leader.certify(FIRST_BODY)
    assert leader.unfinished(slot) is None
    assert leader.wanted(seen) == []


def test_a_proposal_that_proves_nothing_is_not_learnt():
    """A member may claim to have signed anything; only a quorum's observations count."""
    for claimed, why in [
        (PARTY.proposal(_seen(members=range(4))), "too_few"),
        (PARTY.proposal(_seen(), T0 - 200), "base_unproven"),
        (_with({"view": 1}), "other_round"),
    ]:
        with pytest.raises(Refused, match=why):
            PARTY.member(6).learn(claimed)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "shorter"),
        (_cut(FIRST_BODY), "not"),
        (subset(PARTY.certified(PARTY.proposal(_seen(entries=(entry(),) * 5))), [0]), "takes all"),
        (encode(decode(FIRST_BODY)._replace(epoch=9)), "epoch 9"),
    ],
)
def test_what_is_no_report_is_not_certified(body, why):
    """Each with why."""
    with pytest.raises(Refused, match=why):
        PARTY.member(6).certify(body)


def test_an_older_report_changes_nothing():
    """Reports may come in any order and again."""
    member = _member()
    newer = PARTY.certified(_follows(FIRST_BODY))
    assert [member.certify(body) for body in (newer, FIRST_BODY, newer)] == [True, False, False]
    assert member.chain.certified.slot == NEXT


@pytest.mark.parametrize(
    ("n", "threshold", "good"),
    [(7, 5, True), (7, 4, False), (7, 6, False), (5, 4, True), (5, 3, False), (4, 3, True),
     (3, 2, True), (1, 1, True), (10, 7, True), (6, 4, True), (6, 6, False)],
)  # fmt: skip
def test_quorums_that_could_part_are_refused(n, threshold, good):
    """Any two share an honest member, and the honest ones make one."""
    party = Party(n, threshold)
    if good:
        party.rules.check()
    else:
        with pytest.raises(ConfigError, match="may fail"):
            party.rules.check()


def test_views_must_fill_a_slot():
    """Else the last one would reach into the next slot."""
    with pytest.raises(ConfigError, match="whole number"):
        Party(7, view_ms=100).rules.check()


def test_a_journal_of_another_deployment_is_refused():
    """Its slots and times mean nothing here."""
    journal = SigningJournal(None)
    journal.write(Signed("0xab", 1, 42, 42_000_000, "cd", {0: 7}, b"body"))
    with pytest.raises(ConfigError, match="of deployment 0xab"):
        PARTY.member(6, journal)


def test_a_journal_whose_proposal_is_not_its_report_stops_the_member():
    """Half a memory is worse than none: a person must look."""
    for change in ({"digest": "ab" * 32}, {"proposal": b"\1" * 200}):
        journal = SigningJournal(None)
        _member(journal=journal).judge(FIRST, NOW)
        journal.newest = Signed(**{**_fields(journal.newest), **change})
        with pytest.raises(ConfigError, match="journal's proposal is not"):
            PARTY.member(6, journal)


def test_the_journal_keeps_what_a_finisher_and_a_later_release_need():
    """The view, the proposal with its base, and the last time of groups that are gone."""
    journal = SigningJournal(None)
    _member(journal=journal).judge(FIRST, NOW)
    journal.newest = Signed(**{**_fields(journal.newest), "group_ms": {0: 1, 5: 7}, "epoch": 0})
    second = PARTY.proposal(_seen(NEXT, 1))
    member = _member(journal=journal)
    assert isinstance(member.judge(second, NEXT + VIEW_MS + 60), Vote)
    assert (member.last.slot, member.last.view) == (NEXT, 1)
    assert journal.newest.proposal == second.encode()
    assert journal.newest.group_ms == {0: NEXT + VIEW_MS + 50, 5: 7}


def test_prices_are_judged_by_the_marks_nearest_in_time():
    """A price that moved is not a lie."""
    member = PARTY.member(6)
    PARTY.observed(member, T0)
    PARTY.observed(member, NEXT, entries=(entry(20_000),))
    moved = PARTY.proposal(_seen(NEXT, entries=(entry(20_000),)))
    assert isinstance(member.judge(moved, NOW + SLOT_MS), Vote)
    late = PARTY.proposal(_seen(NEXT + SLOT_MS))
    assert _reason(member.judge(late, NOW + 2 * SLOT_MS)) is not None


def test_the_same_report_by_others_is_not_newer():
    """Any five of the seven make the same report."""
    member = _member()
    other = PARTY.certified(FIRST, signers=range(2, 7))
    assert other != FIRST_BODY
    assert [member.certify(body) for body in (FIRST_BODY, other)] == [True, False]


def test_what_can_never_be_certified_is_nothing_to_follow():
    """A liar cannot make a gap with another proposal for a slot that has its report."""
    member = _member()
    member.certify(FIRST_BODY)
    dead = PARTY.proposal([PARTY.observation(n, time_ms=T0 + 60) for n in range(5)])
    base = Base(BaseKind.IN_DOUBT, dead.proposal.encode())
    made = PARTY.proposal(_seen(NEXT), T0 + 60, base)
    assert _reason(member.judge(made, NOW + SLOT_MS)) is Reason.BASE_TOO_OLD
    member.learn(dead)
    assert member.unfinished(NEXT) is None


def test_a_liar_cannot_fill_the_memory_of_what_is_in_doubt(monkeypatch):
    """The oldest goes first; what this member signed itself it can always show."""
    monkeypatch.setattr(chain, "KEPT_IN_DOUBT", 2)
    member = _member()
    vote = member.judge(FIRST, NOW)
    for slot in (NEXT, NEXT + SLOT_MS):
        member.learn(PARTY.proposal(_seen(slot)))
    doubts = member.chain.doubts(NEXT + 9 * SLOT_MS)
    assert [doubt.slot for doubt in doubts] == [NEXT + SLOT_MS, NEXT]
    assert member.stored_proposal(vote.digest) == FIRST.encode()
    assert member.stored_proposal(bytes(32)) is None


def test_a_report_whose_groups_differ_in_time_is_followed_at_the_latest():
    """As one may that a shared view signed."""
    leaves = [Leaf(n, 0, encode_word(T0 + 40 + n, [entry()])) for n in range(2)]
    unsigned = Unsigned(1, T0, bytes(32), tuple(leaves))
    message = unsigned.message(SALT)
    signatures = {number: PARTY.sign(number, message) for number in range(5)}
    member = _member()
    member.certify(sign_complete(unsigned, signatures, 5))
    assert member.chain.certified.time_ms == T0 + 41


def test_every_round_has_its_leader():
    """Each view the next one, and each slot; a member that is gone costs a view, not a slot."""
    leaders = [PARTY.rules.leader(T0 + n * SLOT_MS, 0) for n in range(8)]
    assert leaders == [(leaders[0] + n) % 7 for n in range(8)]
    assert PARTY.rules.leader(T0, 1) == leaders[1]
    assert [PARTY.rules.window(T0, view) for view in range(PARTY.rules.views)] == [
        (T0, T0 + VIEW_MS),
        (T0 + VIEW_MS, NEXT),
    ]

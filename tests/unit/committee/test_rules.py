"""What all members agree on: quorums, leaders, and changes of configuration and epoch."""

from __future__ import annotations

import pytest

from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.rounds.judging import Vote
from oracle.committee.rounds.rules import AcceptedConfig
from oracle.committee.wire.observation import Last
from oracle.committee.wire.proposal import Base, BaseKind
from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.errors import ConfigError
from tests.unit.committee.party import CONFIG, SLOT_MS, T0, VIEW_MS, Party
from tests.unit.committee.rounds import (
    FIRST,
    NEXT,
    NOW,
    PARTY,
    a_member,
    fields,
    in_doubt,
    reason,
    seen,
)


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


def test_every_round_has_its_leader():
    """Each view the next one, and each slot; a member that is gone costs a view, not a slot."""
    leaders = [PARTY.rules.leader(T0 + n * SLOT_MS, 0) for n in range(8)]
    assert leaders == [(leaders[0] + n) % 7 for n in range(8)]
    assert PARTY.rules.leader(T0, 1) == leaders[1]
    assert [PARTY.rules.window(T0, view) for view in range(PARTY.rules.views)] == [
        (T0, T0 + VIEW_MS),
        (T0 + VIEW_MS, NEXT),
    ]


def test_the_next_configuration_counts_from_its_time_on():
    """And the present one to the end, so that members change over one after the other."""
    rules = (AcceptedConfig(CONFIG), AcceptedConfig(b"n" * 32, from_ms=NEXT + 50))
    party = Party(7, configs=rules)
    new = [PARTY.observation(n, NEXT, config_hash=b"n" * 32, time_ms=NEXT + 50) for n in (0, 1, 2)]
    both = [*new, *seen(NEXT, members=(3, 4))]
    early = [PARTY.observation(0, NEXT, config_hash=b"n" * 32, time_ms=NEXT + 49), *both[1:]]
    member = a_member(party=party)
    refused = member.judge(PARTY.proposal(early), NEXT + 60)
    assert reason(refused) is Reason.CONFIG_NOT_ACCEPTED
    assert isinstance(member.judge(PARTY.proposal(both), NEXT + 60), Vote)


def test_the_configuration_before_counts_until_its_time():
    """A member that has changed over signs with those that have not, for a while."""
    rules = (AcceptedConfig(b"n" * 32), AcceptedConfig(CONFIG, until_ms=T0 + 51))
    member = a_member(party=Party(7, configs=rules))
    assert isinstance(member.judge(FIRST, NOW), Vote)
    late = PARTY.proposal([*seen(members=range(4)), PARTY.observation(4, time_ms=T0 + 51)])
    assert reason(a_member(party=Party(7, configs=rules)).judge(late, NOW)) is (
        Reason.CONFIG_NOT_ACCEPTED
    )


def test_a_restart_with_another_configuration_finishes_what_was_signed():
    """Its observations no longer count for a first signature, but prove their time for ever."""
    journal = SigningJournal(None)
    vote = a_member(journal=journal).judge(FIRST, NOW)
    changed = Party(7, configs=(AcceptedConfig(b"n" * 32),), slot_ms=2 * SLOT_MS)
    again = changed.member(6, journal)
    assert again.judge(FIRST, NOW) == vote
    assert in_doubt(again, NEXT) != []
    assert reason(changed.member(5).judge(FIRST, NOW)) is not None


def _report_of_epoch_0() -> bytes:
    old = Party(7)
    old.committee = old.committee._replace(epoch=0)
    old.rules = old.rules._replace(committee=old.committee)
    heard = [old.observation(n, T0 - SLOT_MS, epoch=0) for n in range(5)]
    return old.certified(old.proposal(heard, epoch=0))


def test_a_new_epoch_follows_nothing():
    """Nobody can prove which report was the last of the old one: the first report says 0."""
    member, body = a_member(), _report_of_epoch_0()
    with pytest.raises(Refused, match="epoch 0"):
        member.certify(body)
    following_it = PARTY.proposal(seen(), T0 - 200, Base(BaseKind.CERTIFIED, body))
    assert reason(member.judge(following_it, NOW)) is Reason.BASE_UNPROVEN
    assert FIRST.proposal.prev_ms == 0
    assert isinstance(member.judge(FIRST, NOW), Vote)


@pytest.fixture
def moved_on() -> SigningJournal:
    """Return the journal of a member that signed in the epoch before, at T0 + 50."""
    journal = SigningJournal(None)
    a_member(journal=journal).judge(FIRST, NOW)
    journal.newest = Signed(**{**fields(journal.newest), "epoch": 0, "digest": "ab" * 32})
    return journal


def test_slots_rise_over_epochs(moved_on):
    """What was in doubt ended with its epoch; no slot of it is signed again in the next."""
    member = a_member(journal=moved_on)
    assert member.last == Last()
    assert reason(member.judge(FIRST, NOW)) is not None
    early = PARTY.proposal(seen(T0 - SLOT_MS))
    assert reason(member.judge(early, NOW)) is Reason.SIGNED_LATER
    assert isinstance(member.judge(PARTY.proposal(seen(NEXT)), NOW + SLOT_MS), Vote)


def test_times_rise_over_epochs_too(moved_on):
    """Slots of another length overlap: a member signs no moment in two epochs."""
    for time_ms, expected in [
        (T0 + SLOT_MS + 50, Reason.TIME_NOT_AFTER_BASE),
        (T0 + SLOT_MS + 51, None),
    ]:
        late = Signed(**{**fields(moved_on.newest), "time_ns": (T0 + SLOT_MS + 50) * 10**6})
        journal = SigningJournal(None)
        journal.newest = late
        heard = [PARTY.observation(n, NEXT, time_ms=time_ms) for n in range(5)]
        answer = a_member(journal=journal).judge(PARTY.proposal(heard), NOW + SLOT_MS)
        assert reason(answer) is expected

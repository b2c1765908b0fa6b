"""What all members agree on: quorums, leaders, and changes of configuration and epoch."""

from __future__ import annotations

import pytest

from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.rounds.judging import Vote
from oracle.committee.rounds.rules import AcceptedConfig
from oracle.committee.wire.observation import Last
from oracle.committee.wire.proposal import Base, BaseKind
from oracle.committee.wire.refusals import Reason
from oracle.model.errors import ConfigError
from oracle.report.committee import Committee
from oracle.report.report import decode
from tests.unit.committee.party import CONFIG, SALT, SLOT_MS, T0, VIEW_MS, Party
from tests.unit.committee.rounds import (
    FIRST,
    FIRST_BODY,
    NEXT,
    NOW,
    PARTY,
    a_member,
    fields,
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
    assert again.unfinished(NEXT) is not None
    assert reason(changed.member(5).judge(FIRST, NOW)) is not None


def test_a_new_epoch_begins_with_what_it_knows_of_the_old():
    """With the old members named, its first report follows their last; without, it says 0."""
    old = Committee(SALT, 0, 5, PARTY.committee.members)
    before = decode(FIRST_BODY)
    heard = [PARTY.observation(n, T0 - SLOT_MS, epoch=0) for n in range(5)]
    made = PARTY.proposal(heard, epoch=0)
    first = Party(7)
    first.committee = old
    first.rules = first.rules._replace(committee=old)
    body = first.certified(made)
    assert before.epoch == 1
    knows = Party(7, past=(old,)).member(6)
    PARTY.observed(knows, T0)
    knows.certify(body)
    following_it = PARTY.proposal(seen(), T0 - 200, Base(BaseKind.CERTIFIED, body))
    assert reason(knows.judge(FIRST, NOW)) is Reason.BASE_TOO_OLD
    assert isinstance(knows.judge(following_it, NOW), Vote)
    forgets = a_member()
    assert reason(forgets.judge(following_it, NOW)) is Reason.BASE_UNPROVEN
    assert isinstance(forgets.judge(FIRST, NOW), Vote)


def test_a_journal_of_an_epoch_before_holds_its_slots_only():
    """Slots rise over epochs; what was in doubt ended with its epoch."""
    journal = SigningJournal(None)
    a_member(journal=journal).judge(FIRST, NOW)
    journal.newest = Signed(**{**fields(journal.newest), "epoch": 0})
    member = a_member(journal=journal)
    assert member.last == Last()
    assert reason(member.judge(FIRST, NOW)) is None
    other = PARTY.proposal(seen(members=(0, 1, 2, 3, 5)))
    assert reason(member.judge(other, NOW)) is Reason.SIGNED_ANOTHER
    assert isinstance(member.judge(PARTY.proposal(seen(NEXT)), NOW + SLOT_MS), Vote)

"""What a member may say at all: once a round, and after a restart what its journal allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.rounds.judging import Vote
from oracle.committee.wire.observation import Last
from oracle.committee.wire.proposal import Base, BaseKind
from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.errors import ConfigError
from tests.unit.committee.party import SALT, SLOT_MS, T0, VIEW_MS
from tests.unit.committee.rounds import (
    FIRST,
    FIRST_BODY,
    NEXT,
    NOW,
    PARTY,
    a_member,
    fields,
    in_doubt,
    reason,
    seen,
)


def test_a_member_observes_each_round_once():
    """Two observations for one round would be evidence against it."""
    member = PARTY.member(6, started_ms=T0)
    for slot, view, expected in [
        (T0, 0, Reason.ALREADY_DONE),
        (T0, 1, None),
        (T0, 1, Reason.ALREADY_DONE),
        (T0, 0, Reason.ALREADY_DONE),
        (NEXT, 2, Reason.OTHER_ROUND),
        (NEXT, 0, None),
    ]:
        if expected is None:
            assert PARTY.observed(member, slot, view).view == view
        else:
            with pytest.raises(Refused) as refused:
                PARTY.observed(member, slot, view)
            assert refused.value.refusal.reason is expected


def test_a_step_outside_the_round_is_not_observed():
    """A step that came late belongs to the next view."""
    with pytest.raises(Refused, match="time_outside_view"):
        PARTY.member(6).observe(T0, 0, (T0 + VIEW_MS) * 10**6, [], b"", b"")


def test_a_leader_proposes_each_round_once():
    """And only those that it leads, with enough observations that count."""
    slot = next(T0 + n * SLOT_MS for n in range(7) if PARTY.rules.leader(T0 + n * SLOT_MS, 0) == 6)
    heard = seen(slot)
    leader = PARTY.member(6, started_ms=T0 - 1)
    for observations, expected in [
        (heard[:4], Reason.TOO_FEW_OBSERVATIONS),
        ([*heard[:4], PARTY.observation(4, slot, config_hash=SALT)], Reason.CONFIG_NOT_ACCEPTED),
        (heard, None),
        (heard, Reason.ALREADY_DONE),
    ]:
        if expected is None:
            assert PARTY.proposed(leader, observations).proposal.leader == 6
        else:
            with pytest.raises(Refused) as refused:
                leader.propose(slot, 0, observations)
            assert refused.value.refusal.reason is expected
    with pytest.raises(Refused, match="not_leader"):
        leader.propose(slot + SLOT_MS, 0, seen(slot + SLOT_MS))


def test_a_leader_asks_for_what_others_signed():
    """And follows it when it cannot be finished; nothing is asked for that is done or known."""
    slot = next(
        T0 + n * SLOT_MS for n in range(1, 8) if PARTY.rules.leader(T0 + n * SLOT_MS, 0) == 6
    )
    leader, digest = PARTY.member(6), PARTY.member(0).tally(FIRST).digest
    heard = [PARTY.observation(0, slot, last=Last(T0, 0, digest, T0 + 50)), *seen(slot)[1:]]
    assert leader.wanted(heard) == [(0, heard[0].last)]
    leader.learn(FIRST)
    assert leader.wanted(heard) == []
    assert in_doubt(leader, slot) == [digest]
    proposed = PARTY.proposed(leader, heard)
    assert (proposed.base.kind, proposed.proposal.prev_ms) == (BaseKind.IN_DOUBT, T0 + 50)
    leader.certify(FIRST_BODY)
    assert in_doubt(leader, slot) == []
    assert leader.wanted(heard) == []


def test_a_disk_that_is_full_is_a_refusal(tmp_path: Path):
    """No signature leaves that a restart would not know of."""
    journal = SigningJournal(tmp_path / "j.json")
    (tmp_path / "j.part").mkdir()
    member = a_member(journal=journal)
    assert reason(member.judge(FIRST, NOW)) is Reason.NOT_DURABLE
    (tmp_path / "j.part").rmdir()
    assert isinstance(member.judge(FIRST, NOW), Vote)


def test_a_restart_remembers_what_was_signed(tmp_path: Path):
    """Its slot, that it must not be passed over, and how to finish it."""
    journal = SigningJournal(tmp_path / "j.json")
    vote = a_member(journal=journal).judge(FIRST, NOW)
    journal.close()
    again = a_member(journal=SigningJournal(tmp_path / "j.json"), heard=False)
    assert again.last == Last(T0, 0, vote.digest, T0 + 50)
    assert again.stored_proposal(vote.digest) == FIRST.encode()
    assert in_doubt(again, NEXT) == [vote.digest]
    assert again.judge(FIRST, NOW) == vote
    other = PARTY.proposal(seen(members=(0, 1, 2, 3, 5)))
    assert reason(again.judge(other, NOW)) is Reason.SIGNED_ANOTHER
    passing = PARTY.proposal(seen(NEXT))
    assert reason(again.judge(passing, NOW + SLOT_MS)) is Reason.BASE_TOO_OLD


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
        a_member(journal=journal).judge(FIRST, NOW)
        journal.newest = Signed(**{**fields(journal.newest), **change})
        with pytest.raises(ConfigError, match="journal's proposal is not"):
            PARTY.member(6, journal)


@pytest.mark.parametrize(("epoch", "kept"), [(1, {5: 7}), (0, {})])
def test_the_journal_keeps_what_a_finisher_and_a_later_release_need(epoch, kept):
    """The view, the proposal with its base, and the last time in this epoch of groups that are
    gone: what was before begins no chain of this one."""
    journal = SigningJournal(None)
    a_member(journal=journal).judge(FIRST, NOW)
    changes = {"group_ms": {0: 1, 5: 7}, "epoch": epoch}
    journal.newest = Signed(**{**fields(journal.newest), **changes})
    base = Base(BaseKind.IN_DOUBT, FIRST.proposal.encode()) if epoch == 1 else Base()
    second = PARTY.proposal(seen(NEXT, 1), T0 + 50 if epoch == 1 else 0, base)
    member = a_member(journal=journal)
    assert isinstance(member.judge(second, NEXT + VIEW_MS + 60), Vote)
    assert (member.last.slot, member.last.view) == (NEXT, 1)
    assert journal.newest.proposal == second.encode()
    assert journal.newest.group_ms == {0: NEXT + VIEW_MS + 50, **kept}

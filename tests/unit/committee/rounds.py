"""One committee of seven, its first report, and ways to spoil what is proposed."""

from __future__ import annotations

from oracle.committee.journal import Signed, SigningJournal
from oracle.committee.rounds.judging import Vote
from oracle.committee.rounds.member import Member
from oracle.committee.wire.proposal import Base, BaseKind, Proposed
from oracle.committee.wire.refusals import Reason, Refusal
from oracle.model.validity import Validity
from oracle.report.report import decode, encode
from tests.unit.committee.party import SLOT_MS, T0, Party, entry

PARTY = Party(7)
NOW = T0 + 100
NEXT = T0 + SLOT_MS
HALTED = entry(validity=Validity.HALTED)


def seen(slot: int = T0, view: int = 0, members=range(5), **changes):
    """Return these members' observations of a round."""
    return [PARTY.observation(number, slot, view, **changes) for number in members]


def a_member(
    number: int = 6, journal: SigningJournal | None = None, party: Party = PARTY, heard=True
):
    """Return a member that has observed the slots around T0, unless it saw nothing."""
    member = party.member(number, journal)
    for slot in (T0, NEXT) if heard else ():
        party.observed(member, slot)
    return member


def reason(answer: Vote | Refusal) -> Reason | None:
    """Return why it was refused, or nothing for a vote."""
    return answer.reason if isinstance(answer, Refusal) else None


def in_doubt(member: Member, slot: int) -> list[bytes]:
    """Return the digests of what a member knows to be in doubt before a slot, newest first."""
    return [doubt.digest for doubt in member.chain.doubts(slot)]


def follows(body: bytes, slot: int = NEXT, **changes) -> Proposed:
    """Return a proposal on top of a report of T0."""
    base = Base(BaseKind.CERTIFIED, body)
    return PARTY.proposal(seen(slot, **changes), T0 + 50, base)


FIRST = PARTY.proposal(seen())
FIRST_BODY = PARTY.certified(FIRST)


def with_one(observation_changes: dict) -> Proposed:
    """Return a proposal, one of whose observations is changed."""
    return PARTY.proposal([*seen(members=range(4)), PARTY.observation(4, **observation_changes)])


def with_a_bad_signature(body: bytes) -> bytes:
    """Return a report, one of whose signatures is nobody's."""
    report = decode(body)
    return encode(report._replace(signatures=(*report.signatures[:-1], bytes(63) + b"\1")))


def fields(signed: Signed) -> dict:
    """Return a journal entry's fields."""
    return {name: getattr(signed, name) for name in signed.__struct_fields__}

"""What another member sends: any bytes are refused by name, and none makes a member fall over."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.committee.evidence.proof import Evidence
from oracle.committee.rounds.judging import Vote
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.proposal import Base, BaseKind, Proposal, Proposed
from oracle.committee.wire.refusals import Refusal
from oracle.model.errors import Rejected
from tests.unit.committee.party import SLOT_MS, T0, Party

PARTY = Party(4)
FIRST = PARTY.proposal([PARTY.observation(number) for number in range(3)])
SECOND = PARTY.proposal(
    [PARTY.observation(number, T0 + SLOT_MS) for number in range(3)],
    T0 + 50,
    Base(BaseKind.CERTIFIED, PARTY.certified(FIRST)),
)
KINDS = (Observation, Proposal, Proposed, Evidence)
EDITS = st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 255)), min_size=1, max_size=3)


@settings(max_examples=150)
@given(data=st.binary(max_size=1200), kind=st.sampled_from(KINDS))
def test_any_bytes_decode_or_are_refused(data, kind):
    """And what decodes encodes to the same bytes: there is one encoding of each thing."""
    for given_bytes in (data, b"\x01" + data):
        with contextlib.suppress(Rejected):
            assert kind.decode(given_bytes).encode() == given_bytes


@settings(max_examples=250)
@given(edits=EDITS, which=st.sampled_from([FIRST, SECOND]), resign=st.booleans())
def test_a_changed_proposal_is_refused_or_is_the_same_report(edits, which, resign):
    """Also when its leader signs the change: it cannot make a member raise, or sign other words."""
    data = bytearray(which.encode())
    for at, value in edits:
        data[at % len(data)] = value
    try:
        changed = Proposed.decode(bytes(data))
    except Rejected:
        return
    leader = changed.proposal.leader
    if resign and leader < PARTY.n:
        changed = changed.signed(PARTY.sign(leader, changed.proposal.message()))
    member = PARTY.member(3)
    PARTY.observed(member, T0 + SLOT_MS)
    answer = member.judge(changed, T0 + SLOT_MS + 60)
    assert isinstance(answer, Vote | Refusal)
    if isinstance(answer, Vote):
        assert changed.proposal.observations == which.proposal.observations

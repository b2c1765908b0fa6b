"""Observations and proposals as bytes: what is refused, and that nothing else changes them."""

from __future__ import annotations

import pytest
from eth_hash.auto import keccak

from oracle.committee.wire.observation import MAX_BYTES, Last, Observation
from oracle.committee.wire.proposal import Base, BaseKind, Proposal, Proposed
from oracle.model.errors import Rejected
from oracle.report.word import EMPTY, PAUSE_MASK, encode_word
from tests.unit.committee.party import SALT, T0, Party, entry
from tests.vectors import typed

PARTY = Party(7)
SEEN = PARTY.observation(3, entries=(entry(),) * 5, last=Last(T0 - 250, 1, b"d" * 32, T0 - 200))
GOOD = SEEN.encode()
HEADER = len(GOOD) - 2 * 32 - 64


def _proposed() -> Proposed:
    seen = [PARTY.observation(number) for number in range(5)]
    return PARTY.proposal(seen, T0 - 7, Base(BaseKind.CERTIFIED, b"a report"))


def test_an_observation_comes_back_as_it_went():
    """Decoding gives what was encoded, and its signature is its member's."""
    assert Observation.decode(GOOD) == SEEN
    Observation.decode(GOOD).verify(PARTY.committee.members[3])


def test_an_observation_has_the_length_that_the_page_says():
    """docs/committee.md gives the header's bytes."""
    assert HEADER == 209


@pytest.mark.parametrize("length", [*range(0, len(GOOD), 13), len(GOOD) - 1])
def test_a_cut_observation_is_refused(length):
    """Nothing that was cut off anywhere decodes."""
    with pytest.raises(Rejected):
        Observation.decode(GOOD[:length])


def _word(number: int, word: bytes) -> bytes:
    at = HEADER + 32 * number
    return GOOD[:at] + word + GOOD[at + 32 :]


def _bad_word(add: int) -> bytes:
    return (int.from_bytes(SEEN.words[1], "big") + add).to_bytes(32, "big")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "bytes"),
        (b"\x02" + GOOD[1:], "version 2"),
        (GOOD + b"\0", "groups has"),
        (bytes(MAX_BYTES + 1), "bytes"),
        (GOOD[: HEADER - 2] + b"\0\0" + GOOD[-64:], "0 groups"),
        (GOOD[: HEADER - 2] + b"\x04\x01" + bytes(1025 * 32 + 64), "bytes"),
        (_word(0, encode_word(SEEN.time_ms + 1, [EMPTY])), "group 0 is of"),
        (_word(1, _bad_word(PAUSE_MASK)), "pause bits"),
        (_word(1, _bad_word(1 << 50)), "never appears"),
        (_word(1, _bad_word(90_000_000)), "not normalised"),
        (_word(1, _bad_word(7 << 106)), "must carry no price"),
        (SEEN._replace(member=32).encode(), "member 32"),
    ],
)
def test_a_malformed_observation_is_refused(data, why):
    """Each with what was found."""
    with pytest.raises(Rejected, match=why):
        Observation.decode(data)


@pytest.mark.parametrize("at", [1, 33, 40, 48, 50, 60, 70, 100, 140, 175, 185, 220, HEADER + 40])
def test_every_byte_is_signed(at):
    """Whatever is changed on the way, the signature is no longer its member's."""
    changed = bytearray(GOOD)
    changed[at] ^= 1
    with pytest.raises(Rejected):
        Observation.decode(bytes(changed)).verify(PARTY.committee.members[3])


def test_an_observation_is_signed_as_eip712():
    """An independent implementation gives the same digest, so hardware signers can show it."""
    fields = {
        "contentHash": ("bytes32", keccak(SEEN.content())),
        "epoch": ("uint32", 1),
        "slot": ("uint64", T0),
        "view": ("uint32", 0),
        "member": ("uint16", 3),
    }
    signed = typed.digest(SALT, "Observation", fields, PARTY.keys[3].secret)
    assert signed == keccak(SEEN.message())


def test_what_one_member_signs_is_never_taken_for_something_else():
    """Observation, proposal and report of one round have different digests."""
    proposed = _proposed()
    unsigned = PARTY.member(0).tally(proposed).unsigned
    messages = {SEEN.message(), proposed.proposal.message(), unsigned.message(SALT)}
    assert len(messages) == 3


def test_a_proposal_comes_back_as_it_went():
    """With its base, and signed by its leader."""
    proposed = _proposed()
    back = Proposed.decode(proposed.encode())
    assert back == proposed
    back.proposal.verify(PARTY.committee.members[back.proposal.leader])


def test_a_cut_proposal_is_refused():
    """At every byte up to its base, whose length only its own decoder knows."""
    data = _proposed().encode()
    for length in range(0, len(data) - len(b"a report"), 11):
        with pytest.raises(Rejected):
            Proposed.decode(data[:length])


def _changed(**changes) -> bytes:
    return _proposed().proposal._replace(**changes).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "bytes"),
        (b"\x02" + _changed()[1:], "version 2"),
        (_changed(observations=()), "0 observations"),
        (_changed() + b"\0", "bytes"),
        (_changed(observations=tuple(reversed(_proposed().proposal.observations))), "rise"),
        (_changed(observations=_proposed().proposal.observations[:1] * 2), "rise"),
    ],
)
def test_a_malformed_proposal_is_refused(data, why):
    """Each with what was found."""
    with pytest.raises(Rejected, match=why):
        Proposal.decode(data)


def test_a_base_of_another_kind_is_refused():
    """A later release's kind is named, not guessed."""
    data = bytearray(Proposed(_proposed().proposal, Base()).encode())
    data[-1] = 3
    with pytest.raises(Rejected, match="kind 3"):
        Proposed.decode(bytes(data))

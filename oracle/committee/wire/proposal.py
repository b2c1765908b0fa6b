"""What a leader asks the members to sign, and what it says came before. Layout: docs/committee.md.

A proposal holds signed observations and the time that its report follows, not the report: each
member computes that. Beside it travels the proof of that time, which no signature covers.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple, Self

from eth_hash.auto import keccak

from oracle.committee.wire import observation as observed
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.statement import Shape, check_signer
from oracle.model.errors import Rejected
from oracle.report.report import MAX_MEMBERS
from oracle.report.round_messages import proposal_message
from oracle.report.signature import COMPACT_BYTES

VERSION: Final = 1
_HEADER: Final = struct.Struct(">B32sIQIHQH")
_LENGTH: Final = struct.Struct(">I")
MAX_BYTES: Final = _HEADER.size + MAX_MEMBERS * (_LENGTH.size + observed.MAX_BYTES) + COMPACT_BYTES
_SHAPE: Final = Shape("a proposal", VERSION, _HEADER, MAX_BYTES)


class Proposal(NamedTuple):
    """One round's chosen observations, in member order, as its leader signed them."""

    salt: bytes
    epoch: int
    slot: int
    view: int
    leader: int
    prev_ms: int
    """Time of the report before (unix ms), or 0 in the first."""
    observations: tuple[Observation, ...]
    signature: bytes = b""

    def content(self) -> bytes:
        """Return the canonical bytes that are signed."""
        header = _HEADER.pack(VERSION, *self[:6], len(self.observations))
        encoded = (one.encode() for one in self.observations)
        return header + b"".join(_LENGTH.pack(len(data)) + data for data in encoded)

    def message(self) -> bytes:
        """Return what the leader signs."""
        content_hash = keccak(self.content())
        return proposal_message(
            self.salt, content_hash, self.epoch, self.slot, self.view, self.leader
        )

    def signed(self, signature: bytes) -> Self:
        """Return it with its leader's signature."""
        return self._replace(signature=signature)

    def encode(self) -> bytes:
        """Return the content and the signature."""
        return self.content() + self.signature

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode what `encode` gives; signatures are not checked.

        Raises:
            Rejected: malformed, with what was found and what is allowed.
        """
        *fields, count = _SHAPE.read_header(data)
        if not 1 <= count <= MAX_MEMBERS:
            raise Rejected(f"{count} observations; a proposal has 1 to {MAX_MEMBERS}")
        observations, at = _decode_observations(data, count)
        if len(data) != at + COMPACT_BYTES:
            raise Rejected(
                f"a proposal of these observations has {at + COMPACT_BYTES} bytes, this has "
                f"{len(data)}"
            )
        members = [one.member for one in observations]
        if sorted(set(members)) != members:
            raise Rejected(f"observations of members {members}: they must rise strictly")
        return cls._make((*fields, observations, data[at:]))

    def verify(self, leader: bytes) -> None:
        """Check that the member with this 20-byte address signed it.

        Raises:
            Rejected: no signature, or somebody else's.
        """
        what = f"the proposal of member {self.leader}"
        check_signer(self.message(), self.signature, leader, what)


def _decode_observations(data: bytes, count: int) -> tuple[tuple[Observation, ...], int]:
    at, observations = _HEADER.size, []
    for _ in range(count):
        length = int.from_bytes(data[at : at + _LENGTH.size], "big")
        at += _LENGTH.size
        if length > observed.MAX_BYTES or at + length > len(data):
            raise Rejected(f"the proposal ends inside its {count} observations")
        observations.append(Observation.decode(data[at : at + length]))
        at += length
    return tuple(observations), at


class BaseKind(IntEnum):
    """What proves the time that a report follows."""

    NOTHING = 0
    """The committee's first report."""
    CERTIFIED = 1
    """A report with its signatures, that carries all groups."""
    IN_DOUBT = 2
    """A proposal that some member signed, and that cannot be finished."""


class Base(NamedTuple):
    """Proof of a proposal's `prev_ms`."""

    kind: BaseKind = BaseKind.NOTHING
    data: bytes = b""


class Proposed(NamedTuple):
    """A proposal and the proof of what it follows, as it travels."""

    proposal: Proposal
    base: Base

    def signed(self, signature: bytes) -> Self:
        """Return it with its leader's signature."""
        return self._replace(proposal=self.proposal.signed(signature))

    def encode(self) -> bytes:
        """Return length and bytes of the proposal, then kind and bytes of the base."""
        data = self.proposal.encode()
        return _LENGTH.pack(len(data)) + data + bytes((self.base.kind,)) + self.base.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode what `encode` gives; neither signatures nor the base are checked.

        Raises:
            Rejected: malformed, with what was found and what is allowed.
        """
        end = _LENGTH.size + int.from_bytes(data[: _LENGTH.size], "big")
        if not _LENGTH.size < end < len(data) <= MAX_PROPOSED_BYTES:
            raise Rejected(
                f"a proposal with its base has up to {MAX_PROPOSED_BYTES} bytes and ends after its "
                f"kind of base; this has {len(data)}"
            )
        if data[end] not in set(BaseKind):
            raise Rejected(
                f"base of kind {data[end]} is not known; known are 0 to {len(BaseKind) - 1}"
            )
        if data[end] == BaseKind.NOTHING and len(data) > end + 1:
            raise Rejected(f"{len(data) - end - 1} bytes after a base of kind 0, which has none")
        proposal = Proposal.decode(data[_LENGTH.size : end])
        return cls(proposal, Base(BaseKind(data[end]), data[end + 1 :]))


MAX_PROPOSED_BYTES: Final = 2 * MAX_BYTES + _LENGTH.size + 1

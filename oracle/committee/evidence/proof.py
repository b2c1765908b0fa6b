"""Proof that a member spoke twice, which anybody can check from its bytes alone.

It lists the members of its epoch as they were known when it was found: epochs end, proof does not.
Whether that list is the deployment's is another question, which a configuration of the epoch, or
the chain, answers.

A crash cannot make an honest member do it: it observes and proposes only in rounds that began after
its start, and signs one report a slot, by its journal.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from itertools import pairwise
from typing import Final, NamedTuple, Self

from eth_hash.auto import keccak

from oracle.committee.wire.observation import Observation
from oracle.committee.wire.proposal import MAX_BYTES as MAX_PROPOSAL_BYTES
from oracle.committee.wire.proposal import Proposal
from oracle.model.errors import Rejected
from oracle.report.committee import Committee
from oracle.report.digest import domain_separator, report_message
from oracle.report.report import MAX_MEMBERS
from oracle.report.signature import COMPACT_BYTES, recover

VERSION: Final = 2
_HEADER: Final = struct.Struct(">BB32sIHQIBII")
_HASH_BYTES: Final = 32
_ADDRESS_BYTES: Final = 20
MAX_BYTES: Final = _HEADER.size + MAX_MEMBERS * _ADDRESS_BYTES + 2 * MAX_PROPOSAL_BYTES


class Kind(IntEnum):
    """What was said twice."""

    OBSERVATION = 1
    """Two observations of one member for one view of one slot."""
    PROPOSAL = 2
    """Two proposals of one leader for one view of one slot."""
    SIGNATURE = 3
    """One member's signatures of two reports for one slot, in whatever views."""


class ReportVote(NamedTuple):
    """A member's signature of a report, with what it takes to check it."""

    epoch: int
    slot: int
    root: bytes
    inputs_root: bytes
    signature: bytes

    def message(self, salt: bytes) -> bytes:
        """Return what was signed."""
        return report_message(
            domain_separator(salt), self.root, self.inputs_root, self.epoch, self.slot
        )

    def encode(self) -> bytes:
        """Return what evidence holds of it; epoch and slot are in the evidence's header."""
        return self.root + self.inputs_root + self.signature


class Evidence(NamedTuple):
    """Two things of which an honest member says one."""

    kind: Kind
    salt: bytes
    epoch: int
    member: int
    slot: int
    view: int
    """0 for signatures: they name no view."""
    members: tuple[bytes, ...]
    """Addresses of all members of the epoch, as whoever found this knew them."""
    first: bytes
    second: bytes

    @property
    def key(self) -> tuple[int, int, int, int, int]:
        """What one piece is kept of: kind, epoch, member, slot, view."""
        return int(self.kind), self.epoch, self.member, self.slot, self.view

    def encode(self) -> bytes:
        """Return the bytes to keep and to show."""
        lengths = len(self.first), len(self.second)
        header = _HEADER.pack(
            VERSION,
            self.kind,
            self.salt,
            self.epoch,
            self.member,
            self.slot,
            self.view,
            len(self.members),
            *lengths,
        )
        return b"".join((header, *self.members, self.first, self.second))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode what `encode` gives; nothing is proven until `verify`.

        Raises:
            Rejected: malformed, with what was found and what is allowed.
        """
        if not _HEADER.size <= len(data) <= MAX_BYTES:
            raise Rejected(f"evidence has {_HEADER.size} to {MAX_BYTES} bytes, not {len(data)}")
        version, kind, *said, count, first, second = _HEADER.unpack_from(data)
        if version != VERSION or kind not in set(Kind):
            raise Rejected(
                f"evidence of version {version} and kind {kind}; this knows version {VERSION} and "
                f"kinds 1 to {len(Kind)}"
            )
        halves = _HEADER.size + count * _ADDRESS_BYTES
        middle = halves + first
        if len(data) != middle + second:
            raise Rejected(f"evidence of {middle + second} bytes has {len(data)}")
        listed = range(_HEADER.size, halves, _ADDRESS_BYTES)
        members = tuple(data[at : at + _ADDRESS_BYTES] for at in listed)
        if count > MAX_MEMBERS or any(a >= b for a, b in pairwise(members)):
            raise Rejected(f"a list of {count} members; allowed are {MAX_MEMBERS}, rising")
        return cls._make((Kind(kind), *said, members, data[halves:middle], data[middle:]))

    @property
    def address(self) -> bytes | None:
        """The accused's address by the list of members; None when it is not on it."""
        return self.members[self.member] if self.member < len(self.members) else None

    def verify(self, committee: Committee) -> None:
        """Check that a member of this committee signed both, and that they differ.

        Raises:
            Rejected: it proves nothing, with why.
        """
        if (self.salt, self.epoch) != (committee.salt, committee.epoch):
            raise Rejected(
                f"evidence of epoch {self.epoch}, deployment 0x{self.salt.hex()}; the committee is "
                f"of epoch {committee.epoch}, deployment 0x{committee.salt.hex()}"
            )
        if self.members != committee.members:
            raise Rejected(f"its list of {len(self.members)} members is not the committee's")
        self.verify_alone()

    def verify_alone(self) -> None:
        """Check that the member that it lists signed both, and that they differ.

        Raises:
            Rejected: it proves nothing, with why.
        """
        if self.address is None:
            raise Rejected(f"member {self.member} of {len(self.members)}")
        if self._signed(self.first, self.address) == self._signed(self.second, self.address):
            raise Rejected("both say the same")

    def _signed(self, data: bytes, member: bytes) -> bytes:
        """Return the message that the member signed in one half."""
        found = self._round_of(data)
        if found[0] != (self.salt, self.epoch, self.slot, self.view, self.member):
            raise Rejected(f"one half is of another round or member: {found[0][1:]}")
        if recover(keccak(found[1]), found[2]) != member:
            raise Rejected(f"one half is not signed by member {self.member}")
        return found[1]

    def _round_of(self, data: bytes) -> tuple[tuple[bytes, int, int, int, int], bytes, bytes]:
        """Return (round and member, message, signature) of one half."""
        if self.kind is Kind.OBSERVATION:
            seen = Observation.decode(data)
            said = seen.salt, seen.epoch, seen.slot, seen.view, seen.member
            return said, seen.message(), seen.signature
        if self.kind is Kind.PROPOSAL:
            made = Proposal.decode(data)
            said = made.salt, made.epoch, made.slot, made.view, made.leader
            return said, made.message(), made.signature
        if len(data) != 2 * _HASH_BYTES + COMPACT_BYTES:
            raise Rejected("a report's signature comes with two roots of 32 bytes")
        vote = ReportVote(
            self.epoch,
            self.slot,
            data[:_HASH_BYTES],
            data[_HASH_BYTES : 2 * _HASH_BYTES],
            data[2 * _HASH_BYTES :],
        )
        said = self.salt, self.epoch, self.slot, 0, self.member
        return said, vote.message(self.salt), vote.signature

"""A report: groups, what is signed over them, and the bytes that travel."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from eth_hash.auto import keccak

from oracle.model.errors import Rejected
from oracle.report import merkle
from oracle.report.digest import domain_separator, report_message
from oracle.report.signature import COMPACT_BYTES, recover
from oracle.report.word import EPOCH_2020_MS, PAUSE_MASK, GroupWord, decode_word

VERSION: Final = 1
MAX_GROUPS: Final = 1024
MAX_MEMBERS: Final = 32
_HEADER: Final = struct.Struct(">BIQ32sHH")
_LEAF_BYTES: Final = 39


class Leaf(NamedTuple):
    """One group in a report. `prev_ms` is unix ms of its report before, or 0 in the first."""

    group: int
    prev_ms: int
    word: bytes

    def encode(self) -> bytes:
        """Return the 39 bytes that are hashed and sent."""
        since = self.prev_ms - EPOCH_2020_MS if self.prev_ms else 0
        return self.group.to_bytes(2, "big") + since.to_bytes(5, "big") + self.word

    def decoded(self) -> GroupWord:
        """Return the word's time and entries."""
        return decode_word(self.word)


class Unsigned(NamedTuple):
    """What a committee signs: all leaves, group 0 first, and what they are bound to."""

    epoch: int
    slot: int
    inputs_root: bytes
    leaves: tuple[Leaf, ...]

    def hashes(self) -> list[bytes]:
        """Return the leaf hashes, left to right."""
        return [keccak(leaf.encode()) for leaf in self.leaves]

    def encode(self) -> bytes:
        """Return the wire format with no signers, to keep: no verifier takes it."""
        groups = len(self.leaves)
        return encode(Report(*self[:3], groups, self.leaves, (), 0, ()))

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return what a body that carries all leaves asks to sign, whoever signed it.

        Raises:
            Rejected: malformed, or not all leaves.
        """
        report = decode(body)
        if len(report.leaves) != report.groups:
            raise Rejected(f"carries {len(report.leaves)} of {report.groups} groups; need all")
        return cls(report.epoch, report.slot, report.inputs_root, report.leaves)

    def message(self, salt: bytes) -> bytes:
        """Return what to sign for the deployment with this salt."""
        root = merkle.root_of(self.hashes())
        return report_message(domain_separator(salt), root, self.inputs_root, self.epoch, self.slot)

    def digest(self, salt: bytes) -> bytes:
        """Return the hash of the message, which is what signatures are over."""
        return keccak(self.message(salt))


class Report(NamedTuple):
    """A decoded body: some leaves of a report, the proof of them, and the signatures."""

    epoch: int
    slot: int
    inputs_root: bytes
    groups: int
    leaves: tuple[Leaf, ...]
    siblings: tuple[bytes, ...]
    signers: int
    """Bit i is member i of the epoch."""
    signatures: tuple[bytes, ...]

    def digest(self, salt: bytes) -> bytes:
        """Return the digest that the signatures must be over.

        Raises:
            Rejected: the siblings do not fit the leaves.
        """
        known = {leaf.group: keccak(leaf.encode()) for leaf in self.leaves}
        root = merkle.root_from(known, self.groups, self.siblings)
        message = report_message(
            domain_separator(salt), root, self.inputs_root, self.epoch, self.slot
        )
        return keccak(message)

    def members(self) -> list[int]:
        """Return the member numbers that signed, rising."""
        return [at for at in range(MAX_MEMBERS) if self.signers >> at & 1]


def sign_complete(report: Unsigned, signatures: dict[int, bytes], threshold: int) -> bytes:
    """Return the body that carries all leaves, with the first `threshold` members' signatures.

    Raises:
        Rejected: fewer signatures than the threshold.
    """
    if len(signatures) < threshold:
        raise Rejected(f"{len(signatures)} signatures are below the threshold of {threshold}")
    chosen = dict(sorted(signatures.items())[:threshold])
    bits = sum(1 << member for member in chosen)
    groups = len(report.leaves)
    return encode(
        Report(
            report.epoch,
            report.slot,
            report.inputs_root,
            groups,
            report.leaves,
            (),
            bits,
            tuple(chosen.values()),
        )
    )


def subset(body: bytes, groups: Sequence[int]) -> bytes:
    """Cut a body that carries all leaves down to `groups`, with the siblings that prove them.

    Raises:
        Rejected: the body does not carry all leaves, or a group it has not.
    """
    report = decode(body)
    wanted = sorted(set(groups))
    if (
        len(report.leaves) != report.groups
        or not wanted
        or not 0 <= wanted[0] <= wanted[-1] < report.groups
    ):
        raise Rejected(
            f"groups {wanted} cannot be cut from {len(report.leaves)} of {report.groups}"
        )
    hashes = [keccak(leaf.encode()) for leaf in report.leaves]
    return encode(
        report._replace(
            leaves=tuple(report.leaves[at] for at in wanted),
            siblings=tuple(merkle.siblings_of(hashes, wanted)),
        )
    )


def encode(report: Report) -> bytes:
    """Return the wire format."""
    header = _HEADER.pack(
        VERSION, report.epoch, report.slot, report.inputs_root, report.groups, len(report.leaves)
    )
    leaves = b"".join(leaf.encode() for leaf in report.leaves)
    signers = report.signers.to_bytes(4, "big")
    return header + leaves + b"".join(report.siblings) + signers + b"".join(report.signatures)


def decode(body: bytes) -> Report:
    """Decode the wire format, without checking signatures.

    Raises:
        Rejected: malformed, with what was found and what is allowed.
    """
    if len(body) < _HEADER.size:
        raise Rejected(
            f"a report of {len(body)} bytes is shorter than its header of {_HEADER.size}"
        )
    version, epoch, slot, inputs_root, groups, carried = _HEADER.unpack_from(body)
    if version != VERSION:
        raise Rejected(f"report version {version} is not known; this reader knows {VERSION}")
    if not 1 <= carried <= groups <= MAX_GROUPS:
        raise Rejected(f"{carried} of {groups} groups: 1 <= carried <= groups <= {MAX_GROUPS}")
    at = _HEADER.size
    leaves = _decode_leaves(body[at : at + carried * _LEAF_BYTES], carried, groups)
    at += carried * _LEAF_BYTES
    siblings = merkle.sibling_count([leaf.group for leaf in leaves], groups)
    signers = int.from_bytes(body[at + 32 * siblings : at + 32 * siblings + 4], "big")
    length = at + 32 * siblings + 4 + COMPACT_BYTES * signers.bit_count()
    if len(body) != length:
        raise Rejected(
            f"a report with these leaves and signers has {length} bytes, not {len(body)}"
        )
    first = at + 32 * siblings + 4
    return Report(
        epoch,
        slot,
        inputs_root,
        groups,
        leaves,
        tuple(body[at + 32 * n : at + 32 * n + 32] for n in range(siblings)),
        signers,
        tuple(body[n : n + COMPACT_BYTES] for n in range(first, length, COMPACT_BYTES)),
    )


def _decode_leaves(data: bytes, carried: int, groups: int) -> tuple[Leaf, ...]:
    if len(data) < carried * _LEAF_BYTES:
        raise Rejected(f"the body ends inside its {carried} leaves")
    leaves: list[Leaf] = []
    for at in range(0, len(data), _LEAF_BYTES):
        since = int.from_bytes(data[at + 2 : at + 7], "big")
        group = int.from_bytes(data[at : at + 2], "big")
        if group >= groups or (leaves and group <= leaves[-1].group):
            raise Rejected(f"group {group} must rise strictly and stay below {groups}")
        if int.from_bytes(data[at + 7 : at + _LEAF_BYTES], "big") & PAUSE_MASK:
            raise Rejected(f"the word of group {group} has pause bits, which only storage uses")
        leaves.append(
            Leaf(group, since + EPOCH_2020_MS if since else 0, data[at + 7 : at + _LEAF_BYTES])
        )
    return tuple(leaves)


def verify(
    body: bytes, salt: bytes, epoch: int, members: Sequence[bytes], threshold: int
) -> Report:
    """Decode a body and check that `threshold` of `members` (20-byte addresses) signed it.

    Raises:
        Rejected: malformed, another epoch, too few or too many signers, or a wrong signature.
    """
    report = decode(body)
    if report.epoch != epoch:
        raise Rejected(f"report of epoch {report.epoch}; the committee in force is {epoch}")
    signed_by = report.members()
    if len(signed_by) != threshold or signed_by[-1] >= len(members):
        raise Rejected(f"signed by members {signed_by}; need exactly {threshold} of {len(members)}")
    digest = report.digest(salt)
    for member, signature in zip(signed_by, report.signatures, strict=True):
        if recover(digest, signature) != members[member]:
            raise Rejected(f"signature of member {member} is not by {members[member].hex()}")
    return report

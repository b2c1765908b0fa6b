"""What one member saw in one slot, as signed bytes. The layout is in docs/committee.md."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, Self

from eth_hash.auto import keccak

from oracle.committee.wire.statement import Shape, check_signer
from oracle.model.errors import Rejected
from oracle.report.report import MAX_GROUPS, MAX_MEMBERS
from oracle.report.round_messages import observation_message
from oracle.report.signature import COMPACT_BYTES
from oracle.report.word import PAUSE_MASK, check_entry, report_ms, unpack_word

VERSION: Final = 1
_HEADER: Final = struct.Struct(">B32sIQIHQ32s32s32sQI32sQH")
_WORD_BYTES: Final = 32
MAX_BYTES: Final = _HEADER.size + MAX_GROUPS * _WORD_BYTES + COMPACT_BYTES
_SHAPE: Final = Shape("an observation", VERSION, _HEADER, MAX_BYTES)


class Last(NamedTuple):
    """The newest report that a member signed, as it says: where a leader may find it."""

    slot: int = 0
    view: int = 0
    digest: bytes = bytes(32)
    time_ms: int = 0
    """0: it has signed nothing."""


class Observation(NamedTuple):
    """One member's view of all markets at one engine step."""

    salt: bytes
    epoch: int
    slot: int
    view: int
    member: int
    time_ns: int
    config_hash: bytes
    inputs_root: bytes
    state_digest: bytes
    last: Last
    words: tuple[bytes, ...]
    """One group word each, group 0 first, with the time of the step."""
    signature: bytes = b""

    @property
    def time_ms(self) -> int:
        """The step's time as a report carries it (unix ms)."""
        return report_ms(self.time_ns)

    def codes(self) -> list[int]:
        """Return the encoded entry of every market number."""
        return [code for word in self.words for code in unpack_word(word)[1]]

    def content(self) -> bytes:
        """Return the canonical bytes that are signed."""
        header = _HEADER.pack(VERSION, *self[:9], *self.last, len(self.words))
        return header + b"".join(self.words)

    def message(self) -> bytes:
        """Return what the member signs."""
        content_hash = keccak(self.content())
        return observation_message(
            self.salt, content_hash, self.epoch, self.slot, self.view, self.member
        )

    def signed(self, signature: bytes) -> Self:
        """Return it with its member's signature."""
        return self._replace(signature=signature)

    def encode(self) -> bytes:
        """Return the content and the signature."""
        return self.content() + self.signature

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode what `encode` gives; whether a member signed it is not checked.

        Raises:
            Rejected: malformed, with what was found and what is allowed.
        """
        *fields, groups = _SHAPE.read_header(data)
        end = _HEADER.size + groups * _WORD_BYTES
        if not 1 <= groups <= MAX_GROUPS or len(data) != end + COMPACT_BYTES:
            raise Rejected(
                f"an observation of {groups} groups has {end + COMPACT_BYTES} bytes and 1 to "
                f"{MAX_GROUPS} groups; this has {len(data)} bytes"
            )
        words = (data[at : at + _WORD_BYTES] for at in range(_HEADER.size, end, _WORD_BYTES))
        found = cls._make((*fields[:9], Last._make(fields[9:]), tuple(words), data[end:]))
        found._check()
        return found

    def _check(self) -> None:
        if self.member >= MAX_MEMBERS:
            raise Rejected(f"member {self.member}: a committee has up to {MAX_MEMBERS}")
        for group, word in enumerate(self.words):
            time_ms, codes = unpack_word(word)
            if time_ms != self.time_ms:
                raise Rejected(f"group {group} is of {time_ms} ms, the step of {self.time_ms} ms")
            if int.from_bytes(word, "big") & PAUSE_MASK:
                raise Rejected(f"the word of group {group} has pause bits, which only storage uses")
            for code in codes:
                check_entry(code)

    def verify(self, member: bytes) -> None:
        """Check that the member with this 20-byte address signed it.

        Raises:
            Rejected: no signature, or somebody else's.
        """
        what = f"the observation of member {self.member}"
        check_signer(self.message(), self.signature, member, what)

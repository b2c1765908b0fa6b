"""What members ask each other besides observations and proposals, as bytes."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, Self

import msgspec

from oracle.model.errors import Rejected

OBSERVATION: Final = "/v1/observation"
PROPOSAL: Final = "/v1/proposal"
REPORT: Final = "/v1/report"
SINCE: Final = "/v1/since"

MOST_REPORTS: Final = 64
"""Reports in one answer of `SINCE`."""
_SINCE: Final = struct.Struct(">Q32s")


class Since(NamedTuple):
    """Asks for the reports of slots after one, and for the proposal with a digest."""

    slot: int
    """-1: the newest report only."""
    digest: bytes = bytes(32)
    """Of the report that the proposal makes; zero: none is wanted."""

    def encode(self) -> bytes:
        """Return the body."""
        return _SINCE.pack(self.slot + 1, self.digest)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return what is asked for.

        Raises:
            Rejected: another length.
        """
        if len(body) != _SINCE.size:
            raise Rejected(f"{len(body)} bytes; a question after a slot has {_SINCE.size}")
        slot, digest = _SINCE.unpack(body)
        return cls(slot - 1, digest)


class SinceAnswer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The answer: reports with their signatures, rising by slot, and perhaps the proposal."""

    reports: list[bytes]
    proposal: bytes = b""

    def encode(self) -> bytes:
        """Return the body."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return what a peer holds, nothing of it checked.

        Raises:
            Rejected: no such answer.
        """
        try:
            held = msgspec.msgpack.decode(body, type=cls)
        except msgspec.MsgspecError as error:
            raise Rejected(f"not an answer of {SINCE}: {error}") from error
        if len(held.reports) > MOST_REPORTS:
            raise Rejected(f"{len(held.reports)} reports; one answer has up to {MOST_REPORTS}")
        return held

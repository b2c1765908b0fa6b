"""Signed requests between members and the answers to them: bytes and digests. Pure.

Every request and every answer is signed, in the deployment's domain and with types of their own, so
that none of them is ever a signature of a report:

    Session(address member,address key,uint64 untilMs)
    Request(address sender,address receiver,string path,bytes32 bodyHash,uint64 timeNs,
            bytes16 nonce)
    Answer(bytes32 request,uint16 status,bytes32 bodyHash,uint64 timeNs)

A member's key signs only a session, once in a while; the session's own key, which never leaves
memory, signs requests and answers. So a key in a slow vault is not asked for every request.
"""

from __future__ import annotations

import base64
import binascii
import struct
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

import coincurve
from eth_hash.auto import keccak

from oracle.model.errors import Rejected
from oracle.report.digest import domain_separator
from oracle.report.signature import address_of, compact

REQUEST_HEADER: Final = "plumbline-request"
ANSWER_HEADER: Final = "plumbline-answer"
SESSION_MS: Final = 3_600_000

_SESSION_TYPE: Final = keccak(b"Session(address member,address key,uint64 untilMs)")
_REQUEST_TYPE: Final = keccak(
    b"Request(address sender,address receiver,string path,bytes32 bodyHash,uint64 timeNs,"
    b"bytes16 nonce)"
)
_ANSWER_TYPE: Final = keccak(
    b"Answer(bytes32 request,uint16 status,bytes32 bodyHash,uint64 timeNs)"
)
_SESSION: Final = struct.Struct(">20s20sQ64s")
_REQUEST: Final = struct.Struct(f">20sQ16s{_SESSION.size}s64s")
_ANSWER: Final = struct.Struct(f">Q{_SESSION.size}s64s")


class Distrust(StrEnum):
    """Why a request or an answer is not believed."""

    UNSIGNED = "unsigned"
    UNKNOWN_MEMBER = "unknown_member"
    WRONG_RECEIVER = "wrong_receiver"
    TOO_OLD = "too_old"
    FROM_FUTURE = "from_future"
    REPLAYED = "replayed"
    BAD_SESSION = "bad_session"
    BAD_SIGNATURE = "bad_signature"
    TOO_MANY = "too_many"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    UNKNOWN_PATH = "unknown_path"


class Distrusted(Rejected):
    """A request or an answer that is not believed, and by which rule."""

    def __init__(self, reason: Distrust, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class Session(NamedTuple):
    """A member's word that requests signed by `key` are its own, until `until_ms`."""

    member: bytes
    key: bytes
    until_ms: int
    signature: bytes

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the session in `data`, not yet believed."""
        return cls(*_SESSION.unpack(data))

    def encode(self) -> bytes:
        """Return the bytes that every header carries."""
        return _SESSION.pack(*self)


def session_message(salt: bytes, member: bytes, key: bytes, until_ms: int) -> bytes:
    """Return what a member's key signs to open a session."""
    return _message(salt, _SESSION_TYPE + _word(member) + _word(key) + _number(until_ms))


class SessionKey:
    """A key of this process, which signs requests and answers for a member."""

    def __init__(self) -> None:
        self._key = coincurve.PrivateKey()
        self.address: Final = address_of(self._key.public_key.format(compressed=False))

    def __repr__(self) -> str:
        return f"SessionKey(0x{self.address.hex()})"

    def sign(self, message: bytes) -> bytes:
        """Return the compact signature of `keccak256(message)`."""
        return compact(self._key.sign_recoverable(keccak(message), hasher=None))


class Envelope(NamedTuple):
    """The signed header of a request."""

    receiver: bytes
    time_ns: int
    nonce: bytes
    session: Session
    signature: bytes

    @classmethod
    def decode(cls, header: str) -> Self:
        """Return the header's parts, not yet believed.

        Raises:
            Distrusted: it is no such header.
        """
        receiver, time_ns, nonce, session, signature = _unpacked(_REQUEST, header)
        return cls(receiver, time_ns, nonce, Session.decode(session), signature)

    def encode(self) -> str:
        """Return the header."""
        packed = _REQUEST.pack(
            self.receiver, self.time_ns, self.nonce, self.session.encode(), self.signature
        )
        return base64.b64encode(packed).decode()

    def message(self, salt: bytes, path: str, body: bytes) -> bytes:
        """Return what the session's key signs."""
        return _message(
            salt,
            _REQUEST_TYPE
            + _word(self.session.member)
            + _word(self.receiver)
            + keccak(path.encode())
            + keccak(body)
            + _number(self.time_ns)
            + self.nonce.ljust(32, b"\0"),
        )


class Reply(NamedTuple):
    """The signed header of an answer."""

    time_ns: int
    session: Session
    signature: bytes

    @classmethod
    def decode(cls, header: str) -> Self:
        """Return the header's parts, not yet believed.

        Raises:
            Distrusted: it is no such header.
        """
        time_ns, session, signature = _unpacked(_ANSWER, header)
        return cls(time_ns, Session.decode(session), signature)

    def encode(self) -> str:
        """Return the header."""
        packed = _ANSWER.pack(self.time_ns, self.session.encode(), self.signature)
        return base64.b64encode(packed).decode()

    def message(self, salt: bytes, request: bytes, status: int, body: bytes) -> bytes:
        """Return what the session's key signs: the answer to one request (its hash), no other."""
        return _message(
            salt,
            _ANSWER_TYPE + request + _number(status) + keccak(body) + _number(self.time_ns),
        )


def _unpacked(shape: struct.Struct, header: str) -> tuple[Any, ...]:
    try:
        packed = base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        packed = b""
    if len(packed) != shape.size:
        raise Distrusted(Distrust.UNSIGNED, f"the signed header has {shape.size} bytes in base64")
    return shape.unpack(packed)


def _message(salt: bytes, struct_: bytes) -> bytes:
    return b"\x19\x01" + domain_separator(salt) + keccak(struct_)


def _number(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _word(address: bytes) -> bytes:
    return bytes(12) + address

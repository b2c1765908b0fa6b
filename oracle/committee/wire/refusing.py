"""Refusals as they travel: a name from an enum, and a sentence for the log."""

from __future__ import annotations

from typing import Final

import msgspec

from oracle.committee.wire.refusals import Reason
from oracle.committee.wire.requests import Distrust

_MOST_CHARS: Final = 500
NOT_NOW: Final = "not_now"
UNREADABLE: Final = "unreadable"
_KNOWN: Final = frozenset({*map(str, Reason), *map(str, Distrust), NOT_NOW})


class PeerRefusal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a peer, as it says, did not do what it was asked."""

    reason: str
    detail: str = ""


class Health(msgspec.Struct, frozen=True):
    """Whether a member is well, and what it lacks."""

    ok: bool
    reasons: list[str]


def refusal_body(reason: str, detail: str) -> bytes:
    """Return the body of an answer that refuses."""
    return msgspec.json.encode(PeerRefusal(str(reason), detail[:_MOST_CHARS]))


def read_refusal(body: bytes) -> PeerRefusal:
    """Return what a peer says of its refusal: a name that is known here, and a printable line.

    The name becomes a metric's label: a peer must not be able to make up more and more of them.
    """
    try:
        said = msgspec.json.decode(body, type=PeerRefusal)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return PeerRefusal(UNREADABLE)
    reason = said.reason if said.reason in _KNOWN else UNREADABLE
    return PeerRefusal(reason, "".join(c for c in said.detail[:_MOST_CHARS] if c.isprintable()))


def health_body(reasons: list[str]) -> bytes:
    """Return the body of `GET /health`."""
    return msgspec.json.encode(Health(not reasons, reasons))

"""What makes a request or an answer of another member believed: who, when, once, signed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from eth_hash.auto import keccak

from oracle.committee.wire.requests import (
    SESSION_MS,
    Distrust,
    Distrusted,
    Envelope,
    Session,
    session_message,
)
from oracle.model.errors import Rejected
from oracle.report.signature import recover

WINDOW_NS: Final = 2 * 10**9
"""A request is taken this long before and after the time it says."""
NONCES_HELD: Final = 4096
"""Per member; a member that sends more inside the window is told so."""
_SESSION_SLACK_MS: Final = 600_000
"""A session may end this much later than a fresh one would: clocks differ."""


class Sessions:
    """Sessions that were believed, so that a member's signature is recovered once for each."""

    def __init__(self, salt: bytes, members: Sequence[bytes]) -> None:
        self._salt, self._members = salt, frozenset(members)
        self._believed: dict[bytes, Session] = {}

    def check(self, session: Session, now_ms: int) -> None:
        """Require that a member opened this session and that it lasts.

        Raises:
            Distrusted: no member, over, of too long a life, or a signature that is not its.
        """
        member = f"0x{session.member.hex()}"
        if session.member not in self._members:
            raise Distrusted(Distrust.UNKNOWN_MEMBER, f"{member} is no member of this epoch")
        if not now_ms < session.until_ms <= now_ms + SESSION_MS + _SESSION_SLACK_MS:
            raise Distrusted(
                Distrust.BAD_SESSION,
                f"the session of {member} ends at {session.until_ms} ms; it is {now_ms} ms, and "
                f"one lasts up to {SESSION_MS // 60_000} min",
            )
        if self._believed.get(session.member) == session:
            return
        message = session_message(self._salt, session.member, session.key, session.until_ms)
        if _recovered(message, session.signature) != session.member:
            raise Distrusted(Distrust.BAD_SESSION, f"the session is not signed by {member}")
        self._believed[session.member] = session


class Nonces:
    """Which requests were taken: none is taken twice inside the window."""

    def __init__(self) -> None:
        self._order: dict[bytes, deque[tuple[int, bytes]]] = {}
        self._seen: set[tuple[bytes, bytes]] = set()

    def require_new(self, sender: bytes, nonce: bytes) -> None:
        """Require that no request with this nonce was taken.

        Raises:
            Distrusted: one was.
        """
        if (sender, nonce) in self._seen:
            raise Distrusted(Distrust.REPLAYED, f"nonce {nonce.hex()} was taken before")

    def take(self, sender: bytes, nonce: bytes, time_ns: int, now_ns: int) -> None:
        """Remember a believed request.

        Raises:
            Distrusted: it was taken before, or the sender's share of the memory is full.
        """
        order = self._order.setdefault(sender, deque())
        while order and order[0][0] < now_ns:
            self._seen.discard((sender, order.popleft()[1]))
        self.require_new(sender, nonce)
        if len(order) >= NONCES_HELD:
            raise Distrusted(
                Distrust.TOO_MANY, f"more than {NONCES_HELD} requests within the window"
            )
        # Kept until the window has surely closed on it, whatever the order of arrival.
        order.append((max(time_ns, now_ns) + 2 * WINDOW_NS, nonce))
        self._seen.add((sender, nonce))


def check_time(envelope: Envelope, now_ns: int) -> None:
    """Require that a request is of now.

    Raises:
        Distrusted: it is older than the window, or of the future.
    """
    ahead_ns = envelope.time_ns - now_ns
    if abs(ahead_ns) > WINDOW_NS:
        reason = Distrust.FROM_FUTURE if ahead_ns > 0 else Distrust.TOO_OLD
        raise Distrusted(
            reason,
            f"sent {abs(ahead_ns) / 1e6:.0f} ms {'ahead' if ahead_ns > 0 else 'ago'} by our "
            f"clock; {WINDOW_NS / 1e6:.0f} ms are allowed: set the clocks",
        )


def check_signature(message: bytes, signature: bytes, session: Session) -> None:
    """Require that the session's key signed `message`.

    Raises:
        Distrusted: another did, or it is no signature.
    """
    if _recovered(message, signature) != session.key:
        raise Distrusted(
            Distrust.BAD_SIGNATURE,
            f"not signed by the session of 0x{session.member.hex()}: another key, path, body, "
            "receiver, time or deployment",
        )


def _recovered(message: bytes, signature: bytes) -> bytes | None:
    try:
        return recover(keccak(message), signature)
    except Rejected:
        return None

"""What stands before every handler of a member: who asks, when, how much, how often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import structlog
from eth_hash.auto import keccak

from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.sessions import OwnSession
from oracle.committee.peering.shares import Budget, Shares
from oracle.committee.peering.transport import Answer
from oracle.committee.peering.trust import WINDOW_NS, Nonces, Sessions, check_signature, check_time
from oracle.committee.wire.refusing import NOT_NOW, health_body, refusal_body
from oracle.committee.wire.requests import (
    ANSWER_HEADER,
    REQUEST_HEADER,
    Distrust,
    Distrusted,
    Envelope,
)
from oracle.listening import PROVE
from oracle.model.errors import Retryable

BODY_S: Final = 2.0
"""For the body of a request, once its head is here."""
LATE_PER_SECOND: Final = 4.0
"""Of one member's requests that are not of now: so many get a refusal that is signed."""
_SAID_EVERY_S: Final = 5.0

_STATUS: Final = {
    Distrust.UNKNOWN_PATH: 404,
    Distrust.TOO_SLOW: 408,
    Distrust.TOO_LARGE: 413,
    Distrust.TOO_MANY: 429,
}
Handler = Callable[[int, bytes], Awaitable[Answer]]
"""Takes the asking member's number and the body."""
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

_log = structlog.get_logger(__name__)


class Route(NamedTuple):
    """What answers a path, and how long a body it takes."""

    handler: Handler
    most_bytes: int


class Gate:
    """An ASGI application: signed requests of members reach their handlers, nothing else does."""

    def __init__(
        self,
        members: Sequence[bytes],
        own: OwnSession,
        sessions: Sessions,
        routes: Mapping[str, Route],
        health: Callable[[], list[str]],
        metrics: CommitteeMetrics,
        per_second: float,
        now_ns: Callable[[], int] = time.time_ns,
        body_s: float = BODY_S,
    ) -> None:
        self._body_s = body_s
        self._numbers = {address: number for number, address in enumerate(members)}
        self._own, self._sessions, self._routes = own, sessions, routes
        self._health, self._metrics, self._now_ns = health, metrics, now_ns
        self._nonces = Nonces()
        self._late = {address: Budget(LATE_PER_SECOND) for address in members}
        self._shares = Shares(members, per_second)
        self._said: dict[tuple[str, str], float] = {}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["method"] == "GET" and scope["path"] == "/health":
            await self._answer_health(send)
            return
        request: bytes | None = None
        try:
            envelope, route = self._opened(scope)
            self._glance(envelope)
            body = await self._body(scope, receive, route.most_bytes)
            request = self._believed(envelope, scope["path"], body)
            self._take(envelope)
            if (prove := scope.get(PROVE)) is not None:
                prove(envelope.session.member)  # not before: a replay would prove its connection
            answer = await self._worked(envelope.session.member, route, body)
        except Distrusted as refused:
            self._note(scope, refused)
            status = _STATUS.get(refused.reason, 401)
            answer = Answer(status, refusal_body(refused.reason, str(refused)))
        await self._send(send, request, answer)

    def _opened(self, scope: dict[str, Any]) -> tuple[Envelope, Route]:
        """Do what costs nothing: the header, whom it is for, the path."""
        envelope = Envelope.decode(_header(scope, REQUEST_HEADER))
        if envelope.session.member not in self._numbers:
            member = f"0x{envelope.session.member.hex()}"
            raise Distrusted(Distrust.UNKNOWN_MEMBER, f"{member} is no member of this epoch")
        if envelope.receiver != self._own.member:
            raise Distrusted(
                Distrust.WRONG_RECEIVER, f"for 0x{envelope.receiver.hex()}, which is not here"
            )
        route = self._routes.get(scope["path"])
        if route is None or scope["method"] != "POST":
            raise Distrusted(
                Distrust.UNKNOWN_PATH, f"POST to one of {', '.join(sorted(self._routes))}"
            )
        return envelope, route

    async def _body(self, scope: dict[str, Any], receive: Receive, most: int) -> bytes:
        length = _header(scope, "content-length")
        if length.isdigit() and int(length) > most:
            raise Distrusted(Distrust.TOO_LARGE, f"{length} bytes; up to {most} are taken here")
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_s):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise Distrusted(Distrust.TOO_SLOW, "gone before the body was here")
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise Distrusted(Distrust.TOO_LARGE, f"up to {most} bytes are taken here")
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            raise Distrusted(
                Distrust.TOO_SLOW, f"the body did not come within {self._body_s:g} s"
            ) from None

    def _believed(self, envelope: Envelope, path: str, body: bytes) -> bytes:
        """Check signatures, and return the hash that the answer names."""
        self._sessions.check(envelope.session, envelope.time_ns // 10**6)
        message = envelope.message(self._own.salt, path, body)
        check_signature(message, envelope.signature, envelope.session)
        return keccak(message)

    def _glance(self, envelope: Envelope) -> None:
        """Refuse what no signature would save: replays, and most of what is not of now.

        Some of that is answered all the same, signed: a member learns so that its clock is off.
        """
        now_ns, sender = self._now_ns(), envelope.session.member
        self._nonces.require_new(sender, envelope.nonce)
        if abs(envelope.time_ns - now_ns) > WINDOW_NS and not self._late[sender].take():
            check_time(envelope, now_ns)

    def _take(self, envelope: Envelope) -> None:
        """Require that a believed request is of now, and new."""
        now_ns = self._now_ns()
        check_time(envelope, now_ns)
        self._nonces.take(envelope.session.member, envelope.nonce, envelope.time_ns, now_ns)

    async def _worked(self, sender: bytes, route: Route, body: bytes) -> Answer:
        with self._shares.taken(sender):
            try:
                return await route.handler(self._numbers[sender], body)
            except Retryable as error:
                return Answer(503, refusal_body(NOT_NOW, str(error)))

    async def _send(self, send: Send, request: bytes | None, answer: Answer) -> None:
        headers = [(b"content-type", b"application/octet-stream")]
        if request is not None:
            try:
                reply = await self._own.reply(request, answer.status, answer.body, self._now_ns())
                headers.append((ANSWER_HEADER.encode(), reply.encode().encode()))
            except Retryable as error:
                answer = Answer(503, refusal_body(NOT_NOW, str(error)))
        headers.append((b"content-length", str(len(answer.body)).encode()))
        if request is None:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer_health(self, send: Send) -> None:
        reasons = self._health()
        body = health_body(reasons)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        status = 503 if reasons else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _note(self, scope: dict[str, Any], refused: Distrusted) -> None:
        """Count every one, and log one of a kind now and then: strangers must not fill the log."""
        self._metrics.refusals.labels("request", str(refused.reason)).inc()
        host = scope["client"][0] if scope.get("client") else "?"
        key, now = (host, str(refused.reason)), time.monotonic()
        if now - self._said.get(key, -_SAID_EVERY_S) < _SAID_EVERY_S:
            return
        if len(self._said) > 1000:
            self._said.clear()
        self._said[key] = now
        _log.warning(
            "request_refused", reason=refused.reason, host=host, path=scope["path"][:64],
            detail=str(refused),
        )  # fmt: skip


def _header(scope: dict[str, Any], name: str) -> str:
    wanted = name.encode()
    for key, value in scope["headers"]:
        if key == wanted:
            return bytes(value).decode("latin-1")
    return ""

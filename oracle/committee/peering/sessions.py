"""This member's own session: the key in memory that signs requests and answers for it."""

from __future__ import annotations

import asyncio
import os
from typing import Final

import structlog

from oracle.committee.wire.requests import (
    SESSION_MS,
    Envelope,
    Reply,
    Session,
    SessionKey,
    session_message,
)
from oracle.keys.signer import Signer
from oracle.model.errors import Retryable

_RENEW_MS: Final = SESSION_MS // 2
RETRY_MS: Final = 10_000
"""Between two tries to renew a session that still lasts."""

_log = structlog.get_logger(__name__)


class OwnSession:
    """Opens a session with the member's key when it is first needed, and again in good time."""

    def __init__(self, salt: bytes, signer: Signer) -> None:
        self.salt: Final = salt
        self._signer, self._key = signer, SessionKey()
        self._session: Session | None = None
        self._turn = asyncio.Lock()
        self._retry_ms = 0

    @property
    def member(self) -> bytes:
        """The address of the member that asks and answers."""
        return self._signer.address

    async def envelope(self, receiver: bytes, path: str, body: bytes, now_ns: int) -> Envelope:
        """Return the signed header of a request to the member with address `receiver`."""
        session = await self._current(now_ns // 10**6)
        bare = Envelope(receiver, now_ns, os.urandom(16), session, bytes(64))
        return bare._replace(signature=self._key.sign(bare.message(self.salt, path, body)))

    async def reply(self, request: bytes, status: int, body: bytes, now_ns: int) -> Reply:
        """Return the signed header of the answer to the request with this hash."""
        session = await self._current(now_ns // 10**6)
        bare = Reply(now_ns, session, bytes(64))
        signature = self._key.sign(bare.message(self.salt, request, status, body))
        return bare._replace(signature=signature)

    async def _current(self, now_ms: int) -> Session:
        session = self._session
        if session is not None and 0 < session.until_ms - now_ms - _RENEW_MS <= SESSION_MS:
            return session
        lasts = session is not None and 0 < session.until_ms - now_ms <= SESSION_MS
        if session is not None and lasts and (self._turn.locked() or now_ms < self._retry_ms):
            return session
        async with self._turn:
            if self._session is session:
                self._retry_ms = now_ms + RETRY_MS
                try:
                    self._session = await self._opened(now_ms + SESSION_MS)
                except Retryable as error:
                    if session is None or not lasts:
                        raise
                    left_s = (session.until_ms - now_ms) / 1e3
                    _log.warning("session_not_renewed", left_s=left_s, why=str(error))
            return self._session  # type: ignore[return-value]  # set under the lock

    async def _opened(self, until_ms: int) -> Session:
        member, key = self._signer.address, self._key.address
        message = session_message(self.salt, member, key, until_ms)
        return Session(member, key, until_ms, await self._signer.sign(message))

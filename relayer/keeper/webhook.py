"""Posts margin calls to somebody's server, signed so that it can tell ours, and old ones from new.

`Plumbline-Signature: t=<unix s>,id=<delivery>,v1=<hex>`, v1 being HMAC-SHA256 of `t.id.body` under
the shared secret. A receiver refuses a `t` that is minutes old, and an `id` that it has seen: the
tries of one delivery share theirs, each with a time of its own.

It goes to one address, which is looked up, judged and then connected to, so that no name can lead
elsewhere in between; and no redirect is followed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import random
import socket
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import httpx
import msgspec
import structlog

from oracle.model.errors import ConfigError
from oracle.model.messages import MarginCall

MOST_WAITING: Final = 1_000
"""More are dropped, and counted: who needs all of them reads the topic."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
LEAST_SECRET: Final = 16
_DONE: Final = range(200, 300)
_GIVEN_UP: Final = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422})
_log = structlog.get_logger(__name__)
_jitter: Final = random.SystemRandom()


class Outcome(StrEnum):
    """What came of a delivery."""

    DONE = "done"
    REFUSED = "refused"
    """By the receiver, or since its address is private: not tried again."""
    FAILED = "failed"
    DROPPED = "dropped"
    """Too many waited."""


class Forbidden(Exception):
    """An address that nothing is posted to."""


def signature(secret: bytes, at_s: int, delivery: str, body: bytes) -> str:
    """Return the header's value."""
    signed = b"%d.%s." % (at_s, delivery.encode()) + body
    return f"t={at_s},id={delivery},v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"


def body_of(message: MarginCall) -> bytes:
    """Return a margin call as JSON; amounts are decimal text."""
    fields: dict[str, Any] = {
        name: getattr(message, name) for name in message.__struct_fields__
    } | {"equity": str(message.equity), "maintenance": str(message.maintenance)}
    return msgspec.json.encode(fields)


def is_public(address: str) -> bool:
    """Tell whether an address is anybody's, and not of this machine or network."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast


class Webhook:
    """One receiver."""

    def __init__(
        self,
        url: str,
        secret: bytes,
        heard: Callable[[Outcome], object],
        *,
        timeout_s: float = 5.0,
        attempts: int = 5,
        allow_private: bool = False,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        """`heard` is told what came of each delivery.

        Raises:
            ConfigError: the secret is too short to be one.
        """
        if len(secret) < LEAST_SECRET:
            raise ConfigError(
                f"the webhook's secret has {len(secret)} bytes; give it at least {LEAST_SECRET}"
            )
        self._url: Final = httpx.URL(url)
        self._secret: Final = secret
        self._heard: Final = heard
        self._timeout_s: Final = timeout_s
        self._attempts: Final = attempts
        self._allow_private: Final = allow_private
        self._first_wait_s: Final = first_wait_s
        self._waiting: Final[asyncio.Queue[MarginCall]] = asyncio.Queue(MOST_WAITING)
        self._task: asyncio.Task[None] | None = None

    def put(self, message: MarginCall) -> None:
        """Have a margin call posted, soon."""
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            self._heard(Outcome.DROPPED)
            return
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def delivered(self) -> None:
        """Wait until nothing waits to be posted."""
        await self._waiting.join()

    async def aclose(self) -> None:
        """Stop; what was not posted is dropped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            message = await self._waiting.get()
            try:
                self._heard(await self._deliver(message))
            except Exception:  # noqa: BLE001 (one delivery's defect must not end the others)
                _log.exception("webhook_crashed")
                self._heard(Outcome.FAILED)
            finally:
                self._waiting.task_done()

    async def _deliver(self, message: MarginCall) -> Outcome:
        body = body_of(message)
        delivery = hashlib.sha256(body).hexdigest()[:32]
        for attempt in range(self._attempts):
            if attempt:
                wait_s = min(self._first_wait_s * 2 ** (attempt - 1), LONGEST_WAIT_S)
                await asyncio.sleep(wait_s * _jitter.uniform(0.5, 1.5))
            try:
                async with asyncio.timeout(self._timeout_s):
                    status = await self._post(delivery, body)
            except (TimeoutError, OSError, httpx.HTTPError) as error:
                _log.warning("webhook_failed", host=self._url.host, error=type(error).__name__)
                continue
            except Forbidden as error:
                _log.error("webhook_forbidden", host=self._url.host, error=str(error))
                return Outcome.REFUSED
            if status in _DONE:
                return Outcome.DONE
            _log.warning("webhook_refused", host=self._url.host, status=status)
            if status in _GIVEN_UP or status in range(300, 400):
                return Outcome.REFUSED
        return Outcome.FAILED

    async def _post(self, delivery: str, body: bytes) -> int:
        address = await self._address()
        headers = {
            "Host": self._url.netloc.decode(),
            "Content-Type": "application/json",
            "Plumbline-Signature": signature(self._secret, int(time.time()), delivery, body),
        }
        async with (
            httpx.AsyncClient(
                timeout=self._timeout_s, follow_redirects=False, trust_env=False
            ) as client,
            client.stream(
                "POST",
                self._url.copy_with(host=address),
                content=body,
                headers=headers,
                extensions={"sni_hostname": self._url.host},
            ) as response,
        ):
            return response.status_code  # whatever else it answers is not read

    async def _address(self) -> str:
        """Look the receiver up.

        Raises:
            Forbidden: it is on this machine or network, and need not be.
        """
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(
            self._url.host, port, type=socket.SOCK_STREAM
        )
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if not self._allow_private and not is_public(address):
                raise Forbidden(f"{address} is private: say allow_private if it is meant")
        return addresses[0]

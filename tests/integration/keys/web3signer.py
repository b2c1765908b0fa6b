"""A signer with the two requests of Web3Signer's eth1 interface that we use, and faults."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import coincurve
from aiohttp import web
from eth_hash.auto import keccak

from oracle.report.signature import ORDER, address_of

_ERRORS = {
    "broken": web.HTTPInternalServerError,
    "unloaded": web.HTTPNotFound,
    "reloading": web.HTTPNotFound,
    "other key listed": web.HTTPNotFound,
    "no list": web.HTTPNotFound,
}
_TEXTS = {
    "garbage": "0x1234",
    "empty": "",
    "garbled": "0x" + "a5" * 65,
    "zeros": "0x" + "00" * 65,
    "flood": "0" * 3 * 2**20,
}
"""What it answers instead of a signature, by fault."""


@dataclass
class Web3SignerStandIn:
    """What it holds, what it was asked, and how it misbehaves."""

    secrets: Sequence[bytes]
    url: str = ""
    fault: str = ""
    token: str = ""
    high: bool = False
    allows: Callable[[bytes], bool] = lambda _: True
    """A strict signer's rule for what it is given."""
    asked: list[bytes] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def serving(
        cls, secrets: Sequence[bytes], tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[Web3SignerStandIn]:
        """Serve until left."""
        made = cls(secrets)
        app = web.Application()
        app.router.add_get("/api/v1/eth1/publicKeys", made._list)
        app.router.add_post("/api/v1/eth1/sign/{key}", made._sign)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        made.url = f"{'https' if tls else 'http'}://{host}:{port}"
        try:
            yield made
        finally:
            await runner.cleanup()

    def address(self, at: int = 0) -> str:
        """Return the address of a key, as the configuration names it."""
        return "0x" + address_of(_point(self.secrets[at])).hex()

    async def _list(self, request: web.Request) -> web.Response:
        self._authorise(request)
        match self.fault:
            case "no list":
                return web.Response(text='{"keys": [')
            case "reloading":
                return web.json_response([])
            case "other key listed":
                return web.json_response(["0x" + _point(self.secrets[1])[1:].hex()])
        return web.json_response(["0x" + _point(secret)[1:].hex() for secret in self.secrets])

    async def _sign(self, request: web.Request) -> web.Response:
        self._authorise(request)
        data = bytes.fromhex((await request.json())["data"][2:])
        self.asked.append(data)
        if not self.allows(data):
            raise web.HTTPForbidden
        if self.fault == "hang":
            self.hanging.set()
            await asyncio.sleep(60)
        if self.fault in _ERRORS:
            raise _ERRORS[self.fault]
        if self.fault == "elsewhere":
            raise web.HTTPTemporaryRedirect(self.url.replace("127.0.0.1", "localhost"))
        if self.fault in _TEXTS:
            return web.Response(text=_TEXTS[self.fault])
        if self.fault in {"other key", "other data"}:
            other_key = self.fault == "other key"
            digest = keccak(data if other_key else b".")
            return web.Response(text=_signature(self.secrets[other_key], digest, high=False))
        for secret in self.secrets:
            if request.match_info["key"] == "0x" + _point(secret)[1:].hex():
                return web.Response(text=_signature(secret, keccak(data), high=self.high))
        raise web.HTTPNotFound

    def _authorise(self, request: web.Request) -> None:
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            raise web.HTTPUnauthorized


def _point(secret: bytes) -> bytes:
    return bytes(coincurve.PrivateKey(secret).public_key.format(compressed=False))


def _signature(secret: bytes, digest: bytes, *, high: bool) -> str:
    made = coincurve.PrivateKey(secret).sign_recoverable(digest, hasher=None)
    s, parity = int.from_bytes(made[32:64], "big"), made[64]
    if high:
        s, parity = ORDER - s, 1 - parity
    return "0x" + made[:32].hex() + s.to_bytes(32, "big").hex() + f"{27 + parity:02x}"

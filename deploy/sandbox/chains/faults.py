"""A JSON-RPC node's bad days: a proxy on 127.0.0.1 that answers as rules say it should.

The kinds of fault are in `fault_kinds`. Without a rule that matches, the node answers.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, web

UPSTREAM_TIMEOUT_S: Final = 10.0
MAX_BODY_BYTES: Final = 2**22
_SHUTDOWN_S: Final = 0.1
_RESET: Final = struct.pack("ii", 1, 0)  # linger for 0 s: a close sends RST

Rpc = dict[str, Any]
"""One JSON-RPC request or answer."""


class Exchange:
    """One HTTP request to the proxy: its calls, those a rule matched, and ways to answer it."""

    def __init__(self, request: web.Request, body: Any, node: _Upstream) -> None:
        self.request: Final = request
        self.calls: Final[list[Rpc]] = body if isinstance(body, list) else [body]
        self.batched: Final = isinstance(body, list)
        self.matched: list[Rpc] = []
        self._node: Final = node

    async def forward(self, calls: Sequence[Rpc] | None = None) -> list[Rpc]:
        """Return the node's answers, to other calls when `calls` says so.

        Raises:
            ClientError, OSError, ValueError: the node gives none.
        """
        asked = self.calls if calls is None else list(calls)
        answer = await self._node.ask(asked if self.batched else asked[0])
        return answer if isinstance(answer, list) else [answer]

    async def ask(self, method: str, *params: Any) -> Any:
        """Ask the node something of one's own; None when that is an error."""
        call = {"jsonrpc": "2.0", "id": 0, "method": method, "params": list(params)}
        return (await self._node.ask(call)).get("result")

    def answer(self, answers: Sequence[Rpc]) -> web.Response:
        """Return answers as the node would send them."""
        return web.Response(body=self.encode(answers), content_type="application/json")

    def encode(self, answers: Sequence[Rpc]) -> bytes:
        """Return the bytes of answers."""
        return json.dumps(list(answers) if self.batched else answers[0]).encode()

    def reset(self) -> web.Response:
        """Reset the connection instead of answering."""
        transport = self.request.transport
        if transport is not None:
            connection = transport.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()
        return web.Response(status=502)  # nobody reads it


Fault = Callable[[Exchange], Awaitable[web.StreamResponse]]
"""What is done instead of passing the node's answer on."""


def _always(_: Rpc) -> bool:
    return True


@dataclass(eq=False)
class Rule:
    """When a fault strikes: requests with a call of `methods` for which `when` holds.

    The first `skip` of them pass; the next `count` are struck (None: all), each with `chance`,
    for `for_s` from the moment the rule is added.
    """

    fault: Fault
    methods: Collection[str] | None = None
    when: Callable[[Rpc], bool] = _always
    skip: int = 0
    count: int | None = None
    chance: float = 1.0
    for_s: float | None = None
    hits: int = field(default=0, init=False)
    """How often it struck."""
    passed: int = field(default=0, init=False)
    until_s: float | None = field(default=None, init=False)

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it may."""
        return self.count is not None and self.hits >= self.count

    def matching(self, calls: Sequence[Rpc]) -> list[Rpc]:
        """Return the calls that the rule is about."""
        named = self.methods
        return [
            call
            for call in calls
            if (named is None or call.get("method") in named) and self.when(call)
        ]

    def strikes(self, calls: Sequence[Rpc], now_s: float, dice: random.Random) -> list[Rpc]:
        """Return the calls to strike, if any, and count."""
        expired = self.until_s is not None and now_s >= self.until_s
        matched = [] if self.spent or expired else self.matching(calls)
        if not matched:
            return []
        if self.passed < self.skip:
            self.passed += 1
            return []
        if dice.random() >= self.chance:
            return []
        self.hits += 1
        return matched


class FaultProxy:
    """One endpoint in front of a node; use as `async with`. Rules are tried in order.

    The same seed and the same requests give the same faults. A node that is down looks down:
    the connection is reset.
    """

    def __init__(self, upstream: str, *, seed: int = 0, port: int = 0) -> None:
        self.rules: Final[list[Rule]] = []
        self.asked: Final[Counter[str]] = Counter()
        """Calls so far, by method."""
        self._port = port
        self._node: Final = _Upstream(upstream)
        self._dice: Final = random.Random(seed)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self._node.open()
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
        await self._node.close()

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        if self._runner is not None:
            return
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/{tail:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuse connections, and end those there are, until `start`."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def point_at(self, upstream: str) -> None:
        """Put another node behind this address from now on."""
        self._node.url = upstream

    def add(self, rule: Rule) -> Rule:
        """Let a rule strike from now on, after those there are."""
        if rule.for_s is not None:
            rule.until_s = asyncio.get_running_loop().time() + rule.for_s
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Drop all rules."""
        self.rules.clear()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            exchange = Exchange(request, await request.json(), self._node)
        except ValueError:
            return web.Response(status=400, text="not JSON")
        self.asked.update(str(call.get("method")) for call in exchange.calls)
        now_s = asyncio.get_running_loop().time()
        try:
            for rule in self.rules:
                exchange.matched = rule.strikes(exchange.calls, now_s, self._dice)
                if exchange.matched:
                    return await rule.fault(exchange)
            return exchange.answer(await exchange.forward())
        except (ClientError, OSError, ValueError):
            return exchange.reset()


class _Upstream:
    """The node behind a proxy."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session: ClientSession | None = None

    async def open(self) -> None:
        timeout = ClientTimeout(total=UPSTREAM_TIMEOUT_S)
        self._session = ClientSession(timeout=timeout, trust_env=False)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, body: Any) -> Any:
        if self._session is None:
            raise OSError("the proxy is closed")
        async with self._session.post(self.url, json=body) as response:
            return json.loads(await response.read())

"""What a node may answer instead of an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from feeds.evm.pool_abi import POOL
from feeds.evm.rpc import Reverted, Rpc
from oracle.model.errors import Retryable

ADDRESS = "0x" + "ab" * 20
CLOSING = web.AppKey("closing", asyncio.Event)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def node(answer: Answer) -> AsyncIterator[Rpc]:
    """Serve `answer` to every request, and connect to it."""
    application = web.Application()
    application[CLOSING] = asyncio.Event()
    application.router.add_post("/", answer)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    rpc = Rpc(f"http://127.0.0.1:{port}", timeout_s=0.5)
    try:
        yield rpc
    finally:
        application[CLOSING].set()
        await rpc.close()
        await runner.cleanup()


def saying(text: str, status: int = 200) -> Answer:
    """Answer with this text, whatever is asked."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type="application/json")

    return answer


def result(value: Any) -> Answer:
    """Answer with this JSON-RPC result."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(
            {"jsonrpc": "2.0", "id": (await request.json())["id"], "result": value}
        )

    return answer


async def hang(request: web.Request) -> web.Response:
    """Answer only when the node closes."""
    await request.app[CLOSING].wait()
    return web.Response()


@pytest.mark.parametrize(
    "answer",
    [
        saying("<html>gateway</html>"),
        saying("<html>gateway</html>", 502),
        saying("", 200),
        saying("[]"),
        saying("null"),
        saying("{}"),
        saying(
            json.dumps({"jsonrpc": "2.0", "id": 0, "error": {"code": -32005, "message": "limit"}})
        ),
        result(None),
        result("not hex"),
        result({"number": "0x1"}),
        hang,
    ],
)
async def test_an_answer_without_sense_is_retryable(answer: Answer) -> None:
    """Error pages, half answers, node errors and silence are the node's fault: one family."""
    async with node(answer) as rpc:
        for ask in (rpc.chain_id, rpc.latest_block):
            with pytest.raises(Retryable, match=r"http://127\.0\.0\.1"):
                await ask()


async def test_a_dead_node_is_retryable() -> None:
    """A refused connection names the address."""
    async with node(hang) as rpc:
        url = rpc.url
    gone = Rpc(url, timeout_s=1.0)
    try:
        with pytest.raises(Retryable, match=f"{url} does not answer"):
            await gone.chain_id()
    finally:
        await gone.close()


@pytest.mark.parametrize("data", ["0x", "0x1234", "0x" + "ff" * 64])
async def test_data_that_the_abi_does_not_describe_is_a_revert(data: str) -> None:
    """An address that answers something else is no pool, and that is told from a bad node."""

    async def answer(request: web.Request) -> web.Response:
        asked = await request.json()  # web3 asks for chain and code to explain empty data
        value = {"eth_call": data, "eth_getCode": "0x"}.get(asked["method"], "0x1")
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], "result": value})

    async with node(answer) as rpc:
        with pytest.raises(Reverted, match="observe"):
            await rpc.call(ADDRESS, POOL, "observe", [60, 0], block=1)


async def test_a_revert_is_told_from_a_failing_node() -> None:
    """Code 3 is the contract's refusal; other codes are the node's."""

    async def revert(request: web.Request) -> web.Response:
        error = {"code": 3, "message": "execution reverted: OLD", "data": "0x"}
        number = (await request.json())["id"]
        return web.json_response({"jsonrpc": "2.0", "id": number, "error": error})

    async with node(revert) as rpc:
        with pytest.raises(Reverted, match="OLD"):
            await rpc.call(ADDRESS, POOL, "observe", [60, 0], block=1)
    async with node(
        saying('{"jsonrpc":"2.0","id":0,"error":{"code":-32000,"message":"header not found"}}')
    ) as rpc:
        with pytest.raises(Retryable, match="header not found"):
            await rpc.call(ADDRESS, POOL, "observe", [60, 0], block=1)

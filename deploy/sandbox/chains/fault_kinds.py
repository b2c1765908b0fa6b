"""What may go wrong with one answer of a node, from silence to lies. Each returns a `Fault`.

Who asks for times gives them relative to the time-out of the client that is to suffer.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from deploy.sandbox.chains.faults import Exchange, Fault, Rpc

MIN_BUMP_PERCENT: Final = 110
"""What geth asks of a replacement, of both fees."""

Error = tuple[int, str]
"""A JSON-RPC error: its code and message."""

BUSY: Final[tuple[Error, ...]] = (
    (-32000, "header not found"),  # geth, behind a load balancer
    (-32603, "Internal error"),  # Nethermind, Besu
    (-32016, "Your app has exceeded its compute units per second capacity"),  # a provider
    (-32005, "daily request count exceeded, request rate limited"),  # another
    (-32000, "missing trie node 5c1b (path ) state 0x5c1b is not available"),  # geth, pruning
    (-32001, "resource unavailable"),  # EIP-1474
    (-32601, "the method eth_call does not exist/is not available"),  # geth, module off
    (-32000, "execution aborted (timeout = 5s)"),  # geth
)
"""How several nodes say that they cannot answer now."""


def hang() -> Fault:
    """Accept the request and never answer."""

    async def fault(_: Exchange) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    return fault


def late(delay_s: float, *, arrives: bool = True) -> Fault:
    """Answer after a delay; the node sees the request before it."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        answers = await exchange.forward() if arrives else None
        await asyncio.sleep(delay_s)
        return exchange.answer(answers or await exchange.forward())

    return fault


def drip(byte_s: float) -> Fault:
    """Send the answer a byte at a time, so that no single read takes long."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        data = exchange.encode(await exchange.forward())
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(data)
        await response.prepare(exchange.request)
        for at in range(len(data)):
            await response.write(data[at : at + 1])
            await asyncio.sleep(byte_s)
        return response

    return fault


def status(code: int, *, text: str = "", retry_after: str | None = None) -> Fault:
    """Answer with an HTTP status, with Retry-After if given."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}

    async def fault(_: Exchange) -> web.StreamResponse:
        return web.Response(status=code, text=text, headers=headers)

    return fault


def body(data: bytes, content_type: str = "application/json") -> Fault:
    """Answer with these bytes."""

    async def fault(_: Exchange) -> web.StreamResponse:
        return web.Response(body=data, content_type=content_type)

    return fault


def truncated(keep: float = 0.5) -> Fault:
    """Answer with the first part of what the node says, as if it were whole."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        whole = exchange.encode(await exchange.forward())
        return web.Response(body=whole[: int(len(whole) * keep)], content_type="application/json")

    return fault


def padded(more_bytes: int) -> Fault:
    """Answer rightly, and go on with so many bytes of blanks."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        whole = exchange.encode(await exchange.forward())
        return web.Response(body=whole + b" " * more_bytes, content_type="application/json")

    return fault


def reset(*, arrives: bool) -> Fault:
    """Reset the connection; with `arrives` the node has the request, and nobody is told."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        if arrives:
            await exchange.forward()
        return exchange.reset()

    return fault


def error(*errors: Error, arrives: bool = False) -> Fault:
    """Answer the matched calls with these errors in turn; with `arrives` the node has them."""
    turn = itertools.cycle(errors)

    async def fault(exchange: Exchange) -> web.StreamResponse:
        answers = await exchange.forward() if arrives else [{**call} for call in exchange.calls]
        code, message = next(turn)
        return exchange.answer(
            [
                {
                    "jsonrpc": "2.0",
                    "id": answer.get("id"),
                    "error": {"code": code, "message": message},
                }
                for answer in answers
            ]
        )

    return fault


def unbatched(code: int = 200) -> Fault:
    """Refuse several calls in one request, with an HTTP status and one error for all."""
    refusal = {"code": -32600, "message": "batch requests are not allowed on this plan"}

    async def fault(exchange: Exchange) -> web.StreamResponse:
        if exchange.batched:
            return web.json_response({"jsonrpc": "2.0", "id": None, "error": refusal}, status=code)
        return exchange.answer(await exchange.forward())

    return fault


def lie(says: Callable[[Rpc, Any], Any]) -> Fault:
    """Pass the answer on with the results of the matched calls changed: `says(call, result)`."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        answers = await exchange.forward()
        calls = {call.get("id"): call for call in exchange.matched}
        for answer in answers:
            call = calls.get(answer.get("id"))
            if call is not None:
                answer.pop("error", None)
                answer["result"] = says(call, answer.get("result"))
        return exchange.answer(answers)

    return fault


def meddle(before: Callable[[], Awaitable[object]]) -> Fault:
    """Do something at the node just before it gets the request."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        await before()
        return exchange.answer(await exchange.forward())

    return fault


def lag(blocks: int) -> Fault:
    """Be so many blocks behind, in the height and in whatever is read at `latest`."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        height = int(await exchange.ask("eth_blockNumber"), 16)
        behind = hex(max(height - blocks, 0))
        asked = [_at_block(call, behind) for call in exchange.calls]
        answers = await exchange.forward(asked)
        heights = {c.get("id") for c in exchange.calls if c.get("method") == "eth_blockNumber"}
        for answer in answers:
            if answer.get("id") in heights:
                answer["result"] = behind
        return exchange.answer(answers)

    return fault


def _at_block(call: Rpc, block: str) -> Rpc:
    parameters = call.get("params") or []
    return {**call, "params": [block if item == "latest" else item for item in parameters]}


def strict_pool(bump_percent: int = MIN_BUMP_PERCENT) -> Fault:
    """Refuse, as geth does, replacements that do not raise both fees enough (anvil takes any)."""
    offered: dict[tuple[str, int], tuple[int, int]] = {}

    async def fault(exchange: Exchange) -> web.StreamResponse:
        raw = bytes.fromhex(exchange.matched[0]["params"][0].removeprefix("0x"))
        key, fees = _bid(raw)
        before = offered.get(key)
        if before is not None and any(
            100 * now < bump_percent * then for now, then in zip(fees, before, strict=True)
        ):
            refuse = error((-32000, "replacement transaction underpriced"))
            return await refuse(exchange)
        offered[key] = fees
        return exchange.answer(await exchange.forward())

    return fault


def _bid(raw: bytes) -> tuple[tuple[str, int], tuple[int, int]]:
    """Return whose nonce a raw type 2 transaction is for, and both fees that it offers."""
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    key = str(Account.recover_transaction(raw)), int(fields["nonce"])
    return key, (int(fields["maxFeePerGas"]), int(fields["maxPriorityFeePerGas"]))


def times(factor: float) -> Callable[[Rpc, Any], Any]:
    """Return a lie that multiplies a quantity."""

    def says(_: Rpc, result: Any) -> Any:
        return hex(round(int(result, 16) * factor)) if isinstance(result, str) else result

    return says

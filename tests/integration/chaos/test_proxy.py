"""The fault proxy itself: what a client of it sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
from eth_account import Account

from deploy.sandbox.chains import fault_kinds as kinds
from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, deploy_contract, read_artifact
from deploy.sandbox.chains.faults import Fault, FaultProxy, Rule

pytestmark = pytest.mark.evm
CHAIN_ID = 31_008
TIMEOUT_S = 120.0
SHORT_S = 1.0
"""For an answer that never comes."""


@pytest.fixture
async def node() -> AsyncIterator[SandboxChain]:
    """A node."""
    async with SandboxChain(CHAIN_ID) as chain:
        yield chain


@pytest.fixture
async def proxy(node: SandboxChain) -> AsyncIterator[FaultProxy]:
    """A proxy before it."""
    async with FaultProxy(node.rpc_url, seed=7) as made:
        yield made


async def ask(
    proxy: FaultProxy,
    *methods: str,
    params: list[Any] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> httpx.Response:
    """Ask the proxy these methods, in a batch when there are several."""
    calls = [
        {"jsonrpc": "2.0", "id": at, "method": method, "params": params or []}
        for at, method in enumerate(methods)
    ]
    async with httpx.AsyncClient(trust_env=False, timeout=timeout_s) as client:
        return await client.post(proxy.url, json=calls if len(calls) > 1 else calls[0])


async def test_passes_on_what_no_rule_strikes(proxy: FaultProxy) -> None:
    """One call or a batch of them, the answers are the node's, and calls are counted."""
    proxy.add(Rule(kinds.status(503), {"eth_call"}))

    assert (await ask(proxy, "eth_chainId")).json()["result"] == hex(CHAIN_ID)
    batch = (await ask(proxy, "eth_chainId", "eth_blockNumber")).json()
    assert [answer["result"] for answer in batch] == [hex(CHAIN_ID), "0x0"]
    assert proxy.asked == {"eth_chainId": 2, "eth_blockNumber": 1}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (kinds.hang, httpx.ReadTimeout),
        (partial(kinds.late, 600), httpx.ReadTimeout),
        (partial(kinds.reset, arrives=False), httpx.TransportError),
        (partial(kinds.reset, arrives=True), httpx.TransportError),
    ],
)
async def test_gives_no_answer(
    proxy: FaultProxy, fault: partial[Fault], error: type[Exception]
) -> None:
    """Silence and resets end in the client's own errors."""
    proxy.add(Rule(fault()))

    with pytest.raises(error):
        await ask(proxy, "eth_chainId", timeout_s=SHORT_S)


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (kinds.status(429, retry_after="3"), 429, ""),
        (kinds.status(503, text="down"), 503, "down"),
        (kinds.body(b"<html>", "text/html"), 200, "<html>"),
        (kinds.truncated(0.5), 200, '{"jsonrpc": "2.0", "id"'),
        (
            kinds.error((-32000, "header not found")),
            200,
            '{"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": "header not found"}}',
        ),
        (
            kinds.lie(lambda call, result: f"{call['method']} is not {result}"),
            200,
            '{"jsonrpc": "2.0", "id": 0, "result": "eth_chainId is not 0x7920"}',
        ),
        (kinds.lie(kinds.times(2)), 200, '{"jsonrpc": "2.0", "id": 0, "result": "0xf240"}'),
        (kinds.padded(3), 200, '{"jsonrpc": "2.0", "id": 0, "result": "0x7920"}   '),
        (kinds.drip(0), 200, '{"jsonrpc": "2.0", "id": 0, "result": "0x7920"}'),
    ],
)
async def test_gives_a_bad_answer(proxy: FaultProxy, fault: Fault, status: int, text: str) -> None:
    """Statuses, bytes and untruths arrive as told."""
    proxy.add(Rule(fault))

    answer = await ask(proxy, "eth_chainId")

    assert (answer.status_code, answer.text) == (status, text)
    assert answer.headers.get("Retry-After") == ("3" if status == 429 else None)


async def test_a_rule_says_when(proxy: FaultProxy) -> None:
    """It strikes its methods and calls only, after those it skips, as often as it may."""
    rule = proxy.add(
        Rule(
            kinds.status(503),
            {"eth_getBalance"},
            when=lambda call: call["params"] == ["0x1"],
            skip=1,
            count=2,
        )
    )
    seen = [
        (await ask(proxy, method, params=[account])).status_code
        for method, account in [
            ("eth_getCode", "0x1"),
            ("eth_getBalance", "0x2"),
            *[("eth_getBalance", "0x1")] * 5,
        ]
    ]

    assert seen == [200, 200, 200, 503, 503, 200, 200]
    assert (rule.hits, rule.spent) == (2, True)


async def test_a_rule_ends_with_its_time(proxy: FaultProxy) -> None:
    """A rule of no duration never strikes."""
    proxy.add(Rule(kinds.status(503), for_s=0))

    assert (await ask(proxy, "eth_chainId")).status_code == 200


async def test_the_same_seed_gives_the_same_faults(node: SandboxChain) -> None:
    """Chance is drawn from the seed: it repeats, and another seed differs."""

    async def drawn(seed: int) -> list[int]:
        async with FaultProxy(node.rpc_url, seed=seed) as proxy:
            proxy.add(Rule(kinds.status(503), chance=0.5))
            return [(await ask(proxy, "eth_chainId")).status_code for _ in range(10)]

    first = await drawn(1)

    assert await drawn(1) == first
    assert await drawn(2) != first
    assert set(first) == {200, 503}


async def test_a_lie_changes_only_what_it_is_about(proxy: FaultProxy) -> None:
    """In a batch the other answers stay the node's."""
    proxy.add(Rule(kinds.lie(lambda *_: "0x1"), {"eth_chainId"}))

    batch = (await ask(proxy, "eth_blockNumber", "eth_chainId")).json()

    assert [answer["result"] for answer in batch] == ["0x0", "0x1"]


async def test_lags(node: SandboxChain, proxy: FaultProxy) -> None:
    """Height and state are those of an earlier block."""
    account = await node.account()
    await node.mine()
    await deploy_contract(node.w3, read_artifact(ABI / "PoolActor.json"), (), account)
    proxy.add(Rule(kinds.lag(1)))

    assert (await ask(proxy, "eth_blockNumber")).json()["result"] == "0x1"
    params = [account.address, "latest"]
    assert (await ask(proxy, "eth_getTransactionCount", params=params)).json()["result"] == "0x0"


async def test_a_strict_pool_asks_a_tenth_more(node: SandboxChain, proxy: FaultProxy) -> None:
    """A replacement has to raise both fees by a tenth, whatever the node itself would take."""
    account = await node.account()
    await node.w3.provider.make_request("evm_setAutomine", [False])
    proxy.add(Rule(kinds.strict_pool(), {"eth_sendRawTransaction"}))

    async def offer(max_gwei: int, tip_gwei: int) -> dict[str, Any]:
        fields = {
            "type": 2,
            "chainId": CHAIN_ID,
            "to": account.address,
            "value": 0,
            "gas": 21_000,
            "nonce": 0,
            "maxFeePerGas": max_gwei * 10**9,
            "maxPriorityFeePerGas": tip_gwei * 10**9,
        }
        raw = "0x" + Account.sign_transaction(fields, account.key).raw_transaction.hex()
        return dict((await ask(proxy, "eth_sendRawTransaction", params=[raw])).json())

    assert "result" in await offer(100, 10)
    refused = [await offer(*fees) for fees in ((109, 11), (110, 10), (200, 10))]
    assert {answer["error"]["message"] for answer in refused} == {
        "replacement transaction underpriced"
    }
    assert "result" in await offer(110, 11)


async def test_stops_and_listens_again(node: SandboxChain, proxy: FaultProxy) -> None:
    """A stopped endpoint refuses, a started one has the same address, a dead node resets."""
    url = proxy.url
    await proxy.stop()
    with pytest.raises(httpx.ConnectError):
        await ask(proxy, "eth_chainId")
    await proxy.start()
    assert proxy.url == url
    assert (await ask(proxy, "eth_chainId")).status_code == 200

    node.kill()
    with pytest.raises(httpx.TransportError):
        await ask(proxy, "eth_chainId")


async def test_meddles_first(node: SandboxChain, proxy: FaultProxy) -> None:
    """What is done before the request shows in its answer."""
    proxy.add(Rule(kinds.meddle(node.mine), {"eth_blockNumber"}))

    assert (await ask(proxy, "eth_blockNumber")).json()["result"] == "0x1"


async def test_refuses_what_is_no_json(proxy: FaultProxy) -> None:
    """Anything else than JSON is a bad request."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(proxy.url, content=b"{")

    assert answer.status_code == 400

"""Nodes that cannot do what `plumb gov show` asks of them, or answer nonsense."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from eth_abi.abi import encode
from prometheus_client import CollectorRegistry

from oracle.cli.gov_accounts import affected
from oracle.cli.gov_chain import Chain
from oracle.model.errors import PlumblineError, Rejected
from relayer.evm.rpc import JsonRpc
from relayer.metrics import RelayerMetrics

ENGINE, VAULT, TIMELOCK = ("0x" + digit * 40 for digit in "123")
NAMES = {ENGINE: "ENGINE", VAULT: "VAULT"}
TRADER = 5 << 96
LOG = {"address": ENGINE, "topics": ["0x0", hex(TRADER)], "data": "0x"}
HEAD = {
    "number": "0x10",
    "hash": "0x" + "ab" * 32,
    "timestamp": "0x6ab00000",
    "baseFeePerGas": "0x1",
}


def chain(**answers: Any) -> Chain:
    """A chain whose one node answers by method; what is not given it does not know."""
    usual = {
        "eth_chainId": "0x1", "eth_blockNumber": "0x10", "eth_getLogs": [LOG],
        "eth_getBlockByNumber": HEAD,
    }  # fmt: skip

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        said = (usual | answers).get(request["method"])
        body = {"jsonrpc": "2.0", "id": request["id"]}
        if said is None:
            return body | {"error": {"code": -32601, "message": "no such method"}}
        return body | {"result": said}

    def handle(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        many = isinstance(asked, list)
        said = [answer(one) for one in (asked if many else [asked])]
        return httpx.Response(200, json=said if many else said[0])

    metrics = RelayerMetrics(CollectorRegistry())
    transport = httpx.MockTransport(handle)
    return Chain(JsonRpc("one", 1, ["http://node"], 5.0, metrics, transport=transport))


def simulated(*answers: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a node says of a simulated block."""
    return [{"calls": list(answers)}]


def margin(equity: int, initial: int, maintenance: int) -> dict[str, Any]:
    """Return what `marginOf` answers in it."""
    types = ["int256", "uint256", "uint256", "bool"]
    data = encode(types, [equity, initial, maintenance, True])
    return {"status": "0x1", "returnData": "0x" + data.hex()}


async def test_accounts_are_counted_by_what_the_node_says() -> None:
    """Equity below the initial margin, and not below maintenance."""
    node = chain(eth_simulateV1=simulated(margin(5, 6, 4), margin(5, 6, 4)))
    said = await affected(node, NAMES, (), TIMELOCK, 0)
    assert said.accounts == 1
    assert said.now.below_initial == {TRADER}
    assert said.now.below_maintenance == set()


async def test_an_account_that_cannot_be_judged_is_not_counted() -> None:
    """A call that fails for one account says nothing of it."""
    failed = {"status": "0x0", "returnData": "0x", "error": {"message": "reverted"}}
    node = chain(eth_simulateV1=simulated(failed, margin(3, 6, 4)))
    said = await affected(node, NAMES, (), TIMELOCK, 0)
    assert said.now.below_initial == set()
    assert said.now.below_maintenance == {TRADER}


async def test_a_node_that_cannot_simulate_says_so() -> None:
    """The reason names the method that another node may have."""
    with pytest.raises(Rejected, match="cannot simulate \\(eth_simulateV1\\): no such method"):
        await affected(chain(), NAMES, (), TIMELOCK, 0)


@pytest.mark.parametrize(
    "answers",
    [
        {"eth_simulateV1": simulated(margin(5, 6, 4))},
        {"eth_simulateV1": simulated({"status": "0x1", "returnData": "0x12"}, margin(1, 1, 1))},
        {"eth_simulateV1": [{}]},
        {"eth_simulateV1": "0x"},
        {"eth_getLogs": [{}]},
        {"eth_getLogs": 7},
        {"eth_getLogs": [LOG | {"topics": ["0x0"]}]},
        {"eth_getLogs": [LOG | {"topics": ["0x0", "mine"]}]},
        {"eth_blockNumber": "many"},
    ],
)
async def test_nonsense_is_refused(answers: dict[str, Any]) -> None:
    """No count is made of answers that are none."""
    with pytest.raises(PlumblineError):
        await affected(chain(**answers), NAMES, (), TIMELOCK, 0)


async def test_a_proposal_whose_calls_are_not_its_numbers_is_not_shown() -> None:
    """A node may lie of the calls: they must hash to the number that was asked for."""
    types = [
        "uint256", "address", "address[]", "uint256[]", "string[]", "bytes[]", "uint256",
        "uint256", "string",
    ]  # fmt: skip
    data = encode(types, [7, TIMELOCK, [ENGINE], [0], [""], [b"\1"], 1, 2, "good"])
    lies = [{"address": ENGINE, "topics": ["0x0"], "data": "0x" + data.hex()}]
    with pytest.raises(PlumblineError, match="has no proposal 7"):
        await chain(eth_getLogs=lies).proposal(ENGINE, 7, 0)
    cut = [{"address": ENGINE, "topics": ["0x0"], "data": "0x" + data[:40].hex()}]
    with pytest.raises(PlumblineError, match="has no proposal 7"):
        await chain(eth_getLogs=cut).proposal(ENGINE, 7, 0)

"""Fail-over between endpoints, on a transport that answers as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from oracle.model.errors import ConfigError
from relayer.evm.errors import NodeError, Unreachable
from relayer.evm.node import Node
from relayer.evm.rpc import JsonRpc
from relayer.evm.wire import MAX_ANSWER_BYTES
from relayer.metrics import RelayerMetrics

CHAIN_ID = 31_337
ONE, TWO = "http://one.test/key-of-provider", "http://user:secret@two.test:8545"


def block(number: int, *, time_s: int = 1_790_000_000) -> dict[str, str]:
    """A header as nodes give it."""
    return {
        "number": hex(number),
        "hash": f"0x{number:064x}",
        "timestamp": hex(time_s),
        "baseFeePerGas": "0x7",
    }


class Endpoints:
    """Plays both endpoints. Each is a node of `chain_ids`, unless `broken` says otherwise."""

    def __init__(self) -> None:
        self.chain_ids = {"one.test": CHAIN_ID, "two.test": CHAIN_ID}
        self.broken: dict[str, Callable[[httpx.Request], httpx.Response]] = {}
        self.results: dict[str, Any] = {}
        self.blocks = dict.fromkeys(self.chain_ids, block(100))
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        self.asked.append(host)
        if host in self.broken:
            return self.broken[host](request)
        asked = json.loads(request.content)
        answers = [self._answer(host, item) for item in _listed(asked)]
        return httpx.Response(200, json=answers[::-1] if isinstance(asked, list) else answers[0])

    def _answer(self, host: str, item: dict[str, Any]) -> dict[str, Any]:
        head = {"jsonrpc": "2.0", "id": item["id"]}
        if item["method"] == "eth_chainId":
            return {**head, "result": hex(self.chain_ids[host])}
        if item["method"] == "eth_getBlockByNumber":
            return {**head, "result": self.blocks[host]}
        if item["method"] == "refuse":
            return {**head, "error": {"code": -32000, "message": "nonce too low"}}
        if item["method"] in self.results:
            return {**head, "result": self.results[item["method"]]}
        return {**head, "result": [host, *item["params"]]}


def _listed(asked: Any) -> list[dict[str, Any]]:
    return asked if isinstance(asked, list) else [asked]


def _refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def _answering(request: httpx.Request, answer: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"id": json.loads(request.content)["id"], **answer})


def _time_out(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("read timed out")


@pytest.fixture
def endpoints() -> Endpoints:
    """Two good endpoints."""
    return Endpoints()


@pytest.fixture
def registry() -> CollectorRegistry:
    """Where this test's metrics go."""
    return CollectorRegistry()


@pytest.fixture
def rpc(endpoints: Endpoints, registry: CollectorRegistry) -> JsonRpc:
    """A client of both endpoints."""
    transport = httpx.MockTransport(endpoints)
    metrics = RelayerMetrics(registry)
    return JsonRpc("home", CHAIN_ID, [ONE, TWO], 1.0, metrics, transport=transport)


BREAKS = [
    (_refuse, "connection"),
    (_time_out, "timeout"),
    (lambda _: httpx.Response(502), "http_status"),
    (lambda _: httpx.Response(200, text="<html>"), "malformed"),
    (lambda _: httpx.Response(200, json={"jsonrpc": "2.0", "id": 99, "result": 1}), "malformed"),
    (lambda _: httpx.Response(200, json=None), "malformed"),
    (lambda _: httpx.Response(200, json=[1]), "malformed"),
    (lambda _: httpx.Response(200, content=b" " * (MAX_ANSWER_BYTES + 1)), "malformed"),
    (lambda _: httpx.Response(200, content=b"[" * 100_000), "malformed"),
    (lambda r: _answering(r, {"error": ["busy"]}), "malformed"),
    (lambda r: _answering(r, {"result": 1, "error": 7}), "malformed"),
    (lambda r: _answering(r, {"error": None}), "malformed"),
    (lambda _: httpx.Response(429), "rate_limited"),
    (lambda _: httpx.Response(429, headers={"retry-after": "nan"}), "rate_limited"),
    (lambda r: _answering(r, {"error": {"code": "429"}}), "rate_limited"),
    (
        lambda r: httpx.Response(
            200, json={"id": json.loads(r.content)["id"], "error": {"code": -32005}}
        ),
        "rate_limited",
    ),
]


@pytest.mark.parametrize(("broken", "kind"), BREAKS)
async def test_goes_to_the_next_endpoint(
    rpc: JsonRpc,
    endpoints: Endpoints,
    registry: CollectorRegistry,
    broken: Callable[[httpx.Request], httpx.Response],
    kind: str,
) -> None:
    """Whatever is wrong with the first, the second answers, and stays first choice."""
    endpoints.broken["one.test"] = broken

    assert await rpc.call("echo", 1) == ["two.test", 1]
    endpoints.asked.clear()
    assert await rpc.call("echo", 2) == ["two.test", 2]

    assert endpoints.asked == ["two.test"]
    labels = {"chain": "home", "endpoint": "one.test", "kind": kind}
    assert registry.get_sample_value("plumbline_relayer_rpc_errors_total", labels) == 1


async def test_a_batch_keeps_its_order(rpc: JsonRpc) -> None:
    """Answers may come in any order; more than one request's worth is split."""
    results = await rpc.batch([("echo", [n]) for n in range(250)])

    assert results == [["one.test", n] for n in range(250)]


async def test_a_node_error_is_an_answer(rpc: JsonRpc, endpoints: Endpoints) -> None:
    """Asking another endpoint would not change what the chain says."""
    with pytest.raises(NodeError, match="home: refuse failed: nonce too low"):
        await rpc.call("refuse")

    assert "two.test" not in endpoints.asked


async def test_an_error_of_null_is_none(rpc: JsonRpc, endpoints: Endpoints) -> None:
    """JSON-RPC 2.0 forbids it beside a result; nodes send it all the same."""
    endpoints.broken["one.test"] = lambda r: _answering(r, {"result": "0x7a69", "error": None})

    assert await rpc.call("eth_chainId") == "0x7a69"
    assert "two.test" not in endpoints.asked


async def test_what_a_node_says_is_kept_short(rpc: JsonRpc, endpoints: Endpoints) -> None:
    """Megabytes of message do not reach a log."""
    error = {"code": 1, "message": "x" * 10**6}
    endpoints.broken["one.test"] = lambda r: (
        _answering(r, {"result": hex(CHAIN_ID)})
        if b"eth_chainId" in r.content
        else _answering(r, {"error": error})
    )

    with pytest.raises(NodeError) as caught:
        await rpc.call("echo")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("lie", [7, "", "0x1", True, [], ["0x1"], {"blockNumber": "0x1"}])
async def test_a_malformed_receipt_is_refused(
    rpc: JsonRpc, endpoints: Endpoints, lie: object
) -> None:
    """A node that answers nonsense is passed over, and fails the look when there is no other."""
    endpoints.results |= {"eth_getTransactionReceipt": lie, "eth_getTransactionCount": "0x1"}

    with pytest.raises(Unreachable, match=r"to eth_getBlockByNumber, .*Receipt it answers"):
        await Node(rpc).look("0x2", ["0x1"])


async def test_no_endpoint_is_one_clear_line(rpc: JsonRpc, endpoints: Endpoints) -> None:
    """The line names every endpoint and why, without credentials."""
    endpoints.broken = {"one.test": _refuse, "two.test": _time_out}

    with pytest.raises(Unreachable) as caught:
        await rpc.call("echo")

    assert str(caught.value) == (
        "chain home: no RPC endpoint answers (one.test: connection refused; two.test:8545: no "
        "answer in 1 s); start the node or mend rpc in the configuration"
    )
    with pytest.raises(Unreachable):
        await rpc.check()


async def test_nodes_of_another_chain_are_a_configuration_error(
    rpc: JsonRpc, endpoints: Endpoints
) -> None:
    """When all that answer serve another chain, the configuration names the wrong one."""
    endpoints.chain_ids = dict.fromkeys(endpoints.chain_ids, 1)

    with pytest.raises(ConfigError, match=r"one\.test: serves chain 1, .* says 31337; mend"):
        await rpc.check()


async def test_one_node_of_another_chain_is_left_out(
    rpc: JsonRpc, endpoints: Endpoints, registry: CollectorRegistry
) -> None:
    """One misrouted provider stops no chain: it is counted, and not asked."""
    endpoints.chain_ids["one.test"] = 1

    await rpc.check()

    assert await rpc.call("echo", 1) == ["two.test", 1]
    labels = {"chain": "home", "endpoint": "one.test", "kind": "wrong_chain"}
    assert registry.get_sample_value("plumbline_relayer_rpc_errors_total", labels) == 1


async def test_an_endpoint_that_changes_chain_is_not_used(
    rpc: JsonRpc, endpoints: Endpoints
) -> None:
    """After a failure an endpoint has to name its chain again before it is used."""
    await rpc.call("echo")
    endpoints.broken["one.test"] = _refuse
    await rpc.call("echo")
    del endpoints.broken["one.test"]
    endpoints.chain_ids["one.test"] = 1
    endpoints.broken["two.test"] = _refuse

    with pytest.raises(Unreachable, match=r"one\.test: serves chain 1, the configuration says"):
        await rpc.call("echo")


async def test_the_start_needs_one_endpoint(rpc: JsonRpc, endpoints: Endpoints) -> None:
    """A dead spare does not keep a relayer from starting."""
    endpoints.broken["two.test"] = _refuse

    await rpc.check()


@pytest.mark.parametrize("lie", [None, 7, "", "0x", "-0x5", "5", "0x" + "f" * 65, ["0x1"]])
async def test_a_malformed_quantity_is_refused(
    rpc: JsonRpc, endpoints: Endpoints, lie: object
) -> None:
    """Nodes that answer nonsense fail this call, and nothing else."""
    endpoints.results["eth_gasPrice"] = lie

    with pytest.raises(Unreachable, match=r"one\.test: to eth_gasPrice it answers .*two\.test"):
        await Node(rpc).gas_price()

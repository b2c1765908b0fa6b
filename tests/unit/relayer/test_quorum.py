"""Several endpoints: who is believed, who is asked, who is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from relayer.evm import quorum, results
from relayer.evm.endpoint import labels
from relayer.evm.errors import NodeError, QuorumFailed, Reverted, Unreachable
from relayer.evm.fees import FeeHistory
from relayer.evm.node import Look, Node
from relayer.evm.results import first_head
from relayer.evm.rpc import JsonRpc
from relayer.evm.wire import Query
from relayer.metrics import RelayerMetrics
from tests.unit.relayer.test_rpc import CHAIN_ID, block

NAMES = ("one", "two", "three")
WALLET, ORACLE = "0x" + "11" * 20, "0x" + "22" * 20
WORD, OTHER, OLD = bytes([9] * 32), bytes([8] * 32), bytes([1] * 32)
CALL: list[Query] = [("eth_call", [{}, "latest"])]
Answer = Callable[[str, list[Any]], Any]


class Nodes:
    """Endpoints by name; each answers by its own function, and counts what it was asked."""

    def __init__(self) -> None:
        self.head = dict.fromkeys(NAMES, 100)
        self.time_s = dict.fromkeys(NAMES, 1_790_000_000)
        self.words = dict.fromkeys(NAMES, WORD)
        self.says: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []
        self.open = asyncio.Event()
        """While clear, those in `hanging` do not answer."""
        self.hanging: set[str] = set()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        body = json.loads(request.content)
        if name in self.hanging:
            await self.open.wait()
        calls = body if isinstance(body, list) else [body]
        answers = [self._answer(name, call) for call in calls]
        return httpx.Response(200, json=answers if isinstance(body, list) else answers[0])

    def _answer(self, name: str, call: dict[str, Any]) -> dict[str, Any]:
        method, params = call["method"], call["params"]
        self.asked.append((name, method))
        said = self.says[name](method, params) if name in self.says else None
        result = self._honest(name, method, params) if said is None else said
        if isinstance(result, Exception):
            error = {"code": 3, "message": str(result), "data": "0x01"}
            return {"id": call["id"], "error": error}
        return {"id": call["id"], "result": result}

    def _honest(self, name: str, method: str, params: list[Any]) -> Any:
        if method == "eth_getBlockByNumber":
            number = self.head[name] if params[0] == "latest" else int(params[0], 16)
            return block(number, time_s=self.time_s[name])
        return {
            "eth_chainId": hex(CHAIN_ID),
            "eth_call": "0x" + self.words[name].hex(),
            "eth_getBalance": "0x5",
            "eth_estimateGas": "0x64",
            "eth_getTransactionCount": "0x2",
            "eth_sendRawTransaction": "0xabc",
        }[method]


@pytest.fixture
def nodes() -> Nodes:
    """Three honest nodes."""
    return Nodes()


@pytest.fixture
def registry() -> CollectorRegistry:
    """Where this test's metrics go."""
    return CollectorRegistry()


def pool(nodes: Nodes, registry: CollectorRegistry, **changes: Any) -> JsonRpc:
    """A client of all three, two of which must agree."""
    settings = {"quorum": 2, "transport": httpx.MockTransport(nodes), **changes}
    urls = [f"http://{name}" for name in NAMES]
    return JsonRpc("home", CHAIN_ID, urls, 5.0, RelayerMetrics(registry), **settings)


@pytest.fixture
async def rpc(nodes: Nodes, registry: CollectorRegistry) -> AsyncIterator[JsonRpc]:
    """A client, closed after the test."""
    client = pool(nodes, registry)
    yield client
    nodes.open.set()
    await client.aclose()


def errors(registry: CollectorRegistry, name: str, kind: str) -> float:
    """Return how often an endpoint failed so."""
    labels = {"chain": "home", "endpoint": name, "kind": kind}
    return registry.get_sample_value("plumbline_relayer_rpc_errors_total", labels) or 0


def faults(registry: CollectorRegistry, fault: str) -> float:
    """Return how often a fault was noted."""
    labels = {"chain": "home", "fault": fault}
    return registry.get_sample_value("plumbline_relayer_faults_total", labels) or 0


async def held(rpc: JsonRpc) -> bytes:
    """Read one word, the oldest when no quorum agrees."""
    _, (word,), _ = await Node(rpc).read(ORACLE, [b"call"], WALLET, min)
    return word


@pytest.mark.parametrize("liar", NAMES)
async def test_one_liar_is_outvoted(
    rpc: JsonRpc, nodes: Nodes, registry: CollectorRegistry, liar: str
) -> None:
    """Whichever it is, the word is what the two others say, and the liar is named."""
    nodes.words[liar] = OTHER

    assert await held(rpc) == WORD
    assert errors(registry, liar, "disagrees") == 1
    assert await held(rpc) == WORD


async def test_words_are_read_at_a_block_that_enough_know(rpc: JsonRpc, nodes: Nodes) -> None:
    """A head in the far future, known to one, is not where the others are asked."""
    nodes.head |= {"one": 10**9, "three": 99}
    seen: list[Any] = []
    nodes.says["two"] = lambda method, params: seen.append((method, params))

    assert await held(rpc) == WORD
    assert ("eth_getBlockByNumber", [hex(100), False]) in seen
    assert ("eth_getBalance", [WALLET, hex(100)]) in seen


async def test_without_a_quorum_the_oldest_word_is_taken(
    rpc: JsonRpc, nodes: Nodes, registry: CollectorRegistry
) -> None:
    """A push too many is a cheap no-op; one too few leaves consumers without a mark."""
    nodes.words |= {"one": OTHER, "three": OLD}

    assert await held(rpc) == OLD
    assert faults(registry, "quorum_failed") == 1


async def test_a_liar_is_named_once(
    rpc: JsonRpc, nodes: Nodes, registry: CollectorRegistry
) -> None:
    """It answers well between its lies: the log has when that began, and when it was over."""
    nodes.words["one"] = OTHER
    with capture_logs() as log:
        while errors(registry, "one", "disagrees") < 2:
            await rpc.agreed(CALL, _data)
        nodes.words["one"] = WORD
        while not [line for line in log if line["event"] == "rpc_recovered"]:
            await rpc.agreed(CALL, _data)

    assert [(line["event"], line["endpoint"], line.get("kind")) for line in log] == [
        ("rpc_failed", "one", "disagrees"),
        ("rpc_recovered", "one", None),
    ]


async def test_a_quorum_that_comes_and_goes_is_one_failure(
    rpc: JsonRpc, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logged when it begins and as its count doubles; over is when it has been quiet for long."""
    with capture_logs() as log:
        for _ in range(4):
            nodes.words |= {"one": OTHER, "three": OLD}
            assert await held(rpc) == OLD
            nodes.words |= {"one": WORD, "three": WORD}
            assert await held(rpc) == WORD
        monkeypatch.setattr(quorum, "QUIET_S", 0.0)
        await held(rpc)
        await held(rpc)

    events = [line for line in log if line["event"] in ("fault", "quorum_recovered")]
    assert [(line["event"], line.get("times")) for line in events] == [
        ("fault", 1),
        ("fault", 2),
        ("fault", 4),
        ("quorum_recovered", None),
    ]


async def test_what_nothing_settles_is_refused(rpc: JsonRpc, nodes: Nodes) -> None:
    """Code or salt that endpoints do not agree on is not believed."""
    nodes.words |= {"one": OTHER, "three": OLD}

    with pytest.raises(QuorumFailed, match=r"of 3 endpoints \(.*\) no 2 say the same to eth_call"):
        await Node(rpc).call(ORACLE, b"")


async def test_one_that_answers_has_to_do(
    rpc: JsonRpc, nodes: Nodes, registry: CollectorRegistry
) -> None:
    """With the others gone, to go on is no worse than to be silent; it is said."""
    for name in ("one", "two"):
        nodes.says[name] = lambda *_: []

    assert await held(rpc) == WORD
    assert faults(registry, "quorum_failed") >= 1


async def test_a_hanging_endpoint_is_not_waited_for(rpc: JsonRpc, nodes: Nodes) -> None:
    """Two that agree are enough, long before the third's time-out."""
    nodes.hanging = {"two"}
    async with asyncio.timeout(4):
        assert await held(rpc) == WORD
        assert (await Node(rpc).look(WALLET, [])).confirmed == 2


@pytest.mark.parametrize(("head", "time_s"), [(94, 1_790_000_000), (99, 1_790_000_000 - 31)])
async def test_who_is_behind_is_not_asked(
    rpc: JsonRpc, nodes: Nodes, registry: CollectorRegistry, head: int, time_s: int
) -> None:
    """More blocks than allowed, or an old newest block; back in step it is asked again."""
    await rpc.head(first_head)
    nodes.head["one"], nodes.time_s["one"] = head, time_s
    await rpc.head(first_head)
    assert [errors(registry, name, "lagging") for name in NAMES] == [1, 0, 0]
    nodes.asked.clear()
    await rpc.call("eth_getBalance", WALLET, "latest")
    assert nodes.asked == [("two", "eth_getBalance")]
    nodes.head["one"], nodes.time_s["one"] = 95, 1_790_000_000
    await rpc.head(first_head)
    nodes.asked.clear()
    await rpc.call("eth_getBalance", WALLET, "latest")
    assert nodes.asked == [("one", "eth_getBalance")]


async def test_a_revert_takes_a_quorum(rpc: JsonRpc, nodes: Nodes) -> None:
    """One node's word does not keep us from sending; two do."""
    nodes.says["one"] = _reverts
    assert await Node(rpc).estimate(WALLET, ORACLE, b"") == 100
    nodes.says["two"] = _reverts
    with pytest.raises(Reverted):
        await Node(rpc).estimate(WALLET, ORACLE, b"")


@pytest.mark.parametrize("lie", ["0x1", "0xffffffff"])
async def test_one_liar_moves_neither_gas_nor_fees(rpc: JsonRpc, nodes: Nodes, lie: str) -> None:
    """Where honest answers differ, it is the median that counts."""
    fees = {name: {"baseFeePerGas": ["0x64"], "reward": [["0x5", "0x7"]]} for name in NAMES}
    fees["one"] = {"baseFeePerGas": [lie], "reward": [[lie, lie]]}
    for name in NAMES:
        nodes.says[name] = _priced(fees[name], lie if name == "one" else "0x64")

    assert await Node(rpc).estimate(WALLET, ORACLE, b"") == 100
    assert await Node(rpc).gas_price() == 100
    assert await Node(rpc).fee_history() == FeeHistory(100, (5,), (7,))


async def test_the_honest_are_waited_for(rpc: JsonRpc, nodes: Nodes) -> None:
    """A liar who is fast makes half of the first two answers, but not the median of three."""
    nodes.says["one"] = lambda method, _: "0xffffffff" if method == "eth_estimateGas" else None
    nodes.hanging = {"three"}
    estimate = asyncio.create_task(Node(rpc).estimate(WALLET, ORACLE, b""))
    async with asyncio.timeout(4):
        while len([m for _, m in nodes.asked if m == "eth_estimateGas"]) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    for _ in range(200):
        await asyncio.sleep(0)
    assert not estimate.done()
    nodes.open.set()

    assert await estimate == 100


@pytest.mark.parametrize("lie", ["0x0", "0xffff"])
async def test_a_wrong_count_waits_for_a_third(rpc: JsonRpc, nodes: Nodes, lie: str) -> None:
    """A liar who is fast makes half of the first two answers: neither is believed."""
    nodes.says["one"] = lambda method, _: lie if method == "eth_getTransactionCount" else None
    nodes.hanging = {"three"}
    look = asyncio.create_task(Node(rpc).look(WALLET, []))
    async with asyncio.timeout(4):
        while len([m for _, m in nodes.asked if m == "eth_getTransactionCount"]) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    for _ in range(200):
        await asyncio.sleep(0)
    assert not look.done()
    nodes.open.set()

    assert (await look).confirmed == 2


@pytest.mark.parametrize("lie", [1, 10**9])
@pytest.mark.parametrize("asks", [Node.look, lambda node, *_: node.rpc.head(first_head)])
async def test_a_wrong_head_waits_for_a_third(
    nodes: Nodes, registry: CollectorRegistry, lie: int, asks: Any
) -> None:
    """A liar who is fast has nobody read, or wait, as if the chain were at an old block."""
    rpc = pool(nodes, registry, grace_s=0.0)
    nodes.head["one"], nodes.hanging = lie, {"three"}
    asked = asyncio.ensure_future(asks(Node(rpc), WALLET, []))
    async with asyncio.timeout(4):
        while len([m for _, m in nodes.asked if m == "eth_getBlockByNumber"]) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    for _ in range(200):
        await asyncio.sleep(0)
    assert not asked.done()
    nodes.open.set()

    said = await asked
    assert (said.head if isinstance(said, Look) else said).number == 100
    await rpc.aclose()


async def test_those_that_failed_before_are_not_waited_for(rpc: JsonRpc, nodes: Nodes) -> None:
    """Two of three hang for good: the third's answer comes long before their time-out."""
    for name in ("two", "three"):
        nodes.says[name] = lambda *_: []
    await held(rpc)
    nodes.hanging = {"two", "three"}
    async with asyncio.timeout(4):
        assert await held(rpc) == WORD


async def test_a_rest_gives_way_to_the_quorum(
    rpc: JsonRpc, nodes: Nodes, registry: CollectorRegistry
) -> None:
    """Who failed a moment ago is asked all the same when the others are too few."""
    for name in ("two", "three"):
        nodes.says[name] = lambda *_: []
    await held(rpc)
    nodes.says.clear()
    before = faults(registry, "quorum_failed")

    assert (await Node(rpc).look(WALLET, [])).confirmed == 2
    assert faults(registry, "quorum_failed") == before > 0


def _data(said: list[Any]) -> bytes:
    return results.data(said[0])


def _priced(fees: dict[str, Any], gas: str) -> Answer:
    said = {"eth_feeHistory": fees, "eth_estimateGas": gas, "eth_gasPrice": gas}
    return lambda method, _: said.get(method)


def test_endpoints_of_one_host_have_names_of_their_own() -> None:
    """Paths are left out of labels, as providers put keys there."""
    assert labels(["http://a.test/key1", "http://u:p@a.test/key2", "http://b.test:1"]) == [
        "a.test",
        "a.test#2",
        "b.test:1",
    ]


async def test_a_transaction_goes_to_all(rpc: JsonRpc, nodes: Nodes) -> None:
    """One that takes it is enough; the others hear of it all the same."""
    nodes.says["one"] = lambda method, _: ValueError("nonce too low") if "send" in method else None

    await rpc.broadcast(b"raw")

    async with asyncio.timeout(5):
        while len([m for _, m in nodes.asked if "send" in m]) < 3:  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0.001)


async def test_a_transaction_that_all_refuse_is_refused(rpc: JsonRpc, nodes: Nodes) -> None:
    """In the words of one of them."""
    for name in NAMES:
        nodes.says[name] = lambda method, _: (
            ValueError("nonce too low") if "send" in method else None
        )
    with pytest.raises(NodeError, match="nonce too low"):
        await rpc.broadcast(b"raw")


async def test_private_endpoints_hear_alone(nodes: Nodes, registry: CollectorRegistry) -> None:
    """What goes there is seen nowhere else, and nothing but transactions is asked of them."""
    nodes.words["private"] = WORD
    rpc = pool(nodes, registry, send_urls=["http://private"])
    await held(rpc)
    await rpc.broadcast(b"raw")
    await rpc.aclose()

    assert [name for name, method in nodes.asked if "send" in method] == ["private"]
    assert [method for name, method in nodes.asked if name == "private"] == [
        "eth_sendRawTransaction"
    ]


async def test_who_asks_to_be_left_alone_is(registry: CollectorRegistry) -> None:
    """For the time that Retry-After says; meanwhile not even a last resort."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(429, headers={"retry-after": "3600"})

    rpc = pool(Nodes(), registry, transport=httpx.MockTransport(answer), quorum=1)
    with pytest.raises(Unreachable, match="HTTP 429"):
        await rpc.call("eth_blockNumber")
    assert sorted(asked) == sorted(NAMES)
    with pytest.raises(Unreachable, match=r"one: left alone for (60\.0|59\.\d) s"):
        await rpc.call("eth_blockNumber")
    with pytest.raises(Unreachable, match="left alone"):
        await rpc.broadcast(b"raw")
    await rpc.aclose()
    assert len(asked) == 3


def _reverts(method: str, _: list[Any]) -> Any:
    return ValueError("execution reverted") if method == "eth_estimateGas" else None

"""Endpoints that take one call a request: found out once, and asked so from then on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from relayer.evm import connection
from relayer.evm.connection import AT_ONCE
from relayer.evm.errors import Unreachable
from relayer.evm.rpc import JsonRpc
from relayer.evm.wire import Query
from relayer.metrics import RelayerMetrics

CHAIN_ID = 31_337
CALLS: list[Query] = [("echo", [at]) for at in range(3 * AT_ONCE)]
ANSWERS = list(range(3 * AT_ONCE))
REFUSAL = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}}
REFUSALS = [
    httpx.Response(200, json=REFUSAL),
    httpx.Response(200, json=[REFUSAL]),
    httpx.Response(200, json={"error": "batches are for paying customers"}),
    httpx.Response(400, json=REFUSAL),
    httpx.Response(403, text="no batches"),
    httpx.Response(413),
]


class Plan:
    """A provider whose plan has no batches; `refusal` None: one that has."""

    def __init__(self, refusal: httpx.Response | None) -> None:
        self.refusal = refusal
        self.batches = self.singles = self.together = self.most_together = 0
        self.broken = False

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        asked = json.loads(request.content)
        if isinstance(asked, list) and self.refusal is not None:
            self.batches += 1
            return httpx.Response(self.refusal.status_code, content=self.refusal.content)
        if isinstance(asked, list):
            self.batches += 1
            return httpx.Response(200, json=[_answer(call) for call in asked])
        if asked["method"] == "eth_chainId":
            return httpx.Response(200, json=_answer(asked))
        if self.broken:
            return httpx.Response(500)
        self.singles += 1
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        await asyncio.sleep(0)
        self.together -= 1
        return httpx.Response(200, json=_answer(asked))


def _answer(call: dict[str, Any]) -> dict[str, Any]:
    result = hex(CHAIN_ID) if call["method"] == "eth_chainId" else call["params"][0]
    return {"id": call["id"], "result": result}


def client(plan: Plan, registry: CollectorRegistry | None = None) -> JsonRpc:
    """A client of one endpoint."""
    metrics = RelayerMetrics(registry or CollectorRegistry())
    transport = httpx.MockTransport(plan)
    return JsonRpc("home", CHAIN_ID, ["http://one"], 5.0, metrics, transport=transport)


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_calls_go_one_by_one_where_batches_are_refused(refusal: httpx.Response) -> None:
    """All are answered, in order, so many at a time; the batch is not tried each time."""
    plan, registry = Plan(refusal), CollectorRegistry()
    rpc = client(plan, registry)
    with capture_logs() as log:
        assert await rpc.batch(CALLS) == ANSWERS
        assert await rpc.batch(CALLS) == ANSWERS
    await rpc.aclose()

    assert (plan.batches, plan.singles) == (1, 2 * len(CALLS))
    assert 1 < plan.most_together <= AT_ONCE
    assert [line["kind"] for line in log if line["event"] == "rpc_failed"] == ["no_batches"]
    labels = {"chain": "home", "endpoint": "one"}
    errors = {**labels, "kind": "no_batches"}
    assert registry.get_sample_value("plumbline_relayer_rpc_errors_total", errors) == 1
    requests = registry.get_sample_value("plumbline_relayer_rpc_requests_total", labels)
    assert requests == plan.batches + plan.singles + 1  # one for the chain's number


async def test_a_batch_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A better plan is noticed without a restart."""
    plan = Plan(REFUSALS[0])
    rpc = client(plan)
    monkeypatch.setattr(connection, "SINGLY_S", 0.0)
    with capture_logs() as log:
        for _ in range(3):
            assert await rpc.batch(CALLS) == ANSWERS
        plan.refusal, singles = None, plan.singles
        for _ in range(2):
            assert await rpc.batch(CALLS) == ANSWERS
    await rpc.aclose()

    assert (plan.batches, plan.singles) == (5, singles)
    assert [line["event"] for line in log] == ["rpc_failed", "rpc_recovered"]


async def test_a_batch_that_is_tried_in_vain_is_left_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However it fails: calls go one by one for another while, not never again."""
    plan = Plan(REFUSALS[0])
    rpc = client(plan)
    assert await rpc.batch(CALLS) == ANSWERS
    monkeypatch.setattr(rpc._pool.readers[0]._connection, "_batch_again_s", 0.0)
    plan.refusal = httpx.Response(502)

    with capture_logs():
        assert await rpc.batch(CALLS) == ANSWERS  # in the second round of asking
        assert await rpc.batch(CALLS) == ANSWERS
    await rpc.aclose()

    assert plan.batches == 2


async def test_a_batch_answered_in_part_is_refused() -> None:
    """Some providers answer the first so many of a batch, and leave out the others."""
    part = [_answer({"id": at, "method": "echo", "params": [0]}) for at in (2, 3)]
    plan = Plan(httpx.Response(200, json=part))
    rpc = client(plan)
    assert await rpc.batch(CALLS) == ANSWERS
    await rpc.aclose()

    assert (plan.batches, plan.singles) == (1, len(CALLS))


async def test_a_broken_server_is_not_taken_for_one_without_batches() -> None:
    """The first call is tried alone; the others are not, when that fails too."""
    plan = Plan(httpx.Response(500))
    plan.broken = True
    rpc = client(plan)
    with pytest.raises(Unreachable, match="HTTP 500"):
        await rpc.batch(CALLS)
    plan.refusal, plan.broken = None, False

    assert await rpc.batch(CALLS) == ANSWERS
    await rpc.aclose()
    assert plan.singles == 0


async def test_a_rate_limit_for_a_whole_batch_is_one() -> None:
    """More requests, one by one, would make it worse."""
    plan = Plan(httpx.Response(200, json={"id": None, "error": {"code": -32005}}))
    rpc = client(plan)
    with pytest.raises(Unreachable, match="rate limited"):
        await rpc.batch(CALLS)
    await rpc.aclose()

    assert (plan.batches, plan.singles) == (1, 0)

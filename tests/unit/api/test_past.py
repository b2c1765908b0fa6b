"""Marks of the past and candles over HTTP: limits, pages, caching, servers without an archive."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from oracle.api.app import create_app
from oracle.api.past import CANDLES, Past
from oracle.api.view import LatestView
from oracle.archive.history import History
from oracle.archive.store import Store
from oracle.bus.memory import MemoryBus
from oracle.client import AsyncPlumblineClient, PlumblineClient, Rejected, Retryable, Validity
from oracle.model.topics import Topic
from tests.unit.api.samples import MARKETS, Clock
from tests.unit.archive.samples import BEGIN_NS, mark, time_of
from tests.unit.archive.writing import write

BEGIN_MS = BEGIN_NS // 10**6
END_MS = time_of(60) // 10**6
HISTORY = f"/v1/history?market=BTC-USD&from={BEGIN_MS}&to={END_MS}"
CANDLES_PATH = f"/v1/candles?market=BTC-USD&interval=1s&from={BEGIN_MS}&to={END_MS}"


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """60 marks of two markets, at ten a second."""
    store = Store(str(tmp_path))
    write(store, Topic.MARKS, [(number, mark(number)) for number in range(60)], rows=25)
    return Past(History(store))


def transport(past: Past | None) -> httpx.ASGITransport:
    """Return the way to an application."""
    view = LatestView(MemoryBus(), MARKETS, clock_ns=Clock(END_MS))
    return httpx.ASGITransport(create_app(view, past=past))


@pytest.fixture
async def http(past: Past) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application over the archive."""
    async with httpx.AsyncClient(base_url="http://api", transport=transport(past)) as client:
        yield client


async def problem(http: httpx.AsyncClient, path: str) -> tuple[int, str, str]:
    """Return status, type and detail of a problem."""
    response = await http.get(path)
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    return response.status_code, body["type"], body["detail"]


async def test_past_marks_come_by_page(http: httpx.AsyncClient) -> None:
    """Each page says how to ask for the next; together they are all, once."""
    found: list[Any] = []
    path = f"{HISTORY}&limit=7"
    answer = (await http.get(path)).json()
    while True:
        found += answer["marks"]
        if answer["next"] is None:
            break
        answer = (await http.get(f"{path}&cursor={answer['next']}")).json()
    assert [row["sequence"] for row in found] == list(range(0, 60, 2))
    assert found[7] == {
        "sequence": 14,
        "time_ms": BEGIN_MS + 1400,
        "validity": "MISSING",
        "reason": "no source",
        "state": "NORMAL",
        "index": None,
        "mark": None,
        "twap": None,
        "conf_bps": 0.1234,
        "premium_bps": None,
    }
    assert found[1]["mark"] == str(mark(2).mark)


async def test_candles_are_served_as_text(http: httpx.AsyncClient) -> None:
    """Exact decimals, and how many marks they are of."""
    candles = (await http.get(CANDLES_PATH)).json()["candles"]
    assert [row["time_ms"] for row in candles] == [BEGIN_MS + 1000 * at for at in range(6)]
    prices = [made.mark for made in map(mark, range(0, 10, 2)) if made.mark is not None]
    assert candles[0] == {
        "time_ms": BEGIN_MS,
        "open": str(prices[0]),
        "high": str(max(prices, key=lambda px: px.mantissa)),
        "low": str(min(prices, key=lambda px: px.mantissa)),
        "close": str(prices[-1]),
        "marks": len(prices),
    }


async def test_caches_may_keep_what_cannot_change(past: Past, http: httpx.AsyncClient) -> None:
    """Only once much later marks are archived: until then an answer is good for a second."""
    for path in (HISTORY, CANDLES_PATH):
        assert (await http.get(path)).headers["cache-control"] == "public, max-age=1"
    later = [(number, mark(number)) for number in range(20_000, 20_002)]
    write(past.history.store, Topic.MARKS, later)
    for path in (HISTORY, CANDLES_PATH):
        assert (await http.get(path)).headers["cache-control"] == "public, max-age=86400"


async def test_a_server_without_an_archive_says_so() -> None:
    """404 with a type of its own: ask another server."""
    async with httpx.AsyncClient(base_url="http://api", transport=transport(None)) as http:
        for path in (HISTORY, CANDLES_PATH):
            status, kind, detail = await problem(http, path)
            assert (status, kind) == (404, "urn:plumbline:no-archive")
            assert "no archive is configured" in detail


async def test_what_cannot_be_asked_is_said(http: httpx.AsyncClient) -> None:
    """Unknown markets, intervals and cursors, times the wrong way round or too far, too many."""
    for path, status, kind in (
        ("/v1/history?market=NO-USD", 404, "unknown-market"),
        ("/v1/candles?market=NO-USD", 404, "unknown-market"),
        ("/v1/history", 422, "bad-request"),
        (f"{HISTORY}&limit=0", 422, "bad-request"),
        (f"{HISTORY}&limit=10001", 422, "bad-request"),
        (f"{HISTORY}&cursor=-1", 422, "bad-request"),
        (f"/v1/history?market=BTC-USD&from={2**60}", 422, "bad-request"),
        ("/v1/history?market=BTC-USD&from=2&to=1", 422, "bad-request"),
        ("/v1/candles?market=BTC-USD&interval=2s", 422, "bad-request"),
        (f"/v1/candles?market=BTC-USD&from=0&to={(CANDLES + 1) * 60_000}", 422, "too-much"),
    ):
        assert (await problem(http, path))[:2] == (status, f"urn:plumbline:{kind}"), path


async def test_the_ends_of_time_are_answered(http: httpx.AsyncClient) -> None:
    """Whatever numbers are allowed, there is an answer."""
    for path in (
        "/v1/history?market=BTC-USD&from=0&to=0",
        "/v1/history?market=BTC-USD&from=0&to=9000000000000&cursor=9999999999999999999",
        "/v1/candles?market=BTC-USD&interval=1d&from=8999999999999&to=9000000000000",
    ):
        assert (await http.get(path)).status_code == 200, path


async def test_damage_is_no_empty_answer(past: Past, http: httpx.AsyncClient) -> None:
    """A manifest that does not decode is a server's fault that a person must mend."""
    manifest = next(Path(past.history.store.root).rglob("*.json"))  # noqa: ASYNC240 - a test alone
    manifest.write_text("{")
    status, kind, detail = await problem(http, HISTORY)
    assert (status, kind) == (500, "urn:plumbline:archive-damaged")
    assert manifest.name in detail


async def test_a_slow_archive_is_given_up(past: Past) -> None:
    """Whoever asked is told to come back, and a thread that hangs keeps its place."""
    slow, let_go = Past(past.history, timeout_s=0.05), threading.Event()
    try:
        for _ in range(4):  # more than may read at a time
            with pytest.raises(Retryable, match="did not answer within"):
                await slow.read(let_go.wait)
    finally:
        let_go.set()
    assert await Past(past.history).read(lambda: 5) == 5


async def test_the_client_reads_both(past: Past) -> None:
    """Exact decimals and pages, for code in an event loop."""
    async with AsyncPlumblineClient("http://api", transport=transport(past)) as api:
        page = await api.history("BTC-USD", from_ms=BEGIN_MS, to_ms=END_MS, limit=8)
        assert page.marks[1].mark == Decimal(str(mark(2).mark))
        assert page.marks[7].validity is Validity.MISSING
        rest = await api.history("BTC-USD", from_ms=BEGIN_MS, to_ms=END_MS, cursor=page.next)
        assert len(page.marks) + len(rest.marks) == 30
        candles = await api.candles("BTC-USD", "1s", from_ms=BEGIN_MS, to_ms=END_MS)
        assert len(candles) == 6
        with pytest.raises(Rejected, match="no market"):
            await api.candles("NO-USD")


def test_the_client_without_an_event_loop_asks_the_same() -> None:
    """Names of parameters are the server's; what is not given is not sent."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"marks": [], "next": None, "candles": []})

    with PlumblineClient("http://api", transport=httpx.MockTransport(answer)) as api:
        assert api.history("BTC-USD", to_ms=5, cursor="7").next is None
        assert api.candles("BTC-USD", from_ms=1) == ()
    assert asked == [
        "http://api/v1/history?market=BTC-USD&to=5&cursor=7",
        "http://api/v1/candles?market=BTC-USD&interval=1m&from=1",
    ]

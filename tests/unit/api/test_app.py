"""The API's answers, without a network: paths, errors, health and its description."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from oracle.api.app import create_app
from oracle.api.progress import Progress
from oracle.api.view import LatestView
from oracle.bus.memory import MemoryBus
from tests.unit.api.samples import MARKETS, NOW_MS, Clock, mark, paused, receipt, signed_report


class Api:
    """The application over a view that tests tell what to hold."""

    def __init__(self) -> None:
        self.clock, self.monotonic = Clock(), Clock()
        self.view = LatestView(
            MemoryBus(), MARKETS, clock_ns=self.clock, progress=Progress(self.monotonic)
        )
        self.registry = CollectorRegistry()
        app = create_app(self.view, registry=self.registry)
        transport = httpx.ASGITransport(app)
        self.http = httpx.AsyncClient(base_url="http://api", transport=transport)

    async def get(self, path: str, status: int = 200) -> Any:
        """Return the JSON of a path, which must have this status."""
        response = await self.http.get(path)
        assert response.status_code == status, response.text
        kind = "application/json" if status < 400 or path in ("/ready", "/live") else "problem+json"
        assert kind in response.headers["content-type"]
        return response.json()


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """Return an application that holds nothing."""
    api = Api()
    async with api.http:
        yield api


async def test_a_mark_is_served_with_its_sources(api: Api) -> None:
    """Everything about a mark is in one answer, enums by their names."""
    api.view.apply(mark())
    answer = await api.get("/v1/marks/BTC-USD")
    assert answer["mark"] == "65123.40"
    assert (answer["validity"], answer["state"]) == ("VALID", "NORMAL")
    assert answer["sources"][1] == {
        "source": "coinbase:BTC/USD",
        "price": None,
        "used": False,
        "reason": "crossed",
    }


async def test_a_mark_that_nobody_renewed_is_stale(api: Api) -> None:
    """Age is taken when the request comes, not when the mark did."""
    api.view.apply(mark())
    api.clock.now_ms += 5_001
    answer = await api.get("/v1/marks/BTC-USD")
    assert (answer["validity"], answer["mark"], answer["age_ms"]) == ("STALE", None, 5_001)


async def test_an_unknown_market_is_answered_with_the_known(api: Api) -> None:
    """A typo is mended from the answer alone."""
    for path in ("/v1/marks/BTC-USDT", "/v1/marks/BTC/USD", "/v1/stream?market=BTC-USDT"):
        problem = await api.get(path, 404)
        assert problem["type"] == "urn:plumbline:unknown-market"
        assert "BTC-USD, ETH-USD, SOL-USD" in problem["detail"]


async def test_a_market_without_a_mark_is_not_yet_there(api: Api) -> None:
    """A configured market before its first mark is a matter of time: 503, not 404."""
    problem = await api.get("/v1/marks/ETH-USD", 503)
    assert problem["type"] == "urn:plumbline:no-mark-yet"


async def test_all_marks_name_what_is_missing(api: Api) -> None:
    """A market is never left out in silence."""
    api.view.apply(mark("ETH-USD"))
    answer = await api.get("/v1/marks")
    assert [entry["market"] for entry in answer["marks"]] == ["ETH-USD"]
    assert answer["missing"] == ["BTC-USD", "SOL-USD"]


async def test_markets_come_by_number_with_their_group(api: Api) -> None:
    """Numbers and groups are those of the chains."""
    api.view.apply(mark())
    markets = (await api.get("/v1/markets"))["markets"]
    assert [(m["market"], m["number"], m["group"], m["validity"]) for m in markets] == [
        ("BTC-USD", 0, 0, "VALID"),
        ("ETH-USD", 1, 0, None),
        ("SOL-USD", 4, 1, None),
    ]


async def test_the_latest_report_comes_as_bytes_and_parsed(api: Api) -> None:
    """Who signed, over what view, and each market's entry beside the bytes."""
    await api.get("/v1/reports/latest", 404)
    signed = signed_report()
    api.view.apply(signed)
    answer = await api.get("/v1/reports/latest")
    assert bytes.fromhex(answer["body"][2:]) == signed.body
    assert (answer["epoch"], answer["slot"], answer["shared_view"]) == (3, 7, True)
    assert answer["signers"] == [0, 1, 2, 3, 4]
    entries = [entry for group in answer["groups"] for entry in group["entries"]]
    assert [(e["market"], e["validity"], e["price"]) for e in entries] == [
        ("BTC-USD", "VALID", "65123.400"),
        ("ETH-USD", "HALTED", None),
        ("SOL-USD", "VALID", "65123.400"),
    ]
    api.clock.now_ms += 5_001
    assert (await api.get("/v1/reports/latest"))["stale"] is True


async def test_the_first_report_after_a_time_or_why_not(api: Api) -> None:
    """Not yet and no longer are two answers, and both name what is held."""
    path = "/v1/reports/after/"
    assert (await api.get(f"{path}{NOW_MS}", 404))["type"] == "urn:plumbline:no-report-yet"
    api.view.apply(signed_report(NOW_MS, NOW_MS - 250))
    assert (await api.get(f"{path}{NOW_MS - 249}"))["time_ms"] == NOW_MS
    later = await api.get(f"{path}{NOW_MS + 1}", 404)
    assert later["type"] == "urn:plumbline:no-report-yet"
    assert str(NOW_MS) in later["detail"]
    gone = await api.get(f"{path}{NOW_MS - 250}", 404)
    assert gone["type"] == "urn:plumbline:not-held"
    assert f"{NOW_MS} to {NOW_MS}" in gone["detail"]
    for bad in ("-1", "soon", "1e9", str(2**60)):
        assert (await api.get(path + bad, 422))["type"] == "urn:plumbline:bad-request"


async def test_receipts_come_newest_first_and_bounded(api: Api) -> None:
    """Each chain has its own list, as long as asked for."""
    for slot in range(60):
        api.view.apply(receipt("beta", slot))
    chains = (await api.get("/v1/receipts?limit=2"))["chains"]
    assert [entry["slot"] for entry in chains["beta"]] == [59, 58]
    assert len((await api.get("/v1/receipts?limit=50"))["chains"]["beta"]) == 50
    await api.get("/v1/receipts?limit=51", 422)


async def test_controls_show_who_why_and_until_when_while_in_force(api: Api) -> None:
    """A pause that has ended is no longer listed."""
    api.view.apply(paused(until_ms=NOW_MS + 1_000))
    (control,) = (await api.get("/v1/controls"))["controls"]
    assert (control["who"], control["reason"]) == ("ana", "wicks")
    assert control["until_ms"] == NOW_MS + 1_000
    api.clock.now_ms += 1_000
    assert (await api.get("/v1/controls"))["controls"] == []


async def test_ready_needs_a_fresh_mark_of_every_market(api: Api) -> None:
    """Each reason names its market; the bus must have been read."""
    reasons = (await api.get("/ready", 503))["reasons"]
    assert "bus (api.state): not read yet" in reasons
    assert "SOL-USD: no mark yet" in reasons


async def test_live_names_the_loop_that_stands_still(api: Api) -> None:
    """A process whose loop hangs is not alive, though it answers."""
    api.view.progress.turned("engine")
    assert (await api.get("/live"))["ok"] is True
    api.monotonic.now_ms += 11_000
    assert (await api.get("/live", 503))["reasons"] == ["engine has not turned for 11.0 s"]


async def test_metrics_are_those_of_the_registry(api: Api) -> None:
    """Prometheus reads what this process counts."""
    Counter("plumbline_test", "A test's.", registry=api.registry).inc(3)
    response = await api.http.get("/metrics")
    assert "plumbline_test_total 3.0" in response.text
    assert response.headers["content-type"].startswith("text/plain")


async def test_everything_is_described_for_programs(api: Api) -> None:
    """Each path has a summary, and an answer with a schema."""
    paths = (await api.get("/openapi.json"))["paths"]
    assert len(paths) == 16
    assert "/v1/marks/{market}" in paths
    for path, methods in paths.items():
        assert methods["get"]["summary"], path
        assert methods["get"]["description"], path
    properties = (await api.get("/openapi.json"))["components"]["schemas"]["Mark"]["properties"]
    assert "STALE" in properties["validity"]["enum"]
    assert properties["index"]["anyOf"][0]["type"] == "string"


async def test_nothing_can_be_ordered_over_http(api: Api) -> None:
    """There are no tokens yet, so no path takes anything but a read."""
    for path in ("/v1/controls", "/v1/marks", "/v1/stream"):
        assert (await api.http.post(path, json={})).status_code == 405


async def test_an_unknown_path_is_a_problem_document_too(api: Api) -> None:
    """Errors have one form."""
    assert (await api.get("/v1/nothing", 404))["title"] == "Not Found"

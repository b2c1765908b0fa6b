"""Each venue's frames through ccxt's own parser and ours: documented ones, garbage, fuzz."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.cex.extract import parse_quote
from feeds.cex.venues import VENUES, venue_named
from feeds.quote import Quote, Refused, funding_e12_half_even
from oracle.model.errors import ConfigError
from oracle.model.fixed import Px
from oracle.model.ticks import Tick, pack
from tests.unit.feeds.offline_ccxt import OfflineFeed, offline

FRAMES = Path(__file__).parents[2] / "vectors" / "frames"
FILES = sorted(path.stem for path in FRAMES.glob("*.json"))
PERP_VENUES = [
    "binancecoinm",
    "binanceusdm",
    "bybit",
    "cryptocom",
    "hyperliquid",
    "krakenfutures",
    "okx",
]


def vectors(name: str) -> dict[str, Any]:
    """Load one file of frames."""
    loaded: dict[str, Any] = json.loads((FRAMES / f"{name}.json").read_text())
    return {"venue": name, **loaded}


def comparable(quote: Quote) -> dict[str, Any]:
    """Name what a quote states; numbers by value: JSON keeps no trailing zeros."""
    prices = ("bid", "ask", "last", "bid_size", "ask_size", "last_size")
    stated = {name: px for name in prices if (px := getattr(quote, name)) is not None}
    named: dict[str, Any] = {name: Decimal(str(px)) for name, px in stated.items()}
    if quote.funding_e12 is not None:
        named["funding"] = quote.funding_e12
    if quote.event_ns is not None:
        named["event_ns"] = quote.event_ns
    return {"source": quote.source, **named}


def expected(venue: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Put what a vector asks for in the same form."""

    def value(name: str, given: Any) -> Any:
        if name == "funding":
            return funding_e12_half_even("vector", given)
        return given if name == "event_ns" else Decimal(given)

    named = {name: value(name, given) for name, given in wanted.items() if name != "symbol"}
    return {"source": f"{venue}:{wanted['symbol']}", **named}


def tick_of(quote: Quote) -> Tick:
    """Number a quote."""
    fields = {name: getattr(quote, name) for name in Tick.__struct_fields__ if name != "sequence"}
    return Tick(sequence=1, **{**fields, "event_ns": quote.event_ns or quote.received_ns})


def test_every_venue_has_frames() -> None:
    """A venue without a vector has a parser that nothing holds."""
    assert {vectors(name)["venue"] for name in FILES} == set(VENUES)


@pytest.mark.parametrize("trades", [False, True])
@pytest.mark.parametrize("name", FILES)
async def test_documented_frames_give_exactly_what_they_state(name: str, trades: bool) -> None:
    """Every digit of the frame's text arrives, sizes in base currency, the time the venue's."""
    known = vectors(name)
    venue = known["venue"]
    frames = known["frames"] + (known["trades"] if trades else [])
    async with offline(venue, known["markets"], known["url"], trades=trades) as feed:
        for text, wanted in frames:
            quotes = [comparable(quote) for quote in feed.push(text)]
            asked = [expected(venue, one) for one in wanted]
            for one in asked if trades else ():
                if "bid" in one or "ask" in one:
                    one.pop("last", None)
            assert quotes == asked, text
        assert "missing_time" not in {reason for _, reason in feed.refused()}


@pytest.mark.parametrize("name", FILES)
async def test_trades_are_left_out_unless_asked_for(name: str) -> None:
    """Where quotes state the last price, a feed does not carry every trade by default."""
    known = vectors(name)
    async with offline(known["venue"], known["markets"], known["url"]) as feed:
        assert [quote for text, _ in known["trades"] for quote in feed.push(text)] == []


@pytest.mark.parametrize("name", FILES)
async def test_only_a_quote_shows_that_the_connection_makes_progress(name: str) -> None:
    """A funding rate or a trade must not hide that the book has fallen silent."""
    known = vectors(name)
    async with offline(known["venue"], known["markets"], known["url"]) as feed:
        for text, _ in known["frames"]:
            for quote in feed.push(text):
                assert feed.progressed == (quote.bid is not None or quote.ask is not None)


@pytest.mark.parametrize("name", FILES)
async def test_garbage_gives_no_tick_and_the_parser_survives(name: str) -> None:
    """After any garbage the next good frame parses; what was refused has a name."""
    known = vectors(name)
    async with offline(known["venue"], known["markets"], known["url"]) as feed:
        for text in known["garbage"]:
            assert feed.push(text) == [], text
            good, wanted = known["frames"][0]
            assert len(feed.push(good)) == len(wanted) == 1, text
        assert (feed.name, "unparsable_frame") in feed.refused()


async def test_a_missing_field_is_counted_by_name_and_the_rest_kept() -> None:
    """An empty bid is neither zero nor the last price."""
    known = vectors("coinbase")
    async with offline("coinbase", known["markets"]) as feed:
        feed.push(known["frames"][1][0])
        assert feed.refused() == {
            ("coinbase:BTC/USD", "missing_bid"): 1,
            ("coinbase:BTC/USD", "missing_ask_size"): 1,
        }


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("bid1Size", '"-3"', "malformed_bid_size"),
        ("bid1Size", '"three"', "malformed_bid_size"),
        ("bid1Size", '{"a":1}', "malformed_bid_size"),
        ("bid1Size", '"1e-59"', "size_scale"),
        ("ask1Size", '""', "missing_ask_size"),
        ("fundingRate", '"0.0001%"', "malformed_funding"),
        ("fundingRate", '"1e30"', "malformed_funding"),
        ("fundingRate", "true", "malformed_funding"),
        ("fundingRate", '""', "missing_funding"),
    ],
)
async def test_a_malformed_size_or_rate_never_kills_the_quote(
    field: str, text: str, reason: str
) -> None:
    """The field is refused under its own name; bid, ask and last arrive."""
    known = vectors("bybit")
    frame = json.loads(known["frames"][0][0])
    frame["data"][field] = json.loads(text)
    async with offline("bybit", known["markets"], known["url"]) as feed:
        [quote] = feed.push(json.dumps(frame))
        assert None not in (quote.bid, quote.ask, quote.last)
        assert feed.refused() == {("bybit:BTC/USDT:USDT", reason): 1}


async def test_a_trade_that_the_venue_repeats_is_told_once() -> None:
    """Venues send the last trades again with each subscription: their volume is not new."""
    known = vectors("hyperliquid")
    frame = next(text for text, wanted in known["frames"] if '"trades"' in text)
    async with offline("hyperliquid", known["markets"], known["url"]) as feed:
        assert len(feed.push(frame)) == 2
        assert feed.push(frame) == []
        older = json.loads(frame)
        older["data"][0]["time"] -= 1
        assert feed.push(json.dumps(older)) == []
        newer = json.loads(frame)
        newer["data"][1]["tid"] += 1
        assert len(feed.push(json.dumps(newer))) == 1
        assert feed.refused() == {("hyperliquid:BTC/USDC:USDC", "repeated_trade"): 5}


async def test_a_trade_of_the_far_future_shuts_out_none_that_follow() -> None:
    """It goes to the engine, which refuses it; the next ones count as ever."""
    known = vectors("hyperliquid")
    frame = next(text for text, wanted in known["frames"] if '"trades"' in text)
    ahead = json.loads(frame)
    ahead["data"] = [{**ahead["data"][0], "time": 9_000_000_000_000}]
    async with offline("hyperliquid", known["markets"], known["url"]) as feed:
        assert len(feed.push(json.dumps(ahead))) == 1
        assert len(feed.push(frame)) == 2


@pytest.mark.parametrize(
    ("contract_size", "wire", "base"),
    [("0.01", "120.5", Px(1205, -3)), ("1000000", "3", Px(3, 6)), ("1e-05", "7", Px(7, -5))],
)
async def test_sizes_in_contracts_become_base_currency_exactly(
    contract_size: str, wire: str, base: Px
) -> None:
    """120.5 contracts of 0.01 BTC are 1.205 BTC, to the digit."""
    frame = json.loads(vectors("okx")["frames"][1][0])
    frame["data"][0]["bidSz"] = wire
    market = ["BTC-USDT-SWAP", "BTC", "USDT", "USDT", contract_size]
    async with offline("okx", [market]) as feed:
        [quote] = feed.push(json.dumps(frame))
        assert quote.bid_size == base


async def test_two_symbols_in_one_burst_are_both_taken() -> None:
    """ccxt's futures give one ticker a wake-up; the cache gives every one."""
    markets = [["BTCUSDT", "BTC", "USDT"], ["ETHUSDT", "ETH", "USDT"]]
    async with offline("binance", markets, "ws://venue/ws/0") as feed:
        taken = [
            quote.source
            for market in ("BTCUSDT", "ETHUSDT", "BTCUSDT")
            for quote in feed.push(f'{{"u":1,"s":"{market}","b":"1.5","B":"1","a":"2","A":"1"}}')
        ]
    assert taken == ["binance:BTC/USDT", "binance:ETH/USDT", "binance:BTC/USDT"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn, message: Any) -> Any:
    """Replace, drop or keep parts of a real message."""
    if isinstance(message, dict):
        kept = {key: draw(mutated(value)) for key, value in message.items()}
        if kept and draw(st.integers(0, 7)) == 0:
            del kept[draw(st.sampled_from(sorted(kept)))]
        return kept
    if isinstance(message, list):
        return [draw(mutated(one)) for one in message] * draw(st.integers(0, 2))
    return draw(_JSON) if draw(st.integers(0, 5)) == 0 else message


@pytest.fixture(params=FILES)
def parser(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, Any], OfflineFeed]]:
    """Make one parser for all examples of a file: ccxt takes long to build one."""
    known = vectors(request.param)
    loop = asyncio.new_event_loop()
    context = offline(known["venue"], known["markets"], known["url"], trades=True)
    yield known, loop.run_until_complete(context.__aenter__())
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_frame_makes_the_parser_raise(
    parser: tuple[dict[str, Any], OfflineFeed], data: st.DataObject
) -> None:
    """Mutated frames, arbitrary JSON and arbitrary text give quotes or counted refusals."""
    known, feed = parser
    frames = [text for text, wanted in known["frames"] + known["trades"] if wanted]
    texts = [
        data.draw(st.text(max_size=30)),
        json.dumps(data.draw(_JSON)),
        *(json.dumps(data.draw(mutated(json.loads(text)))) for text in frames),
    ]
    for text in texts:
        for quote in feed.push(text):
            assert quote.source in feed.sources
            pack([tick_of(quote)])


@pytest.mark.parametrize("venue", sorted(VENUES))
@given(
    message=st.dictionaries(st.sampled_from(["info", "bid", "ask", "timestamp", "bids"]), _JSON),
    call=st.integers(0, 10),
)
def test_any_message_is_a_quote_or_refused(venue: str, message: dict[str, Any], call: int) -> None:
    """Whatever ccxt hands over, extraction raises nothing but Refused."""
    known = VENUES[venue]
    calls = (*known.watch, known.trades, *known.fetch)
    reasons: list[str] = []
    try:
        fields = calls[call % len(calls)].fields
        parse_quote("s", message, fields, Px(1, 0), 1, lambda _, reason: reasons.append(reason))
    except Refused as refused:
        reasons.append(refused.reason)
    assert all(reasons)


@pytest.mark.parametrize("venue", PERP_VENUES)
@pytest.mark.parametrize("mode", ["ws", "rest"])
def test_a_perpetual_has_quote_and_funding_and_over_websocket_a_last_price(
    venue: str, mode: str
) -> None:
    """Marks need all three, whether or not every trade was asked for."""
    calls = VENUES[venue].calls(mode, {"type": "swap"}, trades=False)
    assert any(call.quotes for call in calls)
    assert any(call.fields.funding for call in calls)
    assert mode == "rest" or any(call.fields.last for call in calls)


@pytest.mark.parametrize("venue", PERP_VENUES)
def test_a_dated_future_is_asked_for_no_funding(venue: str) -> None:
    """Only perpetuals have a rate: a future would count a missing one with every frame."""
    calls = VENUES[venue].calls("ws", {"type": "future"}, trades=False)
    assert all(call.fields.funding is None for call in calls)


def test_an_unknown_venue_says_which_there_are() -> None:
    """A typing mistake in the configuration names the choices."""
    with pytest.raises(ConfigError, match="binance, binancecoinm, binanceusdm"):
        venue_named("binanse")

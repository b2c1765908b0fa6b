"""Each venue's frames through ccxt's own parser and ours: documented ones, garbage, fuzz."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.base import Quote, Refused
from feeds.cex.extract import quote_from_ticker
from feeds.cex.venues import VENUES, venue_named
from oracle.model.errors import ConfigError
from oracle.model.fixed import px_exact
from tests.unit.feeds.offline_ccxt import RECEIVED_NS, offline

FRAMES = Path(__file__).parents[2] / "vectors" / "frames"


def vectors(venue: str) -> dict[str, Any]:
    """Load one venue's frames."""
    loaded: dict[str, Any] = json.loads((FRAMES / f"{venue}.json").read_text())
    return loaded


def expected(venue: str, wanted: list[Any]) -> Quote:
    """Make the quote that a vector asks for."""
    symbol, bid, ask, last, event_ms = wanted
    prices = [None if text is None else px_exact(text) for text in (bid, ask, last)]
    event_ns = None if event_ms is None else event_ms * 1_000_000
    return Quote(f"{venue}:{symbol}", RECEIVED_NS, event_ns, *prices)


def comparable(quote: Quote) -> tuple[Any, ...]:
    """Compare prices by value: a venue's JSON number has no trailing zeros to keep."""
    prices = (quote.bid, quote.ask, quote.last)
    return (quote.source, quote.event_ns, *(None if px is None else str(px) for px in prices))


@pytest.mark.parametrize("venue", sorted(VENUES))
async def test_documented_frames_give_exactly_the_prices_they_state(venue: str) -> None:
    """Every digit of the frame's text arrives, with the venue's time where it states one."""
    known = vectors(venue)
    async with offline(venue, [known["market"]], known["url"]) as feed:
        for text, wanted in known["frames"]:
            quotes = feed.push(text)
            wanted_quotes = [] if wanted is None else [expected(venue, wanted)]
            assert [comparable(q) for q in quotes] == [comparable(q) for q in wanted_quotes]
        assert "missing_time" not in {reason for _, reason in feed.refused()}


@pytest.mark.parametrize("venue", sorted(VENUES))
async def test_garbage_gives_no_tick_and_the_parser_survives(venue: str) -> None:
    """After any garbage the next good frame parses; what was refused has a name."""
    known = vectors(venue)
    async with offline(venue, [known["market"]], known["url"]) as feed:
        for text in known["garbage"]:
            assert feed.push(text) == [], text
            good = next(frame for frame, wanted in known["frames"] if wanted)
            assert len(feed.push(good)) == 1, text
        assert (feed.name, "unparsable_frame") in feed.refused()


async def test_a_missing_field_is_counted_by_name_and_the_rest_kept() -> None:
    """An empty bid is neither zero nor the last price."""
    known = vectors("coinbase")
    async with offline("coinbase", [known["market"]]) as feed:
        feed.push(known["frames"][1][0])
        assert feed.refused() == {("coinbase:BTC/USD", "missing_bid"): 1}


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


@pytest.mark.parametrize("venue", sorted(VENUES))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_frame_makes_the_parser_raise(venue: str, data: st.DataObject) -> None:
    """Mutated frames, arbitrary JSON and arbitrary text give quotes or counted refusals."""
    known = vectors(venue)
    texts = [
        data.draw(st.text(max_size=30)),
        json.dumps(data.draw(_JSON)),
        *(
            json.dumps(data.draw(mutated(json.loads(text))))
            for text, wanted in known["frames"]
            if wanted
        ),
    ]

    async def feed_them() -> None:
        async with offline(venue, [known["market"]], known["url"]) as feed:
            for text in texts:
                for quote in feed.push(text):
                    assert quote.source in feed.sources

    asyncio.run(feed_them())


@pytest.mark.parametrize("call", ["watch", "fetch"])
@pytest.mark.parametrize("venue", sorted(VENUES))
@given(ticker=st.dictionaries(st.sampled_from(["info", "bid", "ask", "timestamp"]), _JSON))
def test_any_ticker_is_a_quote_or_refused(venue: str, call: str, ticker: dict[str, Any]) -> None:
    """Whatever ccxt hands over, extraction raises nothing but Refused."""
    fields = getattr(VENUES[venue], call).fields
    reasons: list[str] = []
    try:
        quote_from_ticker("s", ticker, fields, 1, lambda _, reason: reasons.append(reason))
    except Refused as refused:
        reasons.append(refused.reason)
    assert all(reasons)


def test_an_unknown_venue_says_which_there_are() -> None:
    """A typing mistake in the configuration names the choices."""
    with pytest.raises(ConfigError, match="binance, binanceusdm, coinbase"):
        venue_named("binanse")

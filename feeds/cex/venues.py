"""The venues that are read; to add one, copy the smallest entry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from feeds.cex.venue import (
    CONTRACTS,
    FUNDING_POLL_S,
    PERPS,
    SPOT,
    Call,
    Fields,
    Path,
    Venue,
)
from oracle.model.errors import ConfigError


def _info(time: Path | None = ("timestamp",), **names: str) -> Fields:
    """Name fields of what the venue itself sent."""
    return Fields(time=time, **{name: ("info", key) for name, key in names.items()})


_UNIFIED_QUOTE: Final = Fields(("bid",), ("ask",), None, ("bidVolume",), ("askVolume",))
_BOOK: Final = Fields(
    ("bids", 0, 0), ("asks", 0, 0), None, ("bids", 0, 1), ("asks", 0, 1), time=("timestamp",)
)

_OKX: Final = _info(bid="bidPx", ask="askPx", last="last", bid_size="bidSz", ask_size="askSz")
_OKX_FUNDING: Final = _info(("info", "ts"), funding="fundingRate")
_CRYPTOCOM: Final = _info(bid="b", ask="k", last="a", bid_size="bs", ask_size="ks")
_CRYPTOCOM_FUNDING: Final = Call(
    "fetch_funding_rate",
    # Its `t` is the beginning of what it estimates, not the time of the estimate.
    _info(None, funding="v"),
    kinds=PERPS,
    each=True,
    every_s=FUNDING_POLL_S,
)
_BINANCE_QUOTE: Final = Call(
    "watch_bids_asks", _info(bid="b", ask="a", bid_size="B", ask_size="A"), fills="bidsasks"
)
# `aggTrade` is one taker's trades at one price; futures document no other stream of trades.
_BINANCE_TRADES: Final = Call(
    "watch_trades_for_symbols",
    _info(last="p", last_size="q"),
    fills="trades",
    params={"name": "aggTrade"},
)
_BINANCE_SPOT_POLL: Final = _info(
    bid="bidPrice", ask="askPrice", last="lastPrice", bid_size="bidQty", ask_size="askQty"
)
_BINANCE_FUTURES: Final[dict[str, Any]] = {
    "watch": (
        _BINANCE_QUOTE,
        # `markPrice@1s`; `r` is the rate as it would be settled now.
        Call("watch_mark_prices", _info(funding="r"), kinds=PERPS),
    ),
    "trades": _BINANCE_TRADES,
    "fetch": (
        Call(
            "fetch_bids_asks",
            _info(bid="bidPrice", ask="askPrice", bid_size="bidQty", ask_size="askQty"),
        ),
        Call("fetch_last_prices", _info(last="price")),
        Call(
            "fetch_funding_rates",
            _info(funding="lastFundingRate"),
            kinds=PERPS,
            every_s=FUNDING_POLL_S,
        ),
    ),
}
_BYBIT: Final = _info(
    bid="bid1Price",
    ask="ask1Price",
    last="lastPrice",
    bid_size="bid1Size",
    ask_size="ask1Size",
    funding="fundingRate",
)

_VENUES: Final = (
    Venue(
        "okx",
        # The `tickers` channel: bid, ask and last at once, with the venue's time; at most every
        # 100 ms. `bbo-tbt` is faster and has neither last nor text prices in ccxt.
        watch=(
            Call("watch_tickers", _OKX),
            Call("watch_funding_rates", _OKX_FUNDING, fills="fundingRates", kinds=PERPS),
        ),
        trades=Call("watch_trades_for_symbols", _info(last="px", last_size="sz"), fills="trades"),
        fetch=(
            Call("fetch_tickers", _OKX),
            Call("fetch_funding_rates", _OKX_FUNDING, kinds=PERPS, every_s=FUNDING_POLL_S),
        ),
        rest_urls=lambda base: {"rest": base},
        ws_urls=lambda base: f"{base}/ws/v5",
        options={"fetchMarkets": {"types": ["spot", "swap"]}},
    ),
    Venue(
        "cryptocom",
        watch=(Call("watch_tickers", _CRYPTOCOM), _CRYPTOCOM_FUNDING),
        trades=Call("watch_trades_for_symbols", _info(last="p", last_size="q"), fills="trades"),
        fetch=(
            # get-tickers takes one instrument or none; one call for all costs one request.
            Call("fetch_tickers", _CRYPTOCOM, all_symbols=True),
            _CRYPTOCOM_FUNDING,
        ),
        rest_urls=lambda base: {"v1": f"{base}/exchange/v1"},
        ws_urls=lambda base: {"public": f"{base}/exchange/v1/market"},
    ),
    Venue(
        "kraken",
        # v2 sends JSON numbers; ccxt drops the time that its tickers state.
        watch=(
            Call(
                "watch_bids_asks",
                _info(
                    ("info", "timestamp"),
                    bid="bid",
                    ask="ask",
                    last="last",
                    bid_size="bid_qty",
                    ask_size="ask_qty",
                ),
            ),
        ),
        trades=Call(
            "watch_trades_for_symbols",
            _info(("info", "timestamp"), last="price", last_size="qty"),
            fills="trades",
        ),
        fetch=(
            Call(
                "fetch_tickers",
                Fields(
                    ("info", "b", 0),
                    ("info", "a", 0),
                    ("info", "c", 0),
                    ("info", "b", 2),
                    ("info", "a", 2),
                    time=None,
                ),
            ),
        ),
        rest_urls=lambda base: {"public": base},
        ws_urls=lambda base: {"publicV2": f"{base}/v2"},
    ),
    Venue(
        "krakenfutures",
        # `ticker`, once a second; the plain `funding_rate` is an amount, the relative one a rate.
        watch=(
            Call(
                "watch_tickers",
                _info(
                    ("info", "time"),
                    bid="bid",
                    ask="ask",
                    last="last",
                    bid_size="bid_size",
                    ask_size="ask_size",
                    funding="relative_funding_rate",
                ),
                kinds=CONTRACTS,
            ),
        ),
        trades=Call(
            "watch_trades_for_symbols",
            _info(("info", "time"), last="price", last_size="qty"),
            fills="trades",
        ),
        fetch=(
            Call(
                "fetch_tickers",
                # `lastTime` is that of the last trade, and says nothing of bid and ask.
                _info(
                    None, bid="bid", ask="ask", last="last", bid_size="bidSize", ask_size="askSize"
                ),
                kinds=CONTRACTS,
            ),
            # Over REST there is only the amount, which ccxt divides by the mark price.
            Call(
                "fetch_funding_rates",
                Fields(funding=("fundingRate",), time=None),
                kinds=PERPS,
                every_s=FUNDING_POLL_S,
            ),
        ),
        rest_urls=lambda base: {"public": f"{base}/derivatives/api/"},
        ws_urls=lambda base: f"{base}/ws/v1",
    ),
    Venue(
        "coinbase",
        # `ticker` per symbol: ccxt's multi-symbol call takes `ticker_batch`, one in 5 s.
        watch=(
            Call(
                "watch_ticker",
                _info(
                    bid="best_bid",
                    ask="best_ask",
                    last="price",
                    bid_size="best_bid_quantity",
                    ask_size="best_ask_quantity",
                ),
                each=True,
            ),
        ),
        trades=Call(
            "watch_trades",
            _info(("info", "time"), last="price", last_size="size"),
            fills="trades",
            each=True,
        ),
        # ccxt keeps only the newest trade under `info`; bid and ask are its floats.
        fetch=(Call("fetch_ticker", Fields(("bid",), ("ask",), ("info", "price")), each=True),),
        rest_urls=lambda base: {"rest": base},
        ws_urls=lambda base: base,
    ),
    Venue(
        "binance",
        # Spot bookTicker states no time; it is sent when best bid or ask changes.
        watch=(
            Call(
                "watch_bids_asks",
                _info(None, bid="b", ask="a", bid_size="B", ask_size="A"),
                fills="bidsasks",
            ),
        ),
        trades=_BINANCE_TRADES,
        fetch=(Call("fetch_tickers", _BINANCE_SPOT_POLL),),
        rest_urls=lambda base: {"public": f"{base}/api/v3"},
        ws_urls=lambda base: {"spot": f"{base}/ws"},
        options={"fetchMarkets": {"types": ["spot"]}},
    ),
    Venue(
        "binanceusdm",
        **_BINANCE_FUTURES,
        rest_urls=lambda base: {
            "fapiPublic": f"{base}/fapi/v1",
            "fapiPublicV2": f"{base}/fapi/v2",
        },
        ws_urls=lambda base: {"linear": f"{base}/ws"},
    ),
    Venue(
        "binancecoinm",
        **_BINANCE_FUTURES,
        rest_urls=lambda base: {"dapiPublic": f"{base}/dapi/v1"},
        ws_urls=lambda base: {"inverse": f"{base}/ws"},
    ),
    Venue(
        "bybit",
        watch=(
            # `tickers` of contracts: quote, last and funding rate at once, every 100 ms.
            Call("watch_tickers", _BYBIT, kinds=CONTRACTS),
            # `tickers` of spot has no quote; `orderbook.1` has, every 10 ms.
            Call("watch_bids_asks", _UNIFIED_QUOTE, fills="bidsasks", kinds=SPOT),
        ),
        trades=Call("watch_trades_for_symbols", _info(last="p", last_size="v"), fills="trades"),
        fetch=(
            # The same answer as `fetch_tickers`, of which ccxt drops the time.
            Call("fetch_funding_rates", _BYBIT, kinds=PERPS),
            Call("fetch_tickers", replace(_BYBIT, time=None), kinds=SPOT | CONTRACTS - PERPS),
        ),
        rest_urls=lambda base: {"public": base},
        ws_urls=lambda base: {
            "public": {kind: f"{base}/v5/public/{kind}" for kind in ("spot", "linear", "inverse")}
        },
        options={"fetchMarkets": {"types": ["spot", "linear", "inverse"]}},
    ),
    Venue(
        "hyperliquid",
        watch=(
            # `bbo` is sent with every block, but ccxt does not know it; `l2Book` twice a second.
            Call("watch_order_book", _BOOK, fills="orderbooks", kinds=PERPS, each=True),
            # `activeAssetCtx` states no time.
            Call("watch_ticker", _info(None, funding="funding"), kinds=PERPS, each=True),
        ),
        trades=Call("watch_trades", _info(last="px", last_size="sz"), fills="trades", each=True),
        fetch=(
            Call("fetch_order_book", _BOOK, kinds=PERPS, each=True),
            Call(
                "fetch_funding_rates",
                _info(None, funding="funding"),
                kinds=PERPS,
                every_s=FUNDING_POLL_S,
            ),
        ),
        rest_urls=lambda base: {"public": base},
        ws_urls=lambda base: {"public": f"{base}/ws"},
        options={"fetchMarkets": {"types": ["swap"]}},
    ),
)

VENUES: Final[dict[str, Venue]] = {venue.id: venue for venue in _VENUES}


def venue_named(venue_id: str) -> Venue:
    """Look a venue up.

    Raises:
        ConfigError: no such venue is registered.
    """
    try:
        return VENUES[venue_id]
    except KeyError:
        raise ConfigError(
            f"venue {venue_id!r} is not known; use one of {', '.join(sorted(VENUES))}, "
            "or register it in feeds/cex/venues.py"
        ) from None

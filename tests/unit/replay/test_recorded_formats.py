"""Every format on files that were really recorded: counts, known figures, both clocks."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zstandard

from feeds.evm.pool_price import PoolTokens, px_half_even_18, spot_price
from feeds.ticks.formats.options import Options
from feeds.ticks.importing import Imported, import_ticks
from tests.recorded import recorded

pytestmark = pytest.mark.data

Row = dict[str, str]
SECOND_NS = 10**9
MINUTE = {"interval_ns": 60 * SECOND_NS}
DAYS = ("2020-3-12", "2021-5-19")


def imported(
    folder: Path, format_name: str, *names: str, **options: Any
) -> tuple[list[Row], Imported]:
    """Import recorded files, and read the tick file."""
    out = folder / "out.csv"
    done = import_ticks(format_name, [recorded(name) for name in names], out, Options(**options))
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == done.ticks
    return rows, done


def recorded_table(name: str) -> list[Row]:
    """Read a recorded CSV with Python's own means."""
    with zstandard.open(recorded(name), "rb") as raw:
        return list(csv.DictReader(io.TextIOWrapper(raw)))


def lowest(rows: list[Row], source: str) -> tuple[Decimal, int]:
    """Return the lowest trade of a source, and when it was."""
    return min(
        (Decimal(row["last"]), int(row["event_ns"])) for row in rows if row["source"] == source
    )


def delays_ns(rows: list[Row]) -> list[int]:
    """Return how much later than its event each tick was received."""
    return [int(row["received_ns"]) - int(row["event_ns"]) for row in rows]


CTXS = "mark_index_funding/hyperliquid_all_dexs_asset_ctxs.json.zst"
COINM_MARK = "mark_index_funding/binance_coinm_BTCUSD_PERP_markPriceKlines_1m_2025-10-10.csv.zst"
SWAPS = "onchain/ethereum-0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640-2024-01-05.tick.csv.zst"
COUNTS: list[tuple[str, str, dict[str, Any], dict[str, int], int]] = [
    (
        "tardis-options-chain",
        "multi_venue/oct10_2025/okx_BTC-USD_forward_from_option_chain.csv.zst",
        {},
        {"okxforward:BTC/USD:BTC-251031": 50_444},
        0,
    ),
    ("klines", COINM_MARK, {"source": "a:B/C"}, {"a:B/C": 1_440}, 0),
    (
        "candles",
        "mark_index_funding/btc-binance-mark-candles-1m-final-20260618-20260731.csv.zst",
        {"source": "a:B/C", **MINUTE},
        {"a:B/C": 63_360},
        0,
    ),
    (
        "candles",
        "mark_index_funding/btc-hyperliquid-candles-15m-final-20260618-20260731.csv.zst",
        {"source": "a:B/C", "interval_ns": 900 * SECOND_NS},
        {"a:B/C": 4_217},
        0,
    ),
    (
        "candles",
        "mark_index_funding/binance_BTCUSDT_1h_spot.csv.zst",
        {"source": "a:B/C", "interval_ns": 3_600 * SECOND_NS},
        {"a:B/C": 15_592},
        0,
    ),
    (
        "hyperliquid-funding",
        "mark_index_funding/hyperliquid_BTC_funding_premium_1h.csv.zst",
        {},
        {"hyperliquid:BTC/USDC:USDC": 12_192},
        0,
    ),
    (
        "hyperliquid-funding",
        "mark_index_funding/btc-funding-1h-final-20260618-20260731.csv.zst",
        {},
        {"hyperliquid:BTC/USDC:USDC": 1_056},
        0,
    ),
    (
        "funding-rates",
        "mark_index_funding/binance_BTCUSDT_8h_funding_rates.csv.zst",
        {"source": "a:B/C"},
        {"a:B/C": 1_945},
        0,
    ),
    (
        "uniswap-swaps",
        SWAPS,
        {"source": "a:0x1", "base": "token1", "decimals": (6, 18)},
        {"a:0x1": 6_046},
        188,
    ),
    (
        "bybit-tickers",
        "raw_ws/cryptofeed/BYBIT.jsonl.zst",
        {},
        {
            "bybit:BTC/USDT": 41,
            "bybit:BTC/USDT:USDT": 185,
            "bybit:DOGE/USDT:USDT": 164,
            "bybit:ETH/USDT": 40,
            "bybit:ETH/USDT:USDT": 216,
            "bybit:SOL/USDT:USDT": 193,
        },
        3_256 - 839,
    ),
    (
        "coinbase-book",
        "raw_ws/cryptofeed/COINBASE.jsonl.zst",
        {},
        {"coinbase:BTC/USD": 220, "coinbase:ETH/USD": 219},
        819,
    ),
    (
        "okx-book",
        "raw_ws/cryptofeed/OKX.jsonl.zst",
        {},
        {"okx:BTC/USD:BTC-220527": 6, "okx:BTC/USDT": 94, "okx:UNI/USD:UNI": 2},
        338,
    ),
    (
        "binance-book",
        "raw_ws/cryptofeed/BINANCE_FUTURES.jsonl.zst",
        {"venue": "binanceusdm"},
        {
            "binanceusdm:AKRO/USDT:USDT": 96,
            "binanceusdm:CTK/USDT:USDT": 183,
            "binanceusdm:KEEP/USDT:USDT": 80,
            "binanceusdm:SUSHI/USDT:USDT": 345,
        },
        838,
    ),
    (
        "binance-book",
        "raw_ws/cryptofeed/BINANCE_US.jsonl.zst",
        {"venue": "binanceus"},
        {
            "binanceus:COMP/USDT": 44,
            "binanceus:CRV/USDT": 11,
            "binanceus:OMG/BUSD": 69,
            "binanceus:ZRX/USDT": 15,
        },
        348,
    ),
    (
        "binance-book",
        "raw_ws/collect-binancefutures/btcusdt_20220811.dat.zst",
        {"venue": "binanceusdm"},
        {"binanceusdm:BTC/USDT:USDT": 1_326},
        207,
    ),
    (
        "hyperliquid-book",
        "raw_ws/hftbacktest/hyperliquid_btcusd_20250126.gz",
        {},
        {"hyperliquid:BTC/USDC:USDC": 110},
        0,
    ),
]


@pytest.mark.parametrize(
    ("format_name", "name", "options", "by_source", "refused"),
    COUNTS,
    ids=[f"{entry[0]}-{Path(entry[1]).name.split('.')[0][:20]}" for entry in COUNTS],
)
def test_every_recorded_row_is_a_tick_or_counted(
    tmp_path: Path,
    format_name: str,
    name: str,
    options: dict[str, Any],
    by_source: dict[str, int],
    refused: int,
) -> None:
    """Nothing of the file is lost."""
    rows, done = imported(tmp_path, format_name, name, **options)
    assert done.by_source == by_source
    assert done.refused.total() == refused
    received = [int(row["received_ns"]) for row in rows]
    assert received == sorted(received)


def test_the_usdc_depeg_of_march_2023(tmp_path: Path) -> None:
    """Eleven pairs at three venues; the lows are those that the venues printed."""
    name = "multi_venue/usdc_depeg_2023-03_1m.csv.zst"
    rows, done = imported(tmp_path, "klines-long", name, price="low", **MINUTE)
    assert done.ticks == 292_308
    assert not done.refused
    assert done.by_source["kraken:USDC/USD"] == 20_934
    assert done.by_source["coinbase:USDT/USD"] == 29_927
    at_0431 = 1_678_509_060 * SECOND_NS
    assert lowest(rows, "binanceus:USDC/USDT") == (Decimal("0.822"), at_0431)
    assert lowest(rows, "kraken:USDC/USD")[0] == Decimal("0.874")
    stated = recorded_table(name)
    assert sum(Decimal(row["last_size"]) for row in rows) == sum(
        Decimal(row["volume"]) for row in stated
    )


def test_usde_on_binance_and_in_the_pool_on_oct_10(tmp_path: Path) -> None:
    """0.65 on the venue while the pool never left 0.994, block by block."""
    venue, _ = imported(
        tmp_path,
        "candles",
        "onchain/binance_USDeUSDT_1m_2025-09-09_11-10.csv.zst",
        source="binance:USDE/USDT",
        price="low",
        **MINUTE,
    )
    assert len(venue) == 90_000
    at_2155 = 1_760_133_300 * SECOND_NS
    assert lowest(venue, "binance:USDE/USDT") == (Decimal("0.65"), at_2155)
    blocks = "onchain/uniswap_v3_USDe_USDT_blocks_2025-10-10.csv.zst"
    pool, _ = imported(tmp_path, "uniswap-blocks", blocks, source="u:0x1", base="token0")
    stated = recorded_table(blocks)
    tokens = PoolTokens(18, 6, base_is_token0=True)
    for row, block in zip(pool, stated, strict=True):
        exact = px_half_even_18(spot_price(int(block["sqrtPrice"]), tokens))
        assert abs(Decimal(row["last"]) - Decimal(str(exact))) < Decimal("1e-15")
    assert Decimal("0.9941") < min(Decimal(row["last"]) for row in pool)


def test_swaps_of_a_pool_trade_near_what_they_paid(tmp_path: Path) -> None:
    """The price after a swap is within 1 % of its amounts' ratio, base and quote not exchanged."""
    options = {"source": "u:0x1", "base": "token1", "decimals": (6, 18)}
    rows, _ = imported(tmp_path, "uniswap-swaps", SWAPS, **options)
    swaps = [row for row in recorded_table(SWAPS) if row["tx_type"] == "SWAP"]
    for row, swap in zip(rows, swaps, strict=True):
        size = Decimal(row["last_size"])
        paid = abs(Decimal(swap["amount0"])) / 10**6
        if paid > 100:
            assert abs(paid / size / Decimal(row["last"]) - 1) < Decimal("0.01")


def test_bitmex_on_two_crash_days(tmp_path: Path) -> None:
    """Buckets are stamped with their end; their size is in bitcoin."""
    names = [f"multi_venue/bitmex_xbtusd_1m/{day}.csv.zst" for day in DAYS]
    rows, done = imported(tmp_path, "bitmex-buckets", *names, price="low")
    assert done.by_source == {"bitmex:BTC/USD:BTC": 2_880}
    assert lowest(rows[:1_440], "bitmex:BTC/USD:BTC")[0] == 4_266
    low, at_ns = lowest(rows[1_440:], "bitmex:BTC/USD:BTC")
    assert (low, at_ns) == (28_157, 1_621_429_860 * SECOND_NS)
    assert rows[0]["last_size"] == "68.80617516000001"


@pytest.mark.parametrize(
    ("token", "rounds", "low"),
    [("usdc", 1_035, "0.99896042"), ("usdt", 1_006, "0.95181623"), ("usdn", 4_662, "0.72501970")],
)
def test_every_round_of_three_feeds(tmp_path: Path, token: str, rounds: int, low: str) -> None:
    """Eight decimals, in order of time though a proxy's phases overlap."""
    name, source = f"onchain/chainlink_{token}_usd_all.csv.zst", f"chainlink:{token.upper()}/USD"
    rows, done = imported(tmp_path, "chainlink-rounds", name, source=source)
    assert done.by_source == {source: rounds}
    assert lowest(rows, source)[0] == Decimal(low)


def test_pyths_updates_keep_the_time_they_were_attested(tmp_path: Path) -> None:
    """Confidence is the half-spread; four feeds of one update were 26 minutes old then."""
    rows, done = imported(tmp_path, "pyth", "onchain/pyth_price_updates_mainnet.jsonl")
    assert done.ticks == 50
    assert {reason for _, reason in done.refused} == {"not_trading"}
    old = [delay for delay in delays_ns(rows) if delay > 60 * SECOND_NS]
    assert sorted(delay // SECOND_NS for delay in old) == [1_584, 1_585, 1_585, 1_585]
    first = rows[0]
    assert Decimal(first["ask"]) + Decimal(first["bid"]) == 2 * Decimal("29319.99")


def test_gmx_prices_of_every_token_and_minute(tmp_path: Path) -> None:
    """23 tokens, stamped a minute later than the file, where the minute ends."""
    name = "onchain/gmxv2_arbitrum_oracle_prices_2025-04-07_1m.csv.zst"
    rows, done = imported(tmp_path, "gmx-prices", name)
    assert set(done.by_source.values()) == {1_440}
    assert len(done.by_source) == 23
    ether = [row for row in rows if row["source"] == "gmx:WETH/USD"]
    assert [row["last"] for row in ether] == [row["WETH"] for row in recorded_table(name)]
    assert ether[0]["event_ns"] == str(1_743_984_060 * SECOND_NS)


def test_hyperliquids_snapshot_has_every_asset(tmp_path: Path) -> None:
    """412 contexts of nine dexes; those that do not trade state a funding rate alone."""
    rows, done = imported(tmp_path, "hyperliquid-ctxs", CTXS, time_ns=1_777_593_600 * SECOND_NS)
    assert done.ticks == 412
    assert sum(bool(row["bid"]) for row in rows) == 412 - 78
    assert all(row["funding"] for row in rows)
    marks, _ = imported(tmp_path, "hyperliquid-ctxs", CTXS, time_ns=SECOND_NS, price="mark")
    assert {row["source"]: row["last"] for row in marks}["hyperliquidmark:0"] == "77562.0"


def test_bybits_published_mark_is_beside_its_quotes(tmp_path: Path) -> None:
    """Quotes with sizes and funding under one name, the mark under another, message by message."""
    name = "raw_ws/cryptofeed/BYBIT.jsonl.zst"
    quotes, _ = imported(tmp_path, "bybit-tickers", name)
    marks, _ = imported(tmp_path, "bybit-tickers", name, price="mark")
    perps = [row for row in quotes if row["source"].endswith(":USDT")]
    assert len(perps) == len(marks) == 758
    for quote, mark in zip(perps, marks, strict=True):
        assert mark["source"] == quote["source"].replace("bybit", "bybitmark")
        assert all(quote[name] for name in ("bid", "ask", "bid_size", "ask_size", "funding"))
        mid = (Decimal(quote["bid"]) + Decimal(quote["ask"])) / 2
        assert abs(Decimal(mark["last"]) / mid - 1) < Decimal("0.001")
    assert all(0 < delay < 3 * SECOND_NS for delay in delays_ns(perps))


def _late(rows: list[Row]) -> list[int]:
    return delays_ns([row for row in rows if row["event_ns"] != row["received_ns"]])


@pytest.mark.parametrize(
    ("name", "venue", "source", "ticks", "delays"),
    [
        ("spot_btcusdt_20240808", "binance", "binance:BTC/USDT", 37_797, _late),
        ("usdm_btcusdt_20240808", "binanceusdm", "binanceusdm:BTC/USDT:USDT", 87_402, delays_ns),
        ("cm_btcusd_perp_20240808", "binancecoinm", "binancecoinm:BTC/USD:BTC", 21_422, delays_ns),
    ],
)
def test_a_receiver_whose_clock_is_behind_is_taken_as_it_is(
    tmp_path: Path,
    name: str,
    venue: str,
    source: str,
    ticks: int,
    delays: Callable[[list[Row]], list[int]],
) -> None:
    """The collector's clock was more than a second behind Binance's: no clock is mended here."""
    rows, done = imported(tmp_path, "binance-book", f"raw_ws/hftbacktest/{name}.gz", venue=venue)
    assert done.by_source == {source: ticks}
    assert max(delays(rows)) < 0
    sizes = {bool(row["bid_size"] or row["last_size"]) for row in rows}
    assert sizes == {venue != "binancecoinm"}  # coin-margined sizes count contracts

"""Making tick files of recorded trades."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from feeds.ticks.importing import import_ticks
from feeds.ticks.reader import TickReader
from feeds.ticks.symbols import source_of
from oracle.model.errors import ConfigError
from oracle.model.ticks import Tick
from tests.recorded import recorded

HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
POL = (
    ("binance:POL/USDT", "binance_trades_2025-10-10_POLUSDT.csv.gz", 300351),
    ("coinbase:POL/USD", "coinbase_trades_2025-10-10_POL-USD.csv.gz", 13854),
    ("gemini:POL/USD", "gemini_trades_2025-10-10_POLUSD.csv.gz", 424),
)


def trades_file(folder: Path, rows: str, name: str = "trades.csv") -> Path:
    """Write trades as Tardis does."""
    path = folder / name
    path.write_text(HEADER + rows)
    return path


def ticks_of(*files: Path) -> Sequence[Tick]:
    """Read a tick file."""
    reader = TickReader(files)
    return [tick for columns in reader for tick in columns.batch(reader.sources).ticks()]


def test_a_trade_keeps_its_price_text_and_both_clocks_apart(tmp_path: Path) -> None:
    """Microseconds become nanoseconds; the recorder's clock is the receive time."""
    file = trades_file(
        tmp_path, "gemini,POLUSD,1760054887275000,1760054887332924,17,buy,0.2360,8\n"
    )
    done = import_ticks("tardis-trades", [file], tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == (
        "1760054887332924000,1760054887275000000,gemini:POL/USD,,,0.2360,,,8,"
    )
    assert (done.ticks, done.by_source) == (1, {"gemini:POL/USD": 1})
    assert done.first_received_ns == done.last_received_ns == 1760054887332924000


def test_files_are_sorted_together_by_receive_time(tmp_path: Path) -> None:
    """Rows of several files, each in any order, come out in the order a reader wants."""
    a = trades_file(
        tmp_path, "binance,AUSDT,9,30,1,buy,3,1\nbinance,AUSDT,8,10,2,buy,1,1\n", "a.csv"
    )
    b = trades_file(tmp_path, "coinbase,A-USD,7,20,1,buy,2,1\n", "b.csv")
    import_ticks("tardis-trades", [a, b], tmp_path / "out.parquet")
    assert [str(tick.last) for tick in ticks_of(tmp_path / "out.parquet")] == ["1", "2", "3"]


def test_the_own_format_sorts_what_a_reader_refuses(tmp_path: Path) -> None:
    """An unsorted tick file becomes readable by an import of the format `ticks`."""
    unsorted = tmp_path / "unsorted.csv"
    unsorted.write_text("received_ns,event_ns,source,bid,ask,last\n9,,a:B/C,1,2,\n5,,a:B/C,,,3\n")
    with pytest.raises(ConfigError, match="--format ticks"):
        ticks_of(unsorted)
    import_ticks("ticks", [unsorted], tmp_path / "sorted.csv.gz")
    assert [tick.received_ns for tick in ticks_of(tmp_path / "sorted.csv.gz")] == [5, 9]


def test_a_missing_event_time_sorts_as_the_receive_time_it_stands_for(tmp_path: Path) -> None:
    """To the nanosecond, and the import is in the order that a reader makes of it."""
    ns = 1_760_000_000_000_000_001
    file = tmp_path / "ticks.csv"
    file.write_text(
        "received_ns,event_ns,source,bid,ask,last\n"
        f"{ns},,b:B/C,,,3\n{ns},{ns - 1},b:B/C,,,2\n{ns},{ns - 2},b:B/C,,,1\n{ns},,a:B/C,,,4\n"
    )
    import_ticks("ticks", [file], tmp_path / "out.csv")
    lasts = [line.split(",")[5] for line in (tmp_path / "out.csv").read_text().splitlines()[1:]]
    assert lasts == ["1", "2", "4", "3"]
    assert [str(tick.last) for tick in ticks_of(tmp_path / "out.csv")] == lasts


def test_rows_that_no_tick_can_carry_are_counted_and_left_out(tmp_path: Path) -> None:
    """Nothing is dropped without a name."""
    rows = (
        "binance,AUSDT,1,1,1,buy,nan,1\nbinance,AUSDT,1,1,2,buy,,1\nbinance,AUSDT,1,1,3,buy,5,1\n"
    )
    done = import_ticks("tardis-trades", [trades_file(tmp_path, rows)], tmp_path / "out.csv")
    assert done.ticks == 1
    assert done.refused == {("binance:A/USDT", "not_finite"): 1, ("binance:A/USDT", "no_price"): 1}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("binance,AUSDT,1,1,1,buy,abc,1\n", "row 1, column price: given 'abc'"),
        ("binance,AUSDT,1.5,1,1,buy,1,1\n", "row 1, column timestamp: given '1.5'"),
        ("binance,AUSDT,1,99999999999999999,1,buy,1,1\n", "row 1, column local_timestamp"),
        ("mtgox,BTCUSD,1,1,1,buy,1,1\n", "unknown exchange 'mtgox'; known are binance"),
        ("coinbase,BTCUSD,1,1,1,buy,1,1\n", "symbol 'BTCUSD' of coinbase is not understood"),
        ("", "no tick in"),
    ],
)
def test_a_wrong_file_is_one_line_and_writes_nothing(tmp_path: Path, rows: str, said: str) -> None:
    """The fault is named with its file, and no half-made output stays."""
    file = trades_file(tmp_path, rows)
    with pytest.raises(ConfigError, match=said) as caught:
        import_ticks("tardis-trades", [file], tmp_path / "out.parquet")
    assert str(file) in str(caught.value)
    assert list(tmp_path.iterdir()) == [file]


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    """The message says what is allowed."""
    with pytest.raises(ConfigError, match=r"unknown format 'xls'; known are .*-trades, ticks"):
        import_ticks("xls", [], tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("exchange", "symbol", "source"),
    [
        ("binance", "POLUSDT", "binance:POL/USDT"),
        ("binance", "USDCUSDT", "binance:USDC/USDT"),
        ("binance", "BTCFDUSD", "binance:BTC/FDUSD"),
        ("binance", "1000SATSUSDT", "binance:1000SATS/USDT"),
        ("binance-futures", "BTCUSDT", "binanceusdm:BTC/USDT:USDT"),
        ("binance-futures", "BTCUSDT_251226", "binanceusdm:BTC/USDT:USDT-251226"),
        ("binance-delivery", "ATOMUSD_PERP", "binancecoinm:ATOM/USD:ATOM"),
        ("binance-delivery", "BTCUSD_251226", "binancecoinm:BTC/USD:BTC-251226"),
        ("coinbase", "POL-USD", "coinbase:POL/USD"),
        ("gemini", "POLUSD", "gemini:POL/USD"),
        ("gemini", "btcusd", "gemini:BTC/USD"),
        ("kraken", "XBT/USD", "kraken:BTC/USD"),
        ("okex", "BTC-USDT", "okx:BTC/USDT"),
        ("okex-swap", "BTC-USDT-SWAP", "okx:BTC/USDT:USDT"),
        ("okex-swap", "BTC-USD-SWAP", "okx:BTC/USD:BTC"),
        ("gate-io", "BTC_USDT", "gate:BTC/USDT"),
        ("okex-futures", "BTC-USD-220527", "okx:BTC/USD:BTC-220527"),
        ("bitmex", "XBTUSD", "bitmex:BTC/USD:BTC"),
        ("bitmex", "ETHUSDT", "bitmex:ETH/USDT:USDT"),
        ("bybit", "BTCUSDT", "bybit:BTC/USDT:USDT"),
        ("bybit", "BTCUSD", "bybit:BTC/USD:BTC"),
        ("bybit", "BTCPERP", "bybit:BTC/USDC:USDC"),
        ("deribit", "BTC-PERPETUAL", "deribit:BTC/USD:BTC"),
        ("deribit", "SOL_USDC-PERPETUAL", "deribit:SOL/USDC:USDC"),
        ("hyperliquid", "kPEPE", "hyperliquid:KPEPE/USDC:USDC"),
        ("hyperliquid", "xyz:TSLA", "hyperliquid:XYZ-TSLA"),
        ("gemini", "dotusd", "gemini:DOT/USD"),
        ("gemini", "ethgusd", "gemini:ETH/GUSD"),
        ("bitstamp", "usdtusd", "bitstamp:USDT/USD"),
        ("binance", "DOTTUSD", "binance:DOT/TUSD"),
        ("binance", "NEWTUSD", "binance:NEW/TUSD"),
        ("binance-us", "BNBUSD", "binanceus:BNB/USD"),
        ("binance-us", "BTCBUSD", "binanceus:BTC/BUSD"),
        ("binance-delivery", "DOTUSD_PERP", "binancecoinm:DOT/USD:DOT"),
    ],
)
def test_symbols_are_named_as_ccxt_unifies_them(exchange: str, symbol: str, source: str) -> None:
    """Spot, perpetual and dated futures of one pair have different names."""
    assert source_of(exchange, symbol) == source


@pytest.mark.parametrize(
    ("exchange", "symbol"),
    [
        ("binance", "USDT"),
        ("binance", "FOOBAR"),
        ("binance-delivery", "ATOMUSD"),
        ("okex", "BTC"),
        ("gemini", "NEWTUSD"),  # NEW/TUSD or NEWT/USD
        ("deribit", "BTC-27DEC24"),
        ("hyperliquid", "@107"),
    ],
)
def test_a_symbol_that_is_not_understood_is_refused(exchange: str, symbol: str) -> None:
    """A guess would price one asset with another's trades."""
    with pytest.raises(ConfigError, match="not understood"):
        source_of(exchange, symbol)


@pytest.mark.data
def test_every_recorded_trade_of_the_crash_day_is_imported(tmp_path: Path) -> None:
    """POL at three venues: counts equal the sources', and Gemini's receive delay survives."""
    files = [recorded(f"multi_venue/oct10_2025/{name}") for _, name, _ in POL]
    told: list[float] = []
    done = import_ticks("tardis-trades", files, tmp_path / "pol.parquet", progress=told.append)
    lines = {source: _lines(file) for (source, _, _), file in zip(POL, files, strict=True)}
    assert done.by_source == lines == {source: count for source, _, count in POL}
    assert not done.refused
    assert told == sorted(told)
    assert told[-1] == 1.0

    reader = TickReader([tmp_path / "pol.parquet"])
    received = delay = 0
    for columns in reader:
        assert columns.received_ns[0] >= received
        received = int(columns.received_ns[-1])
        gemini = columns.source_at == reader.sources.index("gemini:POL/USD")
        lag_ns = (columns.received_ns - columns.event_ns)[gemini]
        delay = max(delay, int(lag_ns.max(initial=0)))
    assert reader.ticks == sum(lines.values())
    assert 1e9 < delay < 60e9


def _lines(path: Path) -> int:
    with gzip.open(path, "rt") as file:
        return sum(1 for _ in file) - 1

"""Every format on a few hand-written lines: digits, clocks, names, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.ticks.formats.format import CaptureFormat
from feeds.ticks.importing import FORMATS
from oracle.model.errors import ConfigError
from tests.unit.replay import capture_samples, table_samples
from tests.unit.replay.sample import Sample, import_text

SAMPLES = {sample.format: sample for sample in (*table_samples.SAMPLES, *capture_samples.SAMPLES)}


def test_every_format_has_a_sample() -> None:
    """A format that nobody tried is none."""
    assert SAMPLES.keys() == FORMATS.keys()


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=lambda sample: sample.format)
def test_a_sample_becomes_exactly_these_ticks(tmp_path: Path, sample: Sample) -> None:
    """Each number is the file's own text, each clock in its place, each refusal named."""
    ticks, done = import_text(tmp_path, sample.format, sample.text, sample.name, **sample.options)
    assert ticks == sample.ticks
    assert dict(done.refused) == sample.refused
    assert done.ticks == sum(done.by_source.values()) == len(sample.ticks)


@pytest.mark.parametrize(
    ("name", "price", "ticks"),
    [
        (
            "tardis-derivative-ticker",
            "mark",
            [("bybitmark:BTC/USD:BTC", "100.2"), ("bybitmark:BTC/USD:BTC", "100.2")],
        ),
        ("hyperliquid-archive", "index", [
            ("hyperliquidindex:BTC/USDC:USDC", "100.5"),
            ("hyperliquidindex:KPEPE/USDC:USDC", "0.5"),
        ]),
        ("klines", "low", [("binance:BTC/USDT", "0.5"), ("binance:BTC/USDT", "0.5")]),
        ("candles", "low", [("binance:USDE/USDT", "0.65"), ("binance:USDE/USDT", "0.82")]),
        ("bitmex-buckets", "high", [("bitmex:BTC/USD:BTC", "7940")]),
        ("binance-book", "index", [("binanceindex:BTC/USDT", "2")]),
        ("binance-book", "mark", [("binancemark:BTC/USDT", "1")]),
    ],
)  # fmt: skip
def test_another_price_may_be_chosen(
    tmp_path: Path, name: str, price: str, ticks: list[tuple[str, str]]
) -> None:
    """What a venue publishes goes by a name of its own, and brings no quote and no rate."""
    sample = SAMPLES[name]
    made, _ = import_text(
        tmp_path, name, sample.text, sample.name, **{**sample.options, "price": price}
    )
    fields = [line.split(",") for line in made]
    assert [(row[2], row[5]) for row in fields] == ticks
    assert {row[3] + row[4] + row[9] for row in fields} == {""}


def test_bybits_mark_follows_snapshots_and_deltas(tmp_path: Path) -> None:
    """The state of a ticker holds until it changes; spot has no mark."""
    sample = SAMPLES["bybit-tickers"]
    made, done = import_text(tmp_path, sample.format, sample.text, sample.name, price="mark")
    assert [line.split(",")[2:6] for line in made] == [
        ["bybitmark:BTC/USDT:USDT", "", "", "65117.44"],
        ["bybitmark:BTC/USDT:USDT", "", "", "65117.44"],
        ["bybitmark:BTC/USD:BTC", "", "", "65117.44"],
    ]
    assert done.refused[("bybitmark:BTC/USDT", "no_price")] == 1


def test_hyperliquids_contexts_need_a_time_from_somewhere(tmp_path: Path) -> None:
    """A bare snapshot states none, so a person has to."""
    text = '{"channel":"allDexsAssetCtxs",\n "data":{"ctxs":[["",[{"midPx":"5"}]]]}}'
    with pytest.raises(ConfigError, match=r"no tick in .*no_time 1"):
        import_text(tmp_path, "hyperliquid-ctxs", text, "snapshot.json")
    made, _ = import_text(tmp_path, "hyperliquid-ctxs", text, "snapshot.json", time_ns=7)
    assert made == ("7,7,hyperliquid:0,,,5,,,,",)


def test_a_message_without_receive_time_has_its_event_time_for_both(tmp_path: Path) -> None:
    """One clock is better than none, and the page says so."""
    text = '{"channel":"trades","data":[{"coin":"BTC","px":"5","sz":"1","time":1777593600000}]}'
    made, _ = import_text(tmp_path, "hyperliquid-book", text, "t.jsonl")
    assert made == ("1777593600000000000,1777593600000000000,hyperliquid:BTC/USDC:USDC,,,5,,,1,",)


def test_klines_may_have_their_header(tmp_path: Path) -> None:
    """Binance writes one in futures files and, of late, in others."""
    text = "close,volume,close_time,quote_volume\n5,7,1704067259999,9\n"
    made, _ = import_text(tmp_path, "klines", text, source="binance:BTC/USDT")
    assert made == ("1704067259999000000,1704067259999000000,binance:BTC/USDT,,,5,,,7,",)
    made, _ = import_text(tmp_path, "klines", text, source="binancecoinm:BTC/USD:BTC")
    assert made[0].endswith(",5,,,9,")  # inverse: the base's turnover is under "quote"


@pytest.mark.parametrize(
    ("name", "text", "options", "said"),
    [
        ("klines", "1,2,3\n", {}, "has no header and 3 columns; without a header it needs"),
        ("klines", "close_time,close\n5,1\n", {"price": "low"}, "column low: given None"),
        ("candles", "open_time,time,close\n1,1,1\n", {}, "more than one column 'time'"),
        (
            "candles",
            "time,close,coin\n1700000000,1,BTC\n1700000060,1,ETH\n",
            {},
            "row 2, column coin: given 'ETH', allowed is 'BTC' alone",
        ),
        ("candles", "time,close\n2025-13-01 00:00:00,1\n", {}, "row 1, column time: given"),
        ("candles", "time,close\n2025-10-01T00:00:00+02:00,1\n", {}, "row 1, column time"),
        (
            "funding-rates",
            "fundingTime,fundingRate,symbol\n1700000000,1,A\n1700000000,1,B\n",
            {},
            "split the file by symbol",
        ),
        ("chainlink-rounds", "answer,updatedAt\n1.5,1700000000\n", {}, "a whole number"),
        ("uniswap-blocks", "timestamp,token0Price,token1Price\n5,1,x\n", {}, "column token0Price"),
        (
            "uniswap-swaps",
            "block_timestamp,tx_type,amount0,amount1,sqrtPriceX96\n5,SWAP,1,1,-4\n",
            {},
            "column sqrtPriceX96: given '-4'",
        ),
        ("klines-long", "timestamp,venue,pair,close\n5,x y,btcusd,1\n", {}, "is not understood"),
        ("klines-long", "timestamp,venue,pair,close\n5,kraken,foobar,1\n", {}, "'foobar'"),
        ("gmx-prices", "timestamp,A B\n5,1\n", {}, "a token's name"),
        ("hyperliquid-funding", "time,coin,fundingRate\n5,@1,1\n", {}, "symbol '@1'"),
        ("tardis-options-chain", "exchange,symbol,timestamp,local_timestamp,underlying_price\n"
         "deribit,BTC-PERPETUAL,5,5,1\n", {}, "option 'BTC-PERPETUAL' of deribit"),
        ("tardis-quotes", "exchange,symbol\n", {}, "has no column 'timestamp'"),
        ("pyth", "\x00\xff garbage\n\n[[[[", {}, "no tick in .*malformed_message 2"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_its_fault(
    tmp_path: Path, name: str, text: str, options: dict[str, str], said: str
) -> None:
    """One line says where, what was given and what is allowed."""
    file_name = SAMPLES[name].name
    with pytest.raises(ConfigError, match=said) as caught:
        import_text(tmp_path, name, text, file_name, **{**SAMPLES[name].options, **options})
    assert str(tmp_path / file_name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("klines", {}, "format klines needs --source: its files do not say it"),
        ("candles", {"source": "a:B/C"}, "format candles needs --interval"),
        ("tardis-trades", {"source": "a:B/C"}, "takes no --source; its options: none"),
        ("pyth", {"time_ns": 5}, "format pyth takes no --time"),
        ("klines", {"source": "BTC"}, "--source 'BTC': write venue:SYMBOL"),
        ("klines", {"source": "a:B/C", "price": "open"}, "allowed are close, high, low"),
        ("chainlink-rounds", {"source": "a:B/C", "decimals": (1, 2)}, "needs 1 of them"),
        ("chainlink-rounds", {"source": "a:B/C", "decimals": (99,)}, "allowed are 0 to 36"),
        ("uniswap-blocks", {"source": "a:B/C", "base": "WETH"}, "allowed are token0, token1"),
        ("binance-book", {"venue": "kraken"}, "--venue kraken sends no such messages; known are"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(
    tmp_path: Path, name: str, options: dict[str, object], said: str
) -> None:
    """A forgotten or misplaced option must not price one thing by another."""
    sample = SAMPLES[name]
    with pytest.raises(ConfigError, match=said):
        import_text(tmp_path, name, sample.text, sample.name, **options)


def test_json_too_deep_to_read_is_counted(tmp_path: Path) -> None:
    """A line that nests without end must not take the others with it."""
    sample = SAMPLES["hyperliquid-book"]
    deep = '5 {"channel":' + "[" * 100_000 + "\n"
    ticks, done = import_text(tmp_path, sample.format, deep + sample.text, sample.name)
    assert ticks == sample.ticks
    assert done.refused[("hyperliquid", "malformed_message")] == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("coinbase-book", '{"channel":"ticker","timestamp":"x","events":[]}'),
        ("okx-book", '{"arg":{"channel":"trades"},"data":[]}'),
        ("pyth", '{"updates":[]}'),
        ("hyperliquid-ctxs", '[{"universe":[{"name":"BTC"}]},[]]'),
    ],
)
def test_a_message_that_says_nothing_is_counted(tmp_path: Path, name: str, message: str) -> None:
    """An empty list is no tick, and no loss in silence either."""
    sample = SAMPLES[name]
    text = f"1700000000 {message}\n{sample.text}"
    _, done = import_text(tmp_path, name, text, sample.name, **sample.options)
    assert done.refused.total() == sum(sample.refused.values()) + 1


def test_captures_name_a_venue_for_what_names_no_source() -> None:
    """What cannot be read still is counted somewhere."""
    captures = [kind for kind in FORMATS.values() if isinstance(kind, CaptureFormat)]
    assert all(kind.venue for kind in captures)

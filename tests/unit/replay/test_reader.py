"""Reading tick files: exactness, order, and what is said about bad ones."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.ticks.fields import Place
from feeds.ticks.reader import TickReader
from feeds.ticks.rows import judge_rows
from feeds.ticks.writer import TickFileWriter
from oracle.model.errors import ConfigError, Rejected
from oracle.model.fixed import Px
from oracle.model.ticks import Tick, pack

HEADER = "received_ns,event_ns,source,bid,ask,last\n"
WIDE = "received_ns,event_ns,source,bid,ask,last,bid_size,ask_size,last_size,funding\n"
Ticks = list[Tick]


def read(*files: Path, batch_rows: int = 1 << 16) -> Ticks:
    """Read files back as ticks."""
    reader = TickReader(files, batch_rows=batch_rows)
    return [tick for columns in reader for tick in columns.batch(reader.sources).ticks()]


def csv_file(folder: Path, rows: str, name: str = "ticks.csv", header: str = HEADER) -> Path:
    """Write a CSV tick file."""
    path = folder / name
    path.write_text(header + rows)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz", ".csv.zst", ".csv.lz4"])
def test_ticks_read_back_as_written(tmp_path: Path, suffix: str) -> None:
    """Prices, sizes, rates, both times and missing fields survive each format exactly."""
    ticks = [
        Tick("binance:BTC/USDT", 1, 900, 1000, Px(6512340, -2), Px(6512341, -2), None),
        Tick(
            "uniswap3:0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B",
            2,
            950,
            1001,
            None,
            None,
            Px(1, -18),
        ),
        Tick("okx:PEPE/USDT", 3, 1001, 1002, Px(-5, 3), None, Px(0, 0)),
        Tick("okx:A/USDT", 4, 1003, 1003, Px(1, 0), Px(2, 0), None, Px(5, -1), Px(50, 2)),
        Tick("okx:A/USDT", 5, 1004, 1004, last=Px(1, 0), last_size=Px(2**62, -30)),
        Tick("okx:A/USDT:USDT", 6, 1005, 1005, funding_e12=-(2**63) + 1),
        Tick("okx:A/USDT:USDT", 7, 1006, 1006, last=Px(1, 0), funding_e12=100_000_000),
    ]
    path = tmp_path / f"ticks{suffix}"
    with TickFileWriter(path) as writer:
        writer.write(ticks)
    for written, back in zip(ticks, read(path), strict=True):
        assert [_value(getattr(back, name)) for name in NUMBERS] == [
            _value(getattr(written, name)) for name in NUMBERS
        ]
        assert back.funding_e12 == written.funding_e12
        assert (back.source, back.sequence, back.event_ns, back.received_ns) == (
            (written.source, written.sequence, written.event_ns, written.received_ns)
        )


NUMBERS = ("bid", "ask", "last", "bid_size", "ask_size", "last_size")


def _value(px: Px | None) -> Decimal | None:
    return None if px is None else Decimal(str(px))


_PX = st.one_of(
    st.none(), st.builds(Px, st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-60, 60))
)


_ROWS = st.lists(
    st.tuples(*[_PX] * 6, st.none() | st.integers(-(2**63) + 1, 2**63 - 1)), max_size=4
)


@given(_ROWS)
def test_rows_have_the_columns_that_pack_gives_their_ticks(
    rows: list[tuple[Px | int | None, ...]],
) -> None:
    """Shared exponents, their limits and what is left out are those of the bus, to the last bit."""
    table = pa.table(
        {
            "received_ns": pa.array([5] * len(rows), pa.int64()),
            "event_ns": pa.array([4] * len(rows), pa.int64()),
            "source": pa.array(["a:B/C"] * len(rows), pa.string()),
        }
        | {
            name: pa.array([_text(row[at]) for row in rows], pa.string())
            for at, name in enumerate((*NUMBERS, "funding"))
        }
    )
    judged = judge_rows(table, {}, Place("file", 0))
    kept, refused = [], 0
    for row in rows:
        tick = Tick("a:B/C", 0, 4, 5, *row)
        try:
            pack([tick])
        except Rejected:
            refused += 1
        else:
            kept.append(tick)
    batch = judged.columns.take(judged.kept).batch(["a:B/C"])
    expected = pack(kept)
    assert (batch, refused) == (
        msgspec.structs.replace(expected, sources=("a:B/C",)),
        judged.refused.total(),
    )


def _text(number: Px | int | None) -> str | None:
    if number is None:
        return None
    return f"{number}e-12" if isinstance(number, int) else f"{number.mantissa}e{number.exponent}"


def test_a_file_without_sizes_and_rates_gives_batches_without_them(tmp_path: Path) -> None:
    """Files of six columns stay as they were; what no row has costs no byte on the bus."""
    reader = TickReader([csv_file(tmp_path, "5,5,a:B/C,1,2,\n")])
    (batch,) = [columns.batch(reader.sources) for columns in reader]
    assert batch.size_exponent == batch.bid_size == batch.last_size == batch.funding_e12 == b""
    rows = "5,5,a:B/C,,,1,,,0.5,\n"
    reader = TickReader([csv_file(tmp_path, rows, header=WIDE)])
    (batch,) = [columns.batch(reader.sources) for columns in reader]
    assert batch.bid_size == batch.funding_e12 == b""
    assert [tick.last_size for tick in batch.ticks()] == [Px(5, -1)]


def test_some_optional_columns_in_any_order_are_enough(tmp_path: Path) -> None:
    """A file brings the columns it has; a row with nothing but a rate is a tick."""
    header = "funding,received_ns,event_ns,source,bid,ask,last,last_size\n"
    ticks = read(csv_file(tmp_path, "0.0001,5,,a:B/C,,,,\n,6,,a:B/C,,,1,2\n", header=header))
    assert [(t.funding_e12, t.last, t.last_size) for t in ticks] == [
        (100_000_000, None, None),
        (None, Px(1, 0), Px(2, 0)),
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("1,2,,nan,,,", "not_finite"),
        ("1,2,,1e-30,1e30,,", "size_scale"),
        ("1,2,,,,,inf", "not_finite"),
        (",,,,,,9223373", "malformed_funding"),
        (",,,5,5,5,", "no_price"),
    ],
)
def test_sizes_and_rates_that_no_tick_can_carry_refuse_their_row(
    tmp_path: Path, fields: str, reason: str
) -> None:
    """A quote without its depth would be another quote: nothing is left out in silence."""
    reader = TickReader([csv_file(tmp_path, f"5,5,a:B/C,{fields}\n", header=WIDE)])
    assert sum(columns.rows for columns in reader) == 0
    assert reader.refused == {("a:B/C", reason): 1}


@pytest.mark.parametrize("column", ["bid_size", "ask_size", "last_size", "funding"])
def test_a_malformed_size_or_rate_is_named_with_its_place(tmp_path: Path, column: str) -> None:
    """Optional columns are held to their type like the others."""
    header = f"received_ns,event_ns,source,bid,ask,last,{column}\n"
    with pytest.raises(ConfigError, match=f"row 1, column {column}: given 'x'"):
        read(csv_file(tmp_path, "5,5,a:B/C,1,2,3,x\n", header=header))


def test_an_optional_column_twice_is_refused(tmp_path: Path) -> None:
    """Nobody can tell which of two is meant."""
    header = "received_ns,event_ns,source,bid,ask,last,funding,funding\n"
    with pytest.raises(ConfigError, match="more than one column 'funding'"):
        read(csv_file(tmp_path, "5,5,a:B/C,1,2,3,0,0\n", header=header))


def test_a_missing_event_time_is_the_receive_time(tmp_path: Path) -> None:
    """A venue that states no time is taken at our clock, as live feeds do."""
    (tick,) = read(csv_file(tmp_path, "7,,a:B/C,,,1\n"))
    assert (tick.event_ns, tick.received_ns) == (7, 7)


_ROW = st.tuples(st.integers(1, 6), st.integers(1, 3), st.sampled_from("abc"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    files=st.lists(st.lists(_ROW, max_size=12).map(sorted), min_size=1, max_size=3),
    batch_rows=st.integers(1, 4),
)
def test_files_merge_in_order_whatever_the_batches(
    tmp_path: Path, files: list[list[tuple[int, int, str]]], batch_rows: int
) -> None:
    """The stream is every row once, by (received_ns, event_ns, source), numbered from 1."""
    paths = [
        csv_file(tmp_path, "".join(f"{r},{e},{s}:X/Y,,,1\n" for r, e, s in rows), f"{at}.csv")
        for at, rows in enumerate(files)
    ]
    ticks = read(*paths, batch_rows=batch_rows)
    keys = [(t.received_ns, t.event_ns, t.source[0]) for t in ticks]
    assert keys == sorted(row for rows in files for row in rows)
    assert [tick.sequence for tick in ticks] == list(range(1, len(ticks) + 1))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("5,5,a:B/C,,,nan\n", "not_finite"),
        ("5,5,a:B/C,-inf,1,\n", "not_finite"),
        ("5,5,a:B/C,,,1e300\n", "scale"),
        ("5,5,a:B/C,1e-30,1e30,\n", "scale"),
        ("5,5,a:B/C,,,\n", "no_price"),
        ("0,5,a:B/C,,,1\n", "malformed_time"),
        ("5,-5,a:B/C,,,1\n", "malformed_time"),
    ],
)
def test_a_row_that_is_no_tick_is_refused_and_counted(
    tmp_path: Path, row: str, reason: str
) -> None:
    """The others are read, and the refusal carries source and reason."""
    reader = TickReader([csv_file(tmp_path, row + "9,9,a:B/C,,,1\n")])
    assert sum(columns.rows for columns in reader) == 1
    assert reader.refused == {("a:B/C", reason): 1}


def test_zero_negative_and_crossed_prices_are_left_to_the_engine(tmp_path: Path) -> None:
    """The file layer judges no price that can be stated."""
    ticks = read(csv_file(tmp_path, "5,5,a:B/C,0,-1.5,\n6,6,a:B/C,2,1,\n"))
    assert [(str(t.bid), str(t.ask)) for t in ticks] == [("0.0", "-1.5"), ("2", "1")]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("5,5,a:B/C,,,1\n6,6,a:B/C,,,abc\n", r"row 2, column last: given 'abc'"),
        ("5,5,a:B/C,,12;5,\n", r"row 1, column ask: given '12;5'"),
        ("5,5,a:B/C,,,1\n,6,a:B/C,,,1\n", r"row 2, column received_ns: given None"),
        ("5,1.5,a:B/C,,,1\n", r"row 1, column event_ns: given '1.5'"),
        ("0x10,5,a:B/C,,,1\n", r"row 1, column received_ns: given '0x10'"),
        ("5,5,no colon,,,1\n", r"row 1, column source: given 'no colon'"),
        ("5,5,,,,1\n", r"row 1, column source: given None"),
        ("5,5,a:B/C,,\n", r"Expected 6 columns, got 5"),
        ("9,5,a:B/C,,,1\n8,5,a:B/C,,,1\n", r"not sorted: received_ns goes back from 9 to 8"),
        ("1760054400816129,,a:B/C,,,1\n", r"looks like microseconds"),
    ],
)
def test_a_wrong_field_ends_the_reading_with_its_place(
    tmp_path: Path, rows: str, said: str
) -> None:
    """The message names file, row, column, what was given and what is allowed, in one line."""
    path = csv_file(tmp_path, rows)
    with pytest.raises(ConfigError, match=said) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_row_number_counts_over_batches(tmp_path: Path) -> None:
    """A fault far down the file is found where it is."""
    rows = "".join(f"{n},,a:B/C,,,1\n" for n in range(1, 101)) + "101,,a:B/C,,,?\n"
    with pytest.raises(ConfigError, match="row 101, column last"):
        read(csv_file(tmp_path, rows), batch_rows=7)


@pytest.mark.parametrize("column", HEADER.strip().split(","))
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    """Every column is required, in every format."""
    names = [name for name in HEADER.strip().split(",") if name != column]
    (tmp_path / "t.csv").write_text(",".join(names) + "\n" + ",".join("1" * len(names)) + "\n")
    pq.write_table(pa.table({name: [1] for name in names}), tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        with pytest.raises(ConfigError, match=f"has no column '{column}'; it needs received_ns, "):
            read(tmp_path / name)


def _truncated(path: Path) -> None:
    path.write_bytes(gzip.compress((HEADER + "5,5,a:B/C,,,1\n" * 999).encode())[:-20])


def _truncated_zst(path: Path) -> None:
    path.write_bytes(zstandard.compress((HEADER + "5,5,a:B/C,,,1\n" * 99_999).encode())[:-20])


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("gone.csv", lambda path: None, "No such file"),
        (
            "ticks.txt",
            lambda path: path.write_text("x"),
            "must end in one of .parquet, .csv, .csv.gz",
        ),
        ("t.csv.gz", lambda path: path.write_text(HEADER), "cannot read"),
        ("cut.csv.gz", _truncated, "cannot read"),
        ("cut.csv.zst", _truncated_zst, "cannot read"),
        ("t.parquet", lambda path: path.write_text(HEADER), "cannot read"),
        ("empty.csv", lambda path: path.write_text(""), "has no column 'received_ns'"),
        ("folder.csv", lambda path: path.mkdir(), "cannot read"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, name: str, make: Callable[[Path], object], said: str
) -> None:
    """Missing, damaged and foreign files are told apart from wrong rows."""
    path = tmp_path / name
    make(path)
    with pytest.raises(ConfigError, match=said):
        read(path)


def test_a_header_without_rows_has_no_ticks(tmp_path: Path) -> None:
    """An empty recording is no fault."""
    assert read(csv_file(tmp_path, "")) == []


def test_parquet_prices_may_be_decimal_float_or_integer(tmp_path: Path) -> None:
    """Floats are read as their shortest decimal text; decimals keep every digit."""
    path = tmp_path / "t.parquet"
    pq.write_table(
        pa.table(
            {
                "received_ns": pa.array([5], pa.uint64()),
                "event_ns": pa.nulls(1),
                "source": pa.array(["a:B/C"]).dictionary_encode(),
                "bid": pa.array([0.1 + 0.2]),
                "ask": pa.array([Decimal("0.00000001")], pa.decimal128(38, 8)),
                "last": pa.array([3], pa.int32()),
            }
        ),
        path,
    )
    (tick,) = read(path)
    assert [Decimal(str(px)) for px in (tick.bid, tick.ask, tick.last)] == [
        Decimal(repr(0.1 + 0.2)),
        Decimal("0.00000001"),
        3,
    ]


def test_a_parquet_column_of_a_foreign_type_is_named(tmp_path: Path) -> None:
    """A type that is no price is refused by name."""
    path = tmp_path / "t.parquet"
    table = {"received_ns": [5], "event_ns": [5], "source": ["a:B/C"], "bid": [True]}
    pq.write_table(pa.table(table | {"ask": [None], "last": [1]}), path)
    with pytest.raises(ConfigError, match="column bid: given 'bool'"):
        read(path)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    """A tick file appears complete or not at all."""

    def write_and_fail() -> None:
        with TickFileWriter(tmp_path / "t.csv") as writer:
            writer.write([Tick("a:B/C", 1, 5, 5, last=Px(1, 0))])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert list(tmp_path.iterdir()) == []

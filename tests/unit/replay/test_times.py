"""Times as recorders write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.ticks.fields import Place
from feeds.ticks.formats.options import Options
from feeds.ticks.importing import import_ticks
from feeds.ticks.times import parse_unix_ns, unix_ns
from oracle.model.errors import ConfigError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = st.integers(1_200, 80_000)  # from 1973 to 2189


def _read(*texts: str) -> list[int]:
    batch = pa.table({"t": pa.array(texts, pa.string())})
    return [int(ns) for ns in unix_ns(batch, "t", Place("file", 0))]


@given(_DAYS, st.integers(0, 86_399_999_999_999), st.sampled_from([0, 3, 6, 9]), st.booleans())
def test_text_and_numbers_of_any_unit_read_alike(
    days: int, of_day_ns: int, digits: int, spaced: bool
) -> None:
    """ISO text, and the number in s, ms, us or ns, are the same time; alone and in columns."""
    unit = 10 ** (9 - digits)
    ns = (days * 86_400 * 10**9 + of_day_ns) // unit * unit
    whole = _EPOCH + timedelta(seconds=ns // 10**9)
    fraction = f".{ns % 10**9:09}"[: digits + 1] if digits else ""
    iso = whole.strftime("%Y-%m-%d %H:%M:%S" if spaced else "%Y-%m-%dT%H:%M:%S") + fraction
    assert parse_unix_ns(str(ns // unit)) == parse_unix_ns(iso) == parse_unix_ns(iso + "Z") == ns
    assert _read(str(ns // unit)) == _read(iso) == _read(iso + "+00:00") == [ns]


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "1.5e9", "2025-10-10", "2025-13-01T00:00:00Z", "2025-02-30 00:00:00"),
        *("2025-10-10T25:00:00Z", "2025-10-10T00:00:00+02:00", "2300-01-01T00:00:00Z", "9" * 20),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Nothing is guessed, and a local time is none."""
    assert parse_unix_ns(text) is None
    with pytest.raises(ConfigError, match="row 2, column t: given"):
        _read("1700000000" if "-" not in text else "2025-01-01 00:00", text)


def test_a_missing_time_is_refused() -> None:
    """A row without a time is no tick."""
    batch = pa.table({"t": pa.array(["1700000000", None])})
    with pytest.raises(ConfigError, match="row 2, column t: given None"):
        unix_ns(batch, "t", Place("file", 0))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_timestamps_are_times(tmp_path: Path, unit: str) -> None:
    """Candles that pandas wrote need no conversion."""
    path = tmp_path / "candles.parquet"
    begin = pa.array([1_760_000_000], pa.int64()).cast(pa.timestamp("s")).cast(pa.timestamp(unit))
    pq.write_table(pa.table({"Date": begin, "Close": [0.25], "Volume": [3]}), path)
    options = Options(source="a:B/C", interval_ns=10**9)
    import_ticks("candles", [path], tmp_path / "out.csv", options)
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == (
        "1760000001000000000,1760000001000000000,a:B/C,,,0.25,,,3,"
    )

"""Files of published figures, and the scores made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oracle.backtest.published import published, read_published
from oracle.backtest.score import score
from oracle.model.errors import ConfigError


def test_csv_and_parquet_read_alike(tmp_path: Path):
    """Rows come in order of time, an empty field is missing, markets are apart."""
    csv = tmp_path / "p.csv"
    csv.write_text("time_ns,market,mark\n20,ETH-USD,101\n10,ETH-USD,100\n10,BTC-USD,\n")
    parquet = tmp_path / "p.parquet"
    pq.write_table(
        pa.table(
            {
                "time_ns": [20, 10, 10],
                "market": ["ETH-USD", "ETH-USD", "BTC-USD"],
                "mark": [101.0, 100.0, None],
            }
        ),
        parquet,
    )
    for path in (csv, parquet):
        made = read_published(path)
        assert made["ETH-USD"].time_ns.tolist() == [10, 20]
        assert made["ETH-USD"].mark.tolist() == [100.0, 101.0]
        assert np.isnan(made["BTC-USD"].mark).all()
        assert np.isnan(made["ETH-USD"].index).all()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time_ns,market\n1,ETH-USD\n", "at least one of index, mark, funding"),
        ("time,market,mark\n1,ETH-USD,1\n", "needed are time_ns, market"),
        ("time_ns,market,mark\n1,ETH-USD,much\n", "p.csv: "),
        ("time_ns,market,mark\n,ETH-USD,1\n", "every row needs a time_ns"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, text: str, says: str):
    """The file is named, with what is needed."""
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_published(path)


def test_of_equal_times_the_last_counts():
    """A venue that corrects itself is taken at its last word."""
    made = published("ETH-USD", [10, 20, 10], mark=[1.0, 2.0, 3.0])
    assert (made.time_ns.tolist(), made.mark.tolist()) == ([10, 20], [3.0, 2.0])


def test_score_is_of_absolute_errors_and_counts_silence():
    """Errors of +10, -20, +30 bps, and one time without an answer."""
    truth = np.full(5, 100.0)
    truth[4] = np.nan
    made = score(np.array([100.1, 99.8, 100.3, np.nan, 100.0]), truth)
    assert (made.asked, made.answered) == (4, 3)
    assert made.median_bps == pytest.approx(20)
    assert made.worst_bps == pytest.approx(30)
    assert made.bias_bps == pytest.approx(10)


def test_score_of_silence_has_no_errors():
    """Nothing answered is not zero error."""
    made = score(np.full(3, np.nan), np.full(3, 100.0))
    assert (made.asked, made.answered, made.worst_bps) == (3, 0, None)

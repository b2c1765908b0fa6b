"""The main job on real input: Oct-10-2025, from recorded trades to marks on a real node."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.e2e.plumb import plumb
from tests.recorded import recorded

pytestmark = [pytest.mark.data, pytest.mark.evm]

CONFIG = Path(__file__).with_name("oct10.yaml")
FILES = [
    *(f"{venue}_trades_2025-10-10_{symbol}.csv.gz" for venue, symbol in (
        ("binance", "POLUSDT"), ("coinbase", "POL-USD"), ("gemini", "POLUSD"),
    )),
    *(f"{venue}_trades_2025-10-10_{base}{suffix}.csv.gz" for base in ("ATOM", "AVAX", "UNI")
      for venue, suffix in (
        ("coinbase", "-USD"), ("gemini", "USD"), ("binance-delivery", "USD_PERP"),
    )),
]  # fmt: skip
MARKETS = ("POL-USD", "ATOM-USD", "AVAX-USD", "UNI-USD")


def _ns(hour: int, minute: int) -> int:
    return int(datetime(2025, 10, 10, hour, minute, tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture(scope="module")
def crash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Import the whole day, and cut 21:10 to 21:22, the crash."""
    folder = tmp_path_factory.mktemp("oct10")
    day = folder / "day.parquet"
    sources = [recorded(f"multi_venue/oct10_2025/{name}") for name in FILES]
    done = plumb("ticks", "import", "--format", "tardis-trades", "--out", day, "--json", *sources)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ticks"] == 1_053_149
    ticks = pq.read_table(day)
    at = ticks["received_ns"]
    inside = pc.and_(pc.greater_equal(at, _ns(21, 10)), pc.less(at, _ns(21, 22)))
    cut = folder / "crash.parquet"
    pq.write_table(ticks.filter(inside), cut)
    return cut


@pytest.fixture(scope="module")
def replayed(crash: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """Replay the crash onto a real node."""
    out = tmp_path_factory.mktemp("replayed")
    done = plumb(
        "replay", crash, "--config", CONFIG, "--out", out, "--chain", "sandbox", "--json",
        timeout_s=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def test_the_chain_holds_what_the_engine_published(replayed):
    """The contract's marks, read back, are ours within the push policy's deviation."""
    _, made = replayed
    (chain,) = made["chains"]
    assert chain["updates"] > 50
    for name in MARKETS:
        held, ours = chain["markets"][name], made["markets"][name]
        if held["price"] is None:
            assert held["validity"] in ("HALTED", "MISSING")
            assert ours["last_mark"] is None
        else:
            assert held["price"] == pytest.approx(ours["last_mark"], rel=0.002)
        assert held["age_s"] <= 61


def test_every_step_is_in_both_files(replayed):
    """Parquet and CSV hold one row a market and second, with the columns that are promised."""
    out, made = replayed
    table = pq.read_table(out / "marks.parquet")
    assert table.column_names == [
        "ts_ns", "market", "index", "mark", "conf", "validity", "state",
        "sources_used", "sources_rejected",
    ]  # fmt: skip
    assert table.num_rows == made["steps"] * len(MARKETS)
    with (out / "marks.csv").open() as file:
        assert sum(1 for _ in file) == table.num_rows + 1


def test_the_index_stayed_where_the_spot_market_was(replayed):
    """Binance's perpetual fell 69 % below spot; the index of ATOM never left Coinbase's prints."""
    out, _ = replayed
    rows = pq.read_table(out / "marks.parquet", filters=[("market", "=", "ATOM-USD")])
    index = [value for value in rows["index"].to_pylist() if value is not None]
    marks = [value for value in rows["mark"].to_pylist() if value is not None]
    assert min(index) > 2.0  # Coinbase's low that day; the perpetual printed 1.105
    assert min(marks) > 2.0 * 0.95


def test_a_halted_market_has_no_mark(replayed):
    """HALTED and MISSING rows carry no price: never a frozen one."""
    out, _ = replayed
    for row in pq.read_table(out / "marks.parquet").to_pylist():
        if row["validity"] in ("HALTED", "MISSING"):
            assert row["mark"] is None


def test_a_replay_is_the_same_every_time(crash: Path, replayed, tmp_path: Path):
    """Without the chain, again: the same bytes of marks."""
    out, _ = replayed
    done = plumb("replay", crash, "--config", CONFIG, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "marks.csv").read_bytes() == (out / "marks.csv").read_bytes()

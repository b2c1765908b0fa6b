"""The main job on real input: Oct-10-2025, from recorded trades to marks on a real node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from oracle.cli.replay_figures import figures
from oracle.cli.replay_said import Replayed
from oracle.cli.replay_windows import window
from oracle.engine.reasons import Reason
from oracle.model.validity import BreakerState, Validity
from tests.e2e.plumb import plumb
from tests.replays.days import OCT10

pytestmark = pytest.mark.data

CRASH = "2025-10-10T21:10/2025-10-10T21:22"
HOUR = "2025-10-10T21:00/2025-10-10T22:00"
MARKETS = ("POL-USD", "ATOM-USD", "AVAX-USD", "UNI-USD", "TRX-USD", "BTC-USD")
WITH_A_PERP = ("ATOM-USD", "AVAX-USD", "UNI-USD", "TRX-USD")
TWO_ORIGINS = ("ATOM-USD", "AVAX-USD", "UNI-USD")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """Import the whole day."""
    files = OCT10.tick_files(tmp_path_factory.mktemp("oct10"))
    return pa.concat_tables([pq.read_table(file) for file in files]).sort_by("received_ns")


def _cut(day: pa.Table, interval: str, file: Path) -> Path:
    start_ns, end_ns = window(interval)
    at = day["received_ns"]
    pq.write_table(day.filter(pc.and_(pc.greater_equal(at, start_ns), pc.less(at, end_ns))), file)
    return file


@pytest.fixture(scope="module")
def crash(day: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cut 21:10 to 21:22, the crash."""
    return _cut(day, CRASH, tmp_path_factory.mktemp("crash") / "crash.parquet")


@pytest.fixture(scope="module")
def replayed(crash: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Replay the crash onto a real node."""
    out = tmp_path_factory.mktemp("replayed")
    done = plumb(
        "replay", crash, "--config", OCT10.config, "--out", out, "--chain", "sandbox", "--json",
        timeout_s=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


@pytest.fixture(scope="module")
def hour(day: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Replayed]:
    """Replay the worst hour, second by second beside every venue."""
    folder = tmp_path_factory.mktemp("hour")
    OCT10.replay([_cut(day, HOUR, folder / "hour.parquet")], folder)
    return OCT10.read(folder)


def _counted(run: Replayed) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the prices of the sources that count."""
    reasons = run.reasons[:, : len(run.market.sources)]
    return np.where(reasons == Reason.USED, run.spot, np.nan)


def test_the_whole_day_is_imported_with_both_its_clocks(day: pa.Table):
    """Every trade is a tick, and what came 49 seconds late is seen to have done so."""
    assert day.num_rows == 1_420_648 + 50_444
    late_s = pc.divide(pc.subtract(day["received_ns"], day["event_ns"]), 10**9)
    btc = pc.equal(day["source"], "gemini:BTC/USD")
    assert pc.max(late_s.filter(btc)).as_py() == 48
    assert pc.quantile(late_s, q=0.5)[0].as_py() == 0


@pytest.mark.evm
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


@pytest.mark.evm
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


@pytest.mark.evm
def test_a_halted_market_has_no_mark(replayed):
    """HALTED and MISSING rows carry no price: never a frozen one."""
    out, _ = replayed
    for row in pq.read_table(out / "marks.parquet").to_pylist():
        if row["validity"] in ("HALTED", "MISSING"):
            assert row["mark"] is None


@pytest.mark.evm
def test_a_replay_is_the_same_every_time(crash: Path, replayed, tmp_path: Path):
    """Without the chain, again: the same bytes of marks."""
    out, _ = replayed
    done = plumb("replay", crash, "--config", OCT10.config, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "marks.csv").read_bytes() == (out / "marks.csv").read_bytes()


@pytest.mark.parametrize("name", MARKETS)
def test_every_second_the_index_is_within_what_its_venues_said(hour: dict[str, Replayed], name):
    """Never outside of the fresh spot prices, whatever the perpetual prints."""
    run = hour[name]
    assert figures(run)["outside"] == {"steps": 0, "first_ns": None}
    assert np.isfinite(run.index).sum() > 2_000


def test_a_venue_off_by_a_third_never_carries_an_index_of_three_origins(hour: dict[str, Replayed]):
    """In every second in which the two others agree within 10 %, POL is worth what they say."""
    run = hour["POL-USD"]
    three = np.isfinite(_counted(run)).all(axis=1)
    low, middle, high = np.sort(run.spot[three], axis=1).T
    alone = (middle / low > 1.25) & (high / middle < 1.1)
    assert alone.sum() > 200, "the recording has such minutes"
    assert (run.index[three][alone] > low[alone] * 1.2).all()


@pytest.mark.parametrize("name", WITH_A_PERP)
def test_a_mad_perp_moves_the_mark_by_its_bound_and_no_further(hour: dict[str, Replayed], name):
    """One per cent, while three of the four perpetuals print more than 60 % below spot."""
    run = hour[name]
    worst = figures(run)
    assert abs(worst["distances"]["mark_to_index"]["worst"]) < 100.001
    if name in TWO_ORIGINS:
        assert worst["sources"][run.market.perps[0].source]["to_index"]["worst"] < -6_000


@pytest.mark.parametrize("name", [*TWO_ORIGINS, "POL-USD"])
def test_nothing_is_valid_while_the_venues_that_weigh_disagree(hour: dict[str, Replayed], name):
    """Beyond 3 % a market is TOO_UNCERTAIN at best; beyond 10 % it has no mark."""
    run = hour[name]
    pair = _counted(run)[:, :2]
    # Measured against the index, which is one of the two.
    apart = np.nanmax(np.abs(pair / run.index[:, None] - 1), axis=1, initial=0.0)
    assert (apart > 0.1).sum() > 300, "the recording has such minutes"
    assert not (apart > 0.0301)[run.validity == Validity.VALID].any()
    assert np.isnan(run.mark[apart > 0.1001]).all()


@pytest.mark.parametrize("name", [*TWO_ORIGINS, "POL-USD", "TRX-USD"])
def test_a_market_whose_venues_trade_is_not_missing(hour: dict[str, Replayed], name):
    """Venues that part are a reason to halt with a cause, not to say that there are none."""
    validity = hour[name].validity[30:]  # until each has traded once
    assert (validity == Validity.MISSING).sum() == 0


def test_one_silent_venue_is_missing_and_then_halted(hour: dict[str, Replayed]):
    """Gemini was heard of no more for minutes: no forward stands in for a spot price."""
    run = hour["BTC-USD"]
    silent = run.reasons[:, 0] == Reason.STALE
    assert silent.sum() > 200
    assert np.isnan(run.mark[silent]).all()
    stood = set(run.validity[silent].tolist())
    assert stood == {Validity.MISSING, Validity.HALTED}


def test_pol_goes_from_valid_by_guarded_to_halted(hour: dict[str, Replayed]):
    """The fall guards at 3 %, is too volatile at 10 %, and halts when the venues part."""
    run = hour["POL-USD"].within(window("2025-10-10T21:10/2025-10-10T21:30"))
    seen = [run.validity[0], *run.validity[1:][np.diff(run.validity) != 0]]
    firsts = list(dict.fromkeys(Validity(int(each)) for each in seen))
    order = [Validity.VALID, Validity.GUARDED, Validity.TOO_VOLATILE, Validity.HALTED]
    assert [each for each in firsts if each in order] == order
    halted = int(np.argmax(run.validity == Validity.HALTED))
    assert (run.state[halted:] == BreakerState.HALTED).all()
    assert np.isnan(run.mark[halted:]).all()

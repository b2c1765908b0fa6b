"""March 2023 on real input: USDC loses its peg, and BTC-USD does not care."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from oracle.backtest.naive import mean
from oracle.cli.replay_figures import apart, figures
from oracle.cli.replay_said import Replayed
from oracle.cli.replay_windows import window
from oracle.engine.reasons import Reason
from oracle.model.validity import Validity
from tests.replays.days import DEPEG

pytestmark = pytest.mark.data

WEEKEND = "2023-03-10T12:00/2023-03-13T12:00"
IN_USD = (0, 1)
IN_USDC = (5, 6)
"""Places of BTC-USD."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Replay the weekend in steps of ten seconds: the recording is of minutes."""
    folder = tmp_path_factory.mktemp("depeg")
    (file,) = DEPEG.tick_files(folder)
    ticks, (start_ns, end_ns) = pq.read_table(file), window(WEEKEND)
    at = ticks["received_ns"]
    inside = pc.and_(pc.greater_equal(at, start_ns), pc.less(at, end_ns))
    pq.write_table(ticks.filter(inside), folder / "weekend.parquet")
    DEPEG.replay([folder / "weekend.parquet"], folder, "--step", "10s")
    return folder


@pytest.fixture(scope="module")
def runs(out: Path) -> dict[str, Replayed]:
    """What every venue said, and what was published."""
    return DEPEG.read(out)


def _events(out: Path, market: str, kind: str) -> list[tuple[datetime, str]]:
    with (out / "events.csv").open(newline="") as file:
        return [
            (datetime.fromtimestamp(int(row["ts_ns"]) / 1e9, UTC), row["after"])
            for row in csv.DictReader(file)
            if (row["market"], row["kind"]) == (market, kind)
        ]


def _dollars(run: Replayed) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the mean of the two books in USD, which need no conversion."""
    return mean(run.spot[:, IN_USD], np.ones((len(run.time_ns), 2)))


def test_usdc_leaves_its_peg_and_comes_back_when_it_did(out: Path):
    """Off from 3 % on, in the night of 11 March; back for good within 1.5 %, late on the 12th."""
    events = _events(out, "USDC-USD", "peg")
    assert [after for _, after in events] == ["off peg", "on peg"] * 3
    assert datetime(2023, 3, 11, 3, 30, tzinfo=UTC) < events[0][0]
    assert events[0][0] < datetime(2023, 3, 11, 3, 40, tzinfo=UTC)
    assert datetime(2023, 3, 12, 22, 20, tzinfo=UTC) < events[-1][0]
    assert events[-1][0] < datetime(2023, 3, 12, 22, 35, tzinfo=UTC)
    assert _events(out, "USDT-USD", "peg") == []


def test_usdc_is_published_raw_and_never_valid_off_its_peg(runs: dict[str, Replayed]):
    """Whoever holds it as collateral sees 0.874, guarded."""
    usdc = runs["USDC-USD"]
    assert np.nanmin(usdc.mark) == 0.874
    assert not (usdc.validity == Validity.VALID)[usdc.index < 0.97].any()
    assert np.isfinite(usdc.mark[usdc.index < 0.97]).all()


def test_what_is_quoted_in_usdc_is_cut_and_comes_back(runs: dict[str, Replayed]):
    """While the peg is off by more than the cut nothing converts; later it counts again."""
    btc, usdc = runs["BTC-USD"], runs["USDC-USD"]
    reasons = btc.reasons[:, IN_USDC]
    assert not (reasons == Reason.USED)[usdc.index < 0.97].any()
    assert (reasons == Reason.CONVERSION_DEPEGGED).any(axis=1).sum() > 10_000
    late = btc.time_ns > window("2023-03-13T00:00/2023-03-13T12:00").start_ns
    assert (reasons[late] == Reason.USED).mean() > 0.8


def test_btc_stays_with_the_books_in_usd(runs: dict[str, Replayed]):
    """Within 30 bps while USDC is below 0.97, where a mean at par is more than 3 % off."""
    btc, usdc, usdt = (runs[name] for name in ("BTC-USD", "USDC-USD", "USDT-USD"))
    depegged = usdc.index < 0.97
    ours = apart(btc.time_ns[depegged], btc.index[depegged], _dollars(btc)[depegged])
    assert ours is not None
    assert ours["steps"] > 10_000
    assert abs(ours["worst"]) < 30
    rates = {"USDT-USD": usdt.index, "USDC-USD": usdc.index, None: np.ones(len(usdt.index))}
    par = btc.spot / np.stack([rates[source.edge] for source in btc.market.sources], axis=1)
    naive = apart(btc.time_ns, mean(par, np.ones_like(par)), _dollars(btc))
    assert naive is not None
    assert naive["worst"] > 300


def test_btc_is_valid_all_weekend(runs: dict[str, Replayed]):
    """A stablecoin's trouble is not BTC's: it has a price in every step, and a valid one."""
    btc = runs["BTC-USD"]
    assert (btc.validity[6:] == Validity.VALID).mean() > 0.99
    assert np.isfinite(btc.mark[6:]).all()
    for run in runs.values():
        assert figures(run)["outside"]["steps"] == 0


def test_a_sleeping_book_is_no_witness(runs: dict[str, Replayed]):
    """Binance.US repeats closes of minutes without a trade: that is frozen while USDC moves."""
    usdc = runs["USDC-USD"]
    asleep = usdc.reasons[:, 1] == Reason.FROZEN
    assert asleep.sum() > 500
    assert np.nanmax(np.abs(usdc.prices[:, 1] / usdc.index - 1)) > 0.1

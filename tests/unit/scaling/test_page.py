"""docs/scaling.md says what its figures and formulas give, and the formulas are the product's."""

from __future__ import annotations

import copy

import pytest

from oracle.committee.wire import observation, proposal
from oracle.report.report import MAX_GROUPS, MAX_MEMBERS, Leaf, Unsigned, sign_complete
from oracle.report.signature import COMPACT_BYTES
from tests.bench.scaling import arithmetic
from tests.bench.scaling.arithmetic import SIZES, THRESHOLD, Size, Sums
from tests.bench.scaling.page import FILE, figures, page, table


def _load(ticks: float, marks: float) -> dict[str, float]:
    """Return a load on which a tick costs 10 us, a mark 100 us, and a second nothing."""
    both, mark = (ticks * 10 + marks * 100) / 1e6, marks * 100 / 1e6
    cores = {"engine": both, "archive": both, "committee": mark, "api": mark}
    return {"ticks": ticks, "marks": marks} | {f"cpu_{role}": of for role, of in cores.items()}


ROUND = {
    "loads": [_load(1_000, 100), _load(5_000, 100), _load(5_000, 400)],
    "cpu_us": {"broker_tick": 1.0, "broker_mark": 10.0},
    "bytes": {
        "tick_log": 100.0,
        "mark_log": 1_000.0,
        "step_log": 0.0,
        "snapshot_market": 10_000.0,
        "tick_archive": 10.0,
        "mark_archive": 100.0,
    },
    "rss_mib": {"engine": 100.0, "engine_market": 1.0},
    "gas": {"market_of_100": 1_000.0},
}
"""Figures that can be summed in the head."""
SMALL = Size(100, 40, 10_000)


def test_the_page_has_the_table_that_its_figures_give():
    """Whoever changes a figure or a formula writes the page anew."""
    assert page(FILE.read_text(), figures()) == FILE.read_text()


def test_another_figure_gives_another_table():
    """So that the test above can fail."""
    changed = copy.deepcopy(figures())
    changed["bytes"]["tick_log"] *= 2
    assert table(changed) != table(figures())


def test_the_sums_are_those_of_the_head():
    """100 markets x 10 marks a second, 10,000 ticks a second, costs in round numbers."""
    sums = Sums(ROUND)
    assert sums.cores("engine", SMALL) == pytest.approx(0.1 + 0.1)
    assert sums.shard_markets(SMALL) == 248  # half a core at 2 ms a market and second, by fours
    assert sums.shards(SMALL) == 1
    assert sums.followed("archive", SMALL) == 250
    assert sums.cores_each("archive", SIZES[-1]) == pytest.approx(20 / 3)
    assert sums.log_mb_per_s(SMALL) == pytest.approx(1.0 + 1.0 + 0.1)
    assert sums.read_mb_per_s(SMALL) == pytest.approx(2 * 1.0 + 3 * 1.0)
    assert sums.broker_cores(SMALL) == pytest.approx(3 * (0.01 + 0.01))
    assert sums.broker_gbit_per_s(SMALL) == pytest.approx((2.1 + 2 * 4.2 + 5) * 8 / 1e3 / 3)
    assert sums.tick_disk_gb(SMALL) == pytest.approx(3 * 6 * 3.6)
    assert sums.archive_gb(SMALL) == pytest.approx((0.1 + 0.1) * 86.4)
    assert sums.gas_per_day(SMALL) == pytest.approx(100 * 1_000 * 1_440 / 1e9)
    assert sums.engine_mib(SMALL) == 200
    assert sums.snapshot_mb(SMALL) == 1


def test_a_cost_below_zero_counts_as_none():
    """Noise may make the smallest costs negative; they must not pay for others."""
    noisy = copy.deepcopy(ROUND)
    noisy["cpu_us"]["broker_mark"] = -100.0
    assert Sums(noisy).cores("broker", SMALL) == pytest.approx(0.01)


def test_loads_tell_ticks_marks_and_running_apart():
    """Three loads that differ in one thing each give back the costs that they were made of."""
    loads = [load | {"cpu_engine": load["cpu_engine"] + 0.02} for load in ROUND["loads"]]
    found = arithmetic.costs(loads)
    assert found["engine_second"] == pytest.approx(20_000)
    assert found["engine_tick"] == pytest.approx(10)
    assert found["engine_mark"] == pytest.approx(100)
    assert found["api_mark"] == pytest.approx(100)


def test_messages_are_as_long_as_the_page_says():
    """The real encoders, at the largest report that there can be, agree with the formulas."""
    most = Size(MAX_GROUPS * 4, 40, 1.0)
    sums = Sums(ROUND)
    assert sums.deployments(most) == 1
    assert sums.deployments(Size(MAX_GROUPS * 4 + 1, 40, 1.0)) == 2
    assert sums.groups(most) == MAX_GROUPS
    assert sums.observation_kb(most) * 1e3 == observation.MAX_BYTES
    each = 4 + observation.MAX_BYTES
    longest = sums.proposal_kb(most) * 1e3 + (MAX_MEMBERS - arithmetic.MEMBERS) * each
    assert longest == pytest.approx(proposal.MAX_BYTES)
    leaves = tuple(Leaf(group, 0, bytes(32)) for group in range(25))
    signatures = dict.fromkeys(range(THRESHOLD), bytes(COMPACT_BYTES))
    body = sign_complete(Unsigned(1, 1, bytes(32), leaves), signatures, THRESHOLD)
    assert sums.report_kb(SMALL) * 1e3 == len(body)


def test_the_sizes_are_those_asked_for():
    """Up to ten thousand markets of forty sources, a million ticks a second."""
    assert SIZES[-1] == Size(10_000, 40, 1_000_000)
    assert [size.ticks_per_s / size.markets for size in SIZES] == [100] * 3

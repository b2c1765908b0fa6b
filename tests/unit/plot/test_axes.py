"""Axes: where values come to lie, and which of them are named."""

from __future__ import annotations

import pytest

from oracle.cli.plot.axes import Axis, fitted, round_times, round_values
from oracle.cli.plot.curves import Curve


def _curve(*values: float | None) -> Curve:
    return Curve("c", "source s0", [(float(at), value) for at, value in enumerate(values)])


def test_a_value_outside_is_drawn_at_the_edge() -> None:
    """Nothing is drawn over the labels or the next panel."""
    axis = Axis(0.0, 10.0, 100.0, -50.0)
    assert [axis.at(v) for v in (-5.0, 0.0, 5.0, 10.0, 99.0)] == [100.0, 100.0, 75.0, 50.0, 50.0]


def test_an_axis_is_logarithmic_once_values_are_far_apart() -> None:
    """A price a thousand times too high does not flatten the others, zero lies at the edge."""
    near, far = fitted([_curve(100.0, 102.0)], 0, 100), fitted([_curve(0.0, 1.0, 1000.0)], 0, 100)
    assert near is not None
    assert not near.log
    assert far is not None
    assert far.log
    assert far.at(0.0) == 100.0
    assert far.at(10.0) - far.at(100.0) == pytest.approx(far.at(1.0) - far.at(10.0), abs=0.2)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.5, 2e3, [1.0, 10.0, 100.0, 1000.0]),
        (0.03, 1.1, [0.05, 0.1, 0.2, 0.5, 1.0]),
        (1e-5, 90.0, [1e-5, 1e-3, 1e-1, 10.0]),
    ],
)
def test_a_logarithmic_axis_names_decades_or_what_is_between(
    low: float, high: float, labels: list[float]
) -> None:
    """Few decades are divided, many are skipped."""
    assert Axis(low, high, 0.0, 1.0, log=True).labels(5) == pytest.approx(labels)


def test_an_axis_without_values_is_none_and_of_one_value_has_room() -> None:
    """No division by zero, whatever a market never had."""
    assert fitted([_curve(None, None)], 0, 100) is None
    flat = fitted([_curve(0.0)], 0, 100)
    assert flat is not None
    assert flat.low < 0.0 < flat.high


def test_labels_are_round() -> None:
    """In steps of 1, 2, 2.5 or 5 times a power of ten."""
    assert round_values(0.0, 1.0, 5) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert round_values(3.0, 3.0, 5) == [3.0]


@pytest.mark.parametrize(
    ("end_s", "words"),
    [
        (90.0, ["0 s", "10 s", "20 s"]),
        (1_200.0, ["0 min", "5 min", "10 min"]),
        (93_600.0, ["0 h", "3 h", "6 h"]),
        (864_000.0, ["0 d", "2 d", "4 d"]),
    ],
)
def test_times_are_named_in_the_unit_that_people_count_in(end_s: float, words: list[str]) -> None:
    """Seconds, minutes, hours, days."""
    assert [text for _, text in round_times(0.0, end_s, 9)][:3] == words

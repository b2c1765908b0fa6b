"""Recordings: merging, cutting into steps, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from oracle.backtest.recording import merge, series
from oracle.model.errors import ConfigError
from tests.unit.backtest.made_up import T0, S, flat


def test_merged_in_order_of_receive_time():
    """Sources come in name order only where times are equal."""
    late = series("alpha:ETH/USD", [T0, T0 + 2 * S], last=[1.0, 2.0])
    early = series("beta:ETH/USD", [T0, T0 + S], last=[3.0, 4.0])
    made = merge([early, late])
    assert [made.sources[at] for at in made.source_at] == [
        "alpha:ETH/USD",
        "beta:ETH/USD",
        "beta:ETH/USD",
        "alpha:ETH/USD",
    ]
    assert made.last.tolist() == [1.0, 3.0, 4.0, 2.0]


def test_steps_hold_what_was_received_up_to_them():
    """A tick at a step's own time is in it; steps without ticks come too."""
    made = series("alpha:ETH/USD", [T0, T0 + 1, T0 + 3 * S], last=[1.0, 2.0, 3.0])
    steps = [(now_ns - T0, [str(t.last) for t in batch.ticks()]) for now_ns, batch in made.steps(S)]
    assert steps == [
        (0, ["1.0000000000"]),
        (S, ["2.0000000000"]),
        (2 * S, []),
        (3 * S, ["3.0000000000"]),
    ]


def test_both_clocks_and_every_column_reach_the_tick():
    """Event time, quote, trade, size and funding rate are kept apart."""
    made = series(
        "alpha:ETH/USD:USD",
        [T0],
        event_ns=[T0 - 5],
        bid=[99.5],
        ask=[100.5],
        last=[100.25],
        size=[0.5],
        funding=[0.0001],
    )
    ((_, batch),) = made.steps(S)
    (tick,) = batch.ticks()
    assert (tick.received_ns, tick.event_ns) == (T0, T0 - 5)
    assert [float(str(x)) for x in (tick.bid, tick.ask, tick.last, tick.last_size)] == [
        99.5,
        100.5,
        100.25,
        0.5,
    ]
    assert tick.funding_e12 == 10**8


def test_between_cuts_by_receive_time():
    """The first time is in, the last is not."""
    made = flat({"alpha:ETH/USD": 100.0}, count=10).between(T0 + 2 * S, T0 + 5 * S)
    assert (np.diff(made.received_ns) == S).all()
    assert (made.received_ns[0], len(made)) == (T0 + 2 * S, 3)


def test_an_unknown_column_is_refused():
    """A misspelt column would be a silent loss."""
    with pytest.raises(ValueError, match="unknown columns \\['price'\\]"):
        series("alpha:ETH/USD", [T0], price=[1.0])


def test_nothing_to_run_is_said():
    """An empty recording is an error, not an empty result."""
    with pytest.raises(ConfigError, match="no ticks"):
        next(flat({"alpha:ETH/USD": 1.0}, count=0).steps(S))

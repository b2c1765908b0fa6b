"""What liars send, and that nobody else's prices change."""

from __future__ import annotations

import numpy as np
import pytest

from oracle.backtest.corruption import KINDS, MINUTE_NS, Window, attacked, corrupt, windows

RANDOM = np.random.default_rng(7)
TIMES = np.arange(240, dtype=np.int64) * MINUTE_NS
HONEST = 100.0 * np.exp(np.cumsum(RANDOM.normal(0, 1e-4, (240, 5)), axis=0))
ATTACKS = [Window(60, 120, np.array([3, 1, 0, 2, 4])), Window(180, 240, np.array([2, 4, 3, 1, 0]))]


def _lies(kind: str, count: int = 2) -> np.ndarray:
    return corrupt(HONEST, TIMES, ATTACKS, kind, count, np.random.default_rng(1))


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_chosen_lie_and_only_in_their_windows(kind: str):
    """Two of five lie in each window; everyone else sends what was recorded."""
    same = _lies(kind) == HONEST
    assert same[:60].all()
    assert same[120:180].all()
    assert same[60:120][:, [0, 2, 4]].all()
    assert same[180:][:, [0, 1, 3]].all()
    assert not same[60:120][:, [3, 1]].all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_silent_source_does_not_speak_to_lie(kind: str):
    """Where a source had no price, its lie has none either."""
    honest = HONEST.copy()
    honest[70:80, 3] = np.nan
    made = corrupt(honest, TIMES, ATTACKS, kind, 2, np.random.default_rng(1))
    assert (np.isnan(made) == np.isnan(honest)).all()


def test_frozen_repeats_the_first_price():
    """The price of the window's first step stands still."""
    assert (_lies("frozen")[60:120, 3] == HONEST[60, 3]).all()


def test_scaled_is_off_by_its_factor():
    """Ten times, and a hundred-millionth."""
    assert _lies("scaled x10")[60:120, 3] == pytest.approx(HONEST[60:120, 3] * 10)
    assert _lies("scaled x1e-8")[60:120, 3] == pytest.approx(HONEST[60:120, 3] * 1e-8)


def test_drifting_creeps_by_a_thousandth_a_minute():
    """5.9 % after 59 minutes, both liars the same way."""
    off = _lies("drifting 0.1 %/min")[60:120] / HONEST[60:120] - 1
    assert abs(off[59, 3]) == pytest.approx(0.059)
    assert off[59, 3] == pytest.approx(off[59, 1])


def test_wicking_jumps_now_and_then():
    """Some steps are 10 % off, most are honest."""
    off = np.abs(_lies("wicking 10 %")[60:120][:, [3, 1]] / HONEST[60:120][:, [3, 1]] - 1)
    jumped = off > 1e-9
    assert off[jumped] == pytest.approx(0.10)
    assert 0 < jumped.mean() < 0.2


def test_colluders_say_the_same():
    """One common price, 2 % off."""
    made = _lies("colluding 2 %")[60:120]
    assert (made[:, 3] == made[:, 1]).all()
    assert np.abs(made[:, 3] / HONEST[60:120, 3] - 1) == pytest.approx(0.02, abs=0.005)


def test_windows_alternate_and_fit():
    """An hour of honesty before each hour of lies, none beyond the end."""
    made = windows(TIMES, 5, RANDOM, attack_ns=60 * MINUTE_NS, rest_ns=60 * MINUTE_NS)
    assert [(each.first, each.end) for each in made] == [(60, 120)]
    assert sorted(made[0].corrupted.tolist()) == [0, 1, 2, 3, 4]
    assert attacked(240, made).sum() == 60

"""Every incident holds, whatever the noise; and each shows what it is there to show."""

from __future__ import annotations

import math

import pytest

from oracle.incidents.catalogue import SCENARIOS
from oracle.incidents.run import play
from oracle.incidents.telling import as_data, told
from oracle.model.validity import PRICED
from tests.incidents.runs import SEEDS, failing, run_of

TRUE_MOVES = {"yfi-2023-11-17", "capo-2026-03"}
"""Here all venues were right: the plain mean is right as well, and another design was wrong."""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_what_must_hold_holds(name: str, seed: int) -> None:
    """Every claim of the scenario is true of the run, and so is that plain aggregates fail."""
    assert failing(run_of(name, seed)) == {}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_plain_aggregate_is_visibly_wrong(name: str) -> None:
    """A replay in which the mean does as well proves nothing, unless the market truly moved."""
    assert bool(SCENARIOS[name].naive) is (name not in TRUE_MOVES)


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_published_without_a_validity_that_carries_it(name: str) -> None:
    """A price exists exactly while the validity comes with one, in every market at every step."""
    for moments in run_of(name).moments.values():
        assert all((moment.mark is not None) == (moment.validity in PRICED) for moment in moments)


def test_the_same_seed_gives_the_same_run_and_another_does_not() -> None:
    """A replay is a pure function of its seed."""
    name = "moonwell-2025-11"
    again = play(SCENARIOS[name], 1)
    assert as_data(again) == as_data(run_of(name, 1))
    assert as_data(run_of(name, 2)) != as_data(run_of(name, 1))


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_is_told_in_figures(name: str) -> None:
    """The sentence says how far plain aggregates were off, and how long each validity stood."""
    run = run_of(name)
    sentence = told(run)
    assert "plain mean" in sentence
    assert all(validity in sentence for validity in run.seconds())
    assert math.isclose(sum(run.seconds().values()), run.scenario.length_s)


@pytest.mark.parametrize("name", SCENARIOS)
def test_its_notes_lie_within_it_and_its_markets_exist(name: str) -> None:
    """What the plot points at can be seen."""
    scenario = SCENARIOS[name]
    times = [note.t_s for note in scenario.notes]
    assert times == sorted(times)
    assert all(0 <= t_s <= scenario.length_s for t_s in times)
    assert set(scenario.markets) <= run_of(name).moments.keys()
    assert scenario.id == name

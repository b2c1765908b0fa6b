"""Runs that several tests look at, each made once."""

from __future__ import annotations

from functools import cache

from oracle.incidents.catalogue import SCENARIOS
from oracle.incidents.recording import Run
from oracle.incidents.run import play
from oracle.incidents.scenario import DEFAULT_SEED

SEEDS = (DEFAULT_SEED, 2, 3)


def run_of(name: str, seed: int = DEFAULT_SEED) -> Run:
    """Return a scenario's run with all its defences."""
    return _played(name, seed)


@cache
def _played(name: str, seed: int) -> Run:
    return play(SCENARIOS[name], seed)


def failing(run: Run) -> dict[str, str]:
    """Return what our checks and those of the plain aggregates refuse, with the figure."""
    checks = (*run.scenario.checks, *run.scenario.naive)
    found = {check.name: check.judge(run) for check in checks}
    return {name: finding.seen for name, finding in found.items() if not finding.ok}

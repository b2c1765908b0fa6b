"""The soak of `make soak`, short; and that its schedule keeps its word."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.integration.chaos.schedule import ENDPOINTS, LIES, SILENCES, windows
from tests.integration.chaos.soak import soak

pytestmark = pytest.mark.evm
SEED = 2904
"""In each of its first windows the first endpoint and another are silent."""
DURATION_S = 10.0
OLDEST_S = 30.0
"""Far beyond the limit: how busy the machine is must not decide."""


def test_one_endpoint_is_sound_and_two_beside_a_liar() -> None:
    """Otherwise no relayer could keep a chain fresh; and every fault is drawn some time."""
    drawn = set()
    for window in itertools.islice(windows(SEED), 500):
        ills = [ill for ill in window.ills if ill is not None]
        assert len(ills) < ENDPOINTS
        assert len(ills) == 1 or not any(ill.lies for ill in ills)
        drawn |= set(ills)

    assert drawn == {*SILENCES, *LIES}


def test_a_schedule_repeats() -> None:
    """A seed that failed can be looked at again."""
    first = list(itertools.islice(windows(1), 20))

    assert list(itertools.islice(windows(1), 20)) == first
    assert list(itertools.islice(windows(2), 20)) != first


async def test_stays_fresh_and_ends_right(tmp_path: Path) -> None:
    """The newest mark is there at last, and none was for ever; `make soak` holds the real limit."""
    outcome = await soak(tmp_path, seed=SEED, duration_s=DURATION_S)

    assert outcome.oldest_s < OLDEST_S, str(outcome)
    assert sum(outcome.ills.values()) > 0
    assert outcome.pushes > outcome.windows

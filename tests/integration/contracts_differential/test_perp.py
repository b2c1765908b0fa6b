"""Whole stories: the contracts and the model agree to the unit after each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given

from tests.integration.contracts_differential.perp_deployment import open_perp_site
from tests.integration.contracts_differential.perp_reading import (
    Reading,
    differences,
    expected_of,
    reading_calls,
    reading_of,
)
from tests.integration.contracts_differential.perp_site import (
    Answer,
    Block,
    PerpSite,
    opening_calls,
)
from tests.property.perp_actions import Action, stories
from tests.property.perp_market import Call
from tests.property.perp_player import Player

pytestmark = pytest.mark.evm


class Step(NamedTuple):
    """One action, the call that does it, and what holds after it."""

    action: Action
    call: Call
    after: Reading


@pytest.fixture(scope="module")
def site() -> Iterator[PerpSite]:
    """One node with the framework."""
    with open_perp_site() as opened:
        yield opened


def steps_of(site: PerpSite, story: Sequence[Action]) -> tuple[list[Step], list[Block]]:
    """Play a story to the model; return the steps, and the blocks that do the same."""
    player = Player()
    steps: list[Step] = []
    blocks = [Block(player.book.now_s, opening_calls(site))]
    for action in story:
        call = player.play(action)
        if player.book.now_s != blocks[-1].time_s:
            blocks.append(Block(player.book.now_s, []))
        if call is not None:
            steps.append(Step(action, call, expected_of(player)))
            reads = reading_calls(site, player.book)
            blocks[-1] = blocks[-1]._replace(calls=[*blocks[-1].calls, site.calldata(call), *reads])
    return steps, blocks


def assert_alike(site: PerpSite, step: Step, done: Answer, reads: Sequence[Answer]) -> None:
    """The call ends as the model says, and then everything is as it says."""
    assert done.error == step.call.error, step
    different = differences(step.after, reading_of(site, reads))
    assert not different, f"after {step.action}: model, contracts: {different}"


@given(story=stories())
def test_a_story_ends_alike(site: PerpSite, story: Sequence[Action]) -> None:
    """Cash, collateral, positions, funding, margins, deficits, and each refusal by its name."""
    steps, blocks = steps_of(site, story)
    answers = site.run(blocks)[len(opening_calls(site)) :]
    each = len(answers) // max(len(steps), 1)
    for at, step in enumerate(steps):
        done, *reads = answers[at * each : (at + 1) * each]
        assert_alike(site, step, done, reads)

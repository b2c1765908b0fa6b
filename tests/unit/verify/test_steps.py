"""The steps that an observation is of."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from oracle.archive.read import Step
from oracle.committee.rounds.observing import seen
from oracle.committee.steps import Steps
from oracle.model.validity import Validity
from oracle.verify.evidence import Claim
from oracle.verify.findings import Differs
from oracle.verify.steps import Taken, check_manifests, root_of, silent_in
from tests.unit.committee.test_steps import MARKETS, S, step
from tests.unit.committee.test_steps import T0 as LATER
from tests.unit.verify.rounds import PROPOSED, TERMS
from tests.unit.verify.test_history import T0, steps

OBSERVATION = PROPOSED.proposal.observations[0]
ONE = steps(1)


def checked(held: Sequence[Step], time_ns: int) -> str:
    """Check an observation that its member signed of these steps."""
    claim = Claim("member 0", time_ns, root_of(held), b"", (), OBSERVATION)
    return check_manifests(claim, held, lambda _: iter(()))


def test_an_observation_has_the_time_of_its_step():
    """A member that dates an old step as of now has its marks refused, though all is signed."""
    assert "step 1 of shard 0" in checked(ONE, T0)
    with pytest.raises(Differs, match=f"member 0: time_ns: .*, {T0}, found {T0 + 1}"):
        checked(ONE, T0 + 1)


def test_an_observation_of_no_step():
    """A root of nothing proves nothing."""
    with pytest.raises(Differs, match="a step of one shard or more"):
        checked([], T0)


def test_a_view_without_a_silent_shard():
    """What its member said of the markets that nobody computed is made again."""
    views = Steps(MARKETS, 2)
    for second in range(4):
        view = views.take(step(0, second, LATER + second * S))
    assert view is not None
    assert [mark.validity for mark in view.marks if mark.market == "C-USD"] == [Validity.MISSING]
    terms = TERMS._replace(numbers=MARKETS, shards=((), ()))
    held = (Step(0, "run", 0, view.manifests[0], 5),)
    made = tuple(mark for mark in view.marks if mark.market != "C-USD")
    silent = silent_in(held, terms)
    assert silent == {"C-USD": 4}
    assert Taken(held, (made,), silent).seen(view.time_ns) == seen(view)

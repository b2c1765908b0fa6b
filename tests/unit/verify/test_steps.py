"""The steps that an observation is of."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from oracle.archive.read import Step
from oracle.verify.evidence import Claim
from oracle.verify.findings import Differs
from oracle.verify.steps import check_manifests, root_of
from tests.unit.verify.rounds import PROPOSED
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

"""From a step to an observation: which round it is of, and what it says."""

from __future__ import annotations

import pytest

from oracle.committee.rounds.observing import Round, round_of, seen
from oracle.committee.rounds.rules import AcceptedConfig, Rules
from oracle.committee.steps import View
from oracle.committee.wire.observation import Last, Observation
from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.errors import ConfigError
from oracle.model.fixed import Px
from oracle.model.messages import Mark, StepManifest
from oracle.model.validity import BreakerState, Validity
from oracle.report.committee import Committee
from oracle.report.word import decode_word
from tests.unit.committee_node.links import MEMBERS, SALT

RULES = Rules(Committee(SALT, 1, 5, MEMBERS), (AcceptedConfig(bytes(32)),), 500, 125)
T0 = 1_790_000_000_000


def _mark(number: int, **changes) -> Mark:
    fields = {
        "market": f"M{number}-USD", "number": number, "sequence": 3, "time_ns": T0 * 10**6,
        "validity": Validity.VALID, "reason": "", "state": BreakerState.NORMAL,
        "index": Px(100, 0), "mark": Px(101, 0), "twap": None, "conf_e8": 5000, "premium_e8": 100,
        "newest_event_ns": 0, "newest_received_ns": 0, "sources": (),
    }  # fmt: skip
    return Mark(**(fields | changes))


def _view(*marks: Mark, time_ns: int = T0 * 10**6 + 7) -> View:
    manifest = StepManifest("0", 3, time_ns, 0, {}, {}, {})
    return View(time_ns, (manifest,), tuple(sorted(marks, key=lambda mark: mark.number)))


@pytest.mark.parametrize(
    ("after_ms", "view"), [(0, 0), (124, 0), (125, 1), (374, 2), (375, 3), (499, 3)]
)
def test_a_step_is_of_the_round_whose_window_it_is_in(after_ms, view):
    """Every ms of a slot belongs to one view, and the next slot begins with view 0."""
    assert round_of(RULES, T0 + after_ms) == Round(T0, view)
    first, after = RULES.window(T0, view)
    assert first <= T0 + after_ms < after
    assert round_of(RULES, T0 + 500) == Round(T0 + 500, 0)


def test_views_have_leaders_of_their_own():
    """A slot's views are led by different members, and none lies outside its slot."""
    assert RULES.views == 4
    assert len({RULES.leader(T0, view) for view in range(4)}) == 4
    assert RULES.window(T0, 3)[1] == T0 + 500


def test_views_must_fit_into_the_slot():
    """A view that would reach into the next slot is refused at the start."""
    with pytest.raises(ConfigError, match="whole number of times"):
        RULES._replace(view_ms=200).check()


def test_a_view_too_many_is_refused():
    """An observation cannot invent a leader's turn."""
    member = seen(_view(_mark(0)))
    made = Observation(
        SALT, 1, T0, 4, 0, *member[:1], bytes(32), *member[2:], Last(), member.words
    )  # fmt: skip
    with pytest.raises(Refused) as refused:
        RULES.check_timely(made, T0, 4)
    assert refused.value.refusal.reason is Reason.OTHER_ROUND


def test_words_have_every_group_up_to_the_last_market():
    """A group between others that has no market is there, empty, at the same time."""
    said = seen(_view(_mark(9, mark=Px(2, 0)), _mark(1)))
    words = [decode_word(word) for word in said.words]
    assert [word.time_ms for word in words] == [T0] * 3
    assert words[0].entries[1].validity is Validity.VALID
    assert words[1].entries[0].validity is Validity.HALTED
    assert words[2].entries[1].price == Px(20_000_000, -7)


def test_digests_name_inputs_and_state():
    """Another manifest is another inputs root, another mark another state."""
    plain = seen(_view(_mark(0)))
    assert seen(_view(_mark(0), time_ns=T0 * 10**6 + 8)).inputs_root != plain.inputs_root
    assert seen(_view(_mark(0, reason="x"))).state_digest != plain.state_digest
    assert seen(_view(_mark(0, reason="x"))).words == plain.words

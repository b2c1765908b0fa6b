"""How often a committee tries while no reports come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.committee.rounds.observing import Round
from oracle.committee.rounds.pace import LONGEST_MS, is_tried, stride
from oracle.committee.rounds.rules import AcceptedConfig, Rules
from oracle.report.committee import Committee
from tests.unit.committee_node.links import SALT

SLOT_MS = 250
T0 = 1_790_000_000_000


def _rules(size: int) -> Rules:
    members = tuple(n.to_bytes(20, "big") for n in range(1, size + 1))
    configs = (AcceptedConfig(bytes(32)),)
    return Rules(Committee(SALT, 1, size, members), configs, SLOT_MS, SLOT_MS // 2)


@pytest.mark.parametrize(
    ("lost", "wanted"), [(0, 1), (4, 1), (5, 1), (6, 2), (7, 2), (8, 4), (100, 16), (10**6, 16)]
)
def test_strides_grow_with_what_is_lost(lost, wanted):
    """Two dead leaders in a row are no reason to slow down; a long outage is, up to a bound."""
    rules = _rules(7)
    assert stride(rules, T0, T0 + lost * SLOT_MS) == wanted
    assert wanted * SLOT_MS <= LONGEST_MS


def test_only_first_views_of_far_slots_are_tried():
    """A round that gets more time is not overtaken by its own slot's second view."""
    rules = _rules(7)
    first = T0 - T0 // SLOT_MS % 16 * SLOT_MS
    assert is_tried(rules, first - 100 * SLOT_MS, Round(first, 0))
    assert not is_tried(rules, first - 100 * SLOT_MS, Round(first, 1))
    assert not is_tried(rules, first - 100 * SLOT_MS, Round(first + SLOT_MS, 0))
    assert is_tried(rules, first, Round(first + SLOT_MS, 1))


@given(st.integers(4, 32), st.integers(0, 4000), st.integers(0, 4000), st.integers(0, 10**6))
def test_who_knows_less_tries_some_of_the_same_slots(size, newer, older, at):
    """Whoever missed reports tries a part of the slots that the others try, so they meet."""
    rules = _rules(size)
    slot = (T0 // SLOT_MS + at) * SLOT_MS
    less, more = slot - max(newer, older) * SLOT_MS, slot - min(newer, older) * SLOT_MS
    if is_tried(rules, less, Round(slot, 0)):
        assert is_tried(rules, more, Round(slot, 0))


@given(st.integers(4, 32), st.integers(0, 4000))
def test_every_member_still_leads(size, lost):
    """However far apart the tries, each member has its turn: dead ones cannot have them all."""
    rules = _rules(size)
    step = stride(rules, T0, T0 + lost * SLOT_MS)
    assert len({rules.leader(n * step * SLOT_MS, 0) for n in range(size)}) == size

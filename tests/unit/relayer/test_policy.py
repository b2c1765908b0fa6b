"""When a group is pushed: cases, and what holds for any words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.model.fixed import Px
from oracle.model.validity import PRICED, Validity
from oracle.report.word import ENTRY_BITS, Entry
from relayer.policy import (
    AT_ONCE,
    Push,
    PushPolicy,
    Reason,
    decide,
    deviation_bps,
    overlaid,
    split,
    strongest,
    unheard,
)
from relayer.stored import stored_entry, stored_ms
from tests.unit.relayer.words import NEVER, T0_MS, valid, word

POLICY = PushPolicy(deviation_bps=10.0, heartbeat_ms=60_000, confidence=3.0)
HELD = word(0, valid(100_000, conf_e8=200_000))


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (word(1, valid(100_100)), Reason.DEVIATION),
        (word(1, valid(99_900)), Reason.DEVIATION),
        (word(1, valid(100_099)), None),
        (word(1, valid(100_050)), None),
        (word(1, Entry(Validity.HALTED)), Reason.VALIDITY),
        (word(1, Entry(Validity.MISSING)), Reason.VALIDITY),
        (word(1, valid(validity=Validity.GUARDED)), Reason.VALIDITY),
        (word(1, valid(100_000, conf_e8=600_000)), Reason.CONFIDENCE),
        (word(1, valid(100_000, conf_e8=500_000)), None),
        (word(59_999, valid(100_000, conf_e8=200_000)), None),
        (word(60_000, valid(100_000, conf_e8=200_000)), Reason.HEARTBEAT),
        (word(0, valid(200_000)), None),
        (word(-1, valid(200_000)), None),
        (word(90_000, valid(100_100, conf_e8=900_000)), Reason.DEVIATION),
    ],
)
def test_one_group(offered: bytes, reason: Reason | None) -> None:
    """Each limit is inclusive, the strongest reason is given, and older words never go."""
    pushes = decide({0: HELD}, {0: offered}, {0: POLICY})

    assert pushes == ([] if reason is None else [Push(0, reason)])


def test_a_doubted_offer_is_not_pushed_again_and_again_onto_a_held_jump() -> None:
    """The chain would read TOO_VOLATILE still: only what can end the hold is a change."""
    held = word(0, valid(validity=Validity.TOO_VOLATILE))
    doubted = word(1, valid(validity=Validity.TOO_UNCERTAIN))
    guarded = word(1, valid(validity=Validity.GUARDED))
    worse = word(1, Entry(Validity.HALTED))

    assert decide({0: held}, {0: doubted}, {0: POLICY}) == []
    assert decide({0: held}, {0: guarded}, {0: POLICY}) == [Push(0, Reason.VALIDITY)]
    assert decide({0: held}, {0: worse}, {0: POLICY}) == [Push(0, Reason.VALIDITY)]
    assert decide({0: doubted}, {0: word(2, valid())}, {0: POLICY}) == [Push(0, Reason.VALIDITY)]


@pytest.mark.parametrize("held", [{}, {0: NEVER}, {0: (1 << 212).to_bytes(32, "big")}])
def test_a_group_never_stored_goes_first(held: dict[int, bytes]) -> None:
    """Not known, empty, and empty but for a pause are all 'never stored'."""
    assert decide(held, {0: word(0)}, {0: POLICY}) == [Push(0, Reason.FIRST)]


def test_confidence_below_the_deviation_is_noise() -> None:
    """A half-width that triples far below the deviation limit moves nobody's decision."""
    held, offered = word(0, valid(conf_e8=1_000)), word(1, valid(conf_e8=90_000))

    assert decide({0: held}, {0: offered}, {0: POLICY}) == []


def test_narrowing_confidence_is_pushed() -> None:
    """Consumers refuse a wide confidence, so they need to learn that it is narrow again."""
    held, offered = word(0, valid(conf_e8=600_000)), word(1, valid(conf_e8=1_000))

    assert decide({0: held}, {0: offered}, {0: POLICY}) == [Push(0, Reason.CONFIDENCE)]


def test_a_halted_market_that_kept_its_price_is_not_pushed_again() -> None:
    """Contracts keep the last price under HALTED: that is no change of validity."""
    kept = int.from_bytes(word(0, valid(100_000)), "big") & ~(7 << ENTRY_BITS - 3)
    offered = word(1, Entry(Validity.HALTED))

    assert decide({0: kept.to_bytes(32, "big")}, {0: offered}, {0: POLICY}) == []


@pytest.mark.parametrize(
    "entry", [valid(), valid(900_000), Entry(Validity.HALTED), Entry(Validity.MISSING)]
)
def test_a_market_that_is_not_of_the_epoch_is_not_pushed_each_slot(entry: Entry) -> None:
    """The chain makes MISSING of it: that costs gas, and makes MISSING what others brought."""
    held, told = {0: word(0, Entry(Validity.MISSING))}, word(1, entry)

    assert decide(held, {0: told}, {0: POLICY}, unheard={0}) == []
    assert decide(held, {0: word(60_000, entry)}, {0: POLICY}, unheard={0}) == [
        Push(0, Reason.HEARTBEAT)
    ]
    back, halted = {0: word(0, valid())}, {0: word(1, Entry(Validity.HALTED))}
    assert decide(back, halted, {0: POLICY}, unheard={0}) == [Push(0, Reason.VALIDITY)]


@pytest.mark.parametrize(
    ("brought", "made_of_it", "found"),
    [
        (word(1, valid(), valid()), word(1, valid(), Entry(Validity.MISSING)), {1}),
        (word(1, Entry(Validity.HALTED)), word(1, Entry(Validity.MISSING)), {0}),
        (word(1, Entry(Validity.MISSING)), word(1, Entry(Validity.MISSING)), set()),
        (word(1, valid()), word(1, valid()), set()),
        (word(1, valid()), word(1, valid(validity=Validity.TOO_VOLATILE)), set()),
        (word(1, valid()), word(2, Entry(Validity.MISSING)), set()),
        (word(1, valid()), NEVER, set()),
    ],
)
def test_what_a_chain_makes_missing_is_unheard(
    brought: bytes, made_of_it: bytes, found: set[int]
) -> None:
    """Of the very word that was brought: not another's, and not a jump that is held."""
    assert unheard({0: brought}, {0: made_of_it}) == found
    assert unheard({3: brought}, {3: made_of_it}) == {12 + market for market in found}


def test_a_market_without_policy_pushes_nothing() -> None:
    """Only the markets a chain takes count, in a group and as a group."""
    far = word(1, valid(100_000), valid(500_000))
    held = word(0, valid(100_000), valid(100_000))

    assert decide({0: held}, {0: far, 1: far}, {0: POLICY}) == []
    assert decide({0: held}, {0: far, 1: far}, {1: POLICY}) == [Push(0, Reason.DEVIATION)]


def test_near_its_limit_a_group_rides_along() -> None:
    """Half-way in deviation or age joins a push, but starts none."""
    held = {group: word(0) for group in range(4)}
    near = {0: word(1, valid(100_050)), 1: word(30_000), 2: word(29_999)}
    policies = {0: POLICY, 4: POLICY, 8: POLICY, 12: POLICY}

    assert decide(held, near, policies) == []
    assert decide(held, near | {3: word(1, valid(101_000))}, policies) == [
        Push(0, Reason.EARLY),
        Push(1, Reason.EARLY),
        Push(3, Reason.DEVIATION),
    ]
    alone = dict.fromkeys(policies, replace(POLICY, early=1.0))
    assert decide(held, near | {3: word(1, valid(101_000))}, alone) == [Push(3, Reason.DEVIATION)]


def test_each_market_has_its_own_limits() -> None:
    """A tier with a wide deviation does not push where a narrow one does."""
    held, offered = word(0, valid(), valid()), word(1, valid(), valid(100_500))

    assert decide({0: held}, {0: offered}, {0: POLICY, 1: replace(POLICY, deviation_bps=51)}) == []
    assert decide({0: held}, {0: offered}, {0: POLICY, 1: replace(POLICY, deviation_bps=50)})


def test_strongest_reason_names_the_transaction() -> None:
    """A transaction of several groups is sent for the strongest of their reasons."""
    pushes = [Push(0, Reason.EARLY), Push(1, Reason.HEARTBEAT), Push(2, Reason.VALIDITY)]

    assert strongest(pushes) is Reason.VALIDITY


def test_deviation_survives_extreme_prices() -> None:
    """From the smallest to the largest price a report can carry."""
    assert deviation_bps(Px(1, -18), Px(99_999_999, 13)) == pytest.approx(9.9999999e42)
    assert deviation_bps(Px(99_999_999, 13), Px(1, -18)) == pytest.approx(10_000)


prices = st.builds(Px, st.integers(10_000_000, 99_999_999), st.integers(-18, 13))
entries = st.one_of(
    st.builds(
        Entry,
        st.sampled_from(sorted(PRICED)),
        prices,
        st.integers(0, 10**8),
        st.none() | st.integers(-(10**6), 10**6),
    ),
    st.sampled_from([Entry(Validity.HALTED), Entry(Validity.MISSING)]),
)
words = st.builds(
    lambda age, four: word(age, *four),
    st.integers(0, 10**6),
    st.lists(entries, min_size=4, max_size=4),
)
groups = st.dictionaries(st.integers(0, 5), words, max_size=6)
policies = st.dictionaries(
    st.integers(0, 23),
    st.builds(
        PushPolicy,
        st.floats(0, 1e4),
        st.integers(1, 10**6),
        st.floats(1.01, 100),
        st.floats(0, 1),
    ),
)


@given(groups, groups, policies)
def test_what_is_pushed_is_newer_and_wanted(
    held: dict[int, bytes], offered: dict[int, bytes], rules: dict[int, PushPolicy]
) -> None:
    """Every push is of an offered group, newer than held, with a policy; in rising order."""
    pushed = [push.group for push in decide(held, offered, rules)]

    assert pushed == sorted(set(pushed))
    for group in pushed:
        assert any(market // 4 == group for market in rules)
        before, after = stored_ms(held.get(group, NEVER)), stored_ms(offered[group])
        assert before is None or (after is not None and after > before)


@given(groups, groups, policies)
def test_pushing_settles(
    held: dict[int, bytes], offered: dict[int, bytes], rules: dict[int, PushPolicy]
) -> None:
    """Once a chain holds what was pushed, the same offer pushes none of it again."""
    pushed = {push.group for push in decide(held, offered, rules)}
    after = held | {group: offered[group] for group in pushed}

    assert not pushed & {push.group for push in decide(after, offered, rules)}


@given(groups, groups, policies)
def test_early_joiners_start_nothing(
    held: dict[int, bytes], offered: dict[int, bytes], rules: dict[int, PushPolicy]
) -> None:
    """The groups with a reason of their own are the same with and without early joiners."""
    none_early = {market: replace(rule, early=1.0) for market, rule in rules.items()}
    own = [push for push in decide(held, offered, rules) if push.reason is not Reason.EARLY]

    assert [
        push for push in decide(held, offered, none_early) if push.reason is not Reason.EARLY
    ] == own


@given(words)
def test_a_word_as_signed_reads_the_same_when_stored(signed: bytes) -> None:
    """Reading stored words agrees with the report's own decoder, pauses or not."""
    paused = (int.from_bytes(signed, "big") | 15 << 212).to_bytes(32, "big")

    assert stored_ms(signed) == stored_ms(paused)
    for at in range(4):
        assert stored_entry(signed, at) == stored_entry(paused, at)
    assert (stored_ms(signed) or 0) >= T0_MS


@given(groups, groups, policies, st.sets(st.sampled_from(sorted(Reason))))
def test_only_the_reasons_that_count(
    held: dict[int, bytes], offered: dict[int, bytes], rules: dict[int, PushPolicy], some: set[str]
) -> None:
    """Fewer reasons push no group that all would not, and for no other reason than those."""
    everything = {push.group for push in decide(held, offered, rules)}
    pushes = decide(held, offered, rules, {Reason(name) for name in some})

    assert {push.reason for push in pushes} <= some
    if Reason.EARLY not in some:
        assert {push.group for push in pushes} <= everything


def test_a_weaker_reason_counts_where_the_strongest_does_not() -> None:
    """A market that moved and is old goes for its age when moves do not count."""
    offered = {0: word(60_000, valid(200_000))}

    assert decide({0: HELD}, offered, {0: POLICY}, {Reason.HEARTBEAT}) == [
        Push(0, Reason.HEARTBEAT)
    ]


def test_what_is_under_way_counts_as_held() -> None:
    """Of each group the newest word, whether stored or sent."""
    old, new, newer = word(0), word(1, valid(101_000)), word(2, valid(102_000))

    assert overlaid({0: new, 1: old}, [{0: old, 1: new}, {1: newer, 2: old}]) == {
        0: new,
        1: newer,
        2: old,
    }
    assert overlaid({0: NEVER}, [{0: old}]) == {0: old}
    assert decide(overlaid({0: old}, [{0: new}]), {0: newer}, {0: POLICY}, AT_ONCE) == []
    halted = word(3, Entry(Validity.HALTED))
    assert decide(overlaid({0: old}, [{0: new}]), {0: halted}, {0: POLICY}, AT_ONCE) == [
        Push(0, Reason.VALIDITY)
    ]


def test_large_pushes_are_split_by_strength() -> None:
    """What matters most goes first; early joiners fill up but never make one more."""
    pushes = [
        Push(0, Reason.HEARTBEAT),
        Push(1, Reason.EARLY),
        Push(2, Reason.VALIDITY),
        Push(3, Reason.DEVIATION),
        Push(4, Reason.EARLY),
    ]

    assert split(pushes, 2) == [
        [Push(2, Reason.VALIDITY), Push(3, Reason.DEVIATION)],
        [Push(0, Reason.HEARTBEAT), Push(1, Reason.EARLY)],
    ]
    assert split(pushes, 64) == [sorted(pushes)]
    assert split([], 2) == []


@given(groups, groups, policies, st.integers(1, 4))
def test_a_split_loses_nothing_that_has_to_go(
    held: dict[int, bytes], offered: dict[int, bytes], rules: dict[int, PushPolicy], most: int
) -> None:
    """Every group with a reason of its own is in exactly one part, each part in rising order."""
    pushes = decide(held, offered, rules)
    parts = split(pushes, most)
    sent = [push for part in parts for push in part]

    assert len(sent) == len(set(sent))
    assert {p for p in pushes if p.reason is not Reason.EARLY} <= set(sent) <= set(pushes)
    for part in parts:
        assert 0 < len(part) <= most
        assert part == sorted(part)
        assert any(push.reason is not Reason.EARLY for push in part)

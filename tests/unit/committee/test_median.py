"""The rules of the median that docs/committee.md lists, case by case."""

from __future__ import annotations

import pytest

from oracle.committee.rounds.median import combine, lower_median, withheld
from oracle.model.errors import Rejected
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.word import Entry
from tests.unit.committee.party import T0, Party, entry

PARTY = Party(7)
HALTED, MISSING = entry(validity=Validity.HALTED), entry(validity=Validity.MISSING)
GUARDED, VOLATILE = (entry(validity=v) for v in (Validity.GUARDED, Validity.TOO_VOLATILE))


def _combined(*markets, faults: int = 2, times=None):
    """Return the report and its first group of observations that each say one market's entry."""
    times = times or [T0 + 50] * len(markets)
    seen = [
        PARTY.observation(
            number, entries=(one,) if isinstance(one, Entry) else one, time_ms=time_ms
        )
        for number, (one, time_ms) in enumerate(zip(markets, times, strict=True))
    ]
    return combine(seen, faults, 0), withheld(seen, faults)


def _entry(*markets, faults: int = 2) -> Entry:
    return _combined(*markets, faults=faults)[0].leaves[0].decoded().entries[0]


@pytest.mark.parametrize(
    ("values", "middle"), [([3], 3), ([4, 1], 1), ([9, 1, 5], 5), ([4, 3, 2, 1], 2)]
)
def test_of_an_even_number_the_lower_counts(values, middle):
    """A mean would be a number that nobody said."""
    assert lower_median(values) == middle


def test_each_field_has_its_own_median():
    """The price may be one member's and the confidence another's."""
    said = [
        Entry(Validity.VALID, Px(price, 0), conf, premium)
        for price, conf, premium in [(1, 50_000, -300), (2, 40_000, 100), (9, 3_000, 200)]
    ]
    assert _entry(*said, faults=1) == Entry(Validity.VALID, Px(20_000_000, -7), 40_000, 100)


@pytest.mark.parametrize(
    ("said", "validity"),
    [
        ([entry()] * 5, Validity.VALID),
        ([HALTED] * 2 + [entry()] * 5, Validity.VALID),
        ([HALTED] * 3 + [entry()] * 4, Validity.HALTED),
        ([HALTED] * 2 + [MISSING] + [entry()] * 4, Validity.MISSING),
        ([GUARDED] * 3 + [entry()] * 4, Validity.GUARDED),
        ([GUARDED] * 2 + [entry()] * 5, Validity.VALID),
        ([VOLATILE, HALTED, GUARDED] + [entry()] * 4, Validity.GUARDED),
    ],
)
def test_validity_is_the_third_strictest_of_seven(said, validity):
    """Two of seven can neither worsen it nor hold it up alone."""
    assert _entry(*said).validity is validity


@pytest.mark.parametrize(
    ("said", "validity", "held"),
    [
        ([entry()] * 5, Validity.VALID, []),
        ([GUARDED, *[entry()] * 4], Validity.GUARDED, [0]),
        ([GUARDED] * 2 + [entry()] * 3, Validity.GUARDED, [0]),
        ([GUARDED] * 3 + [entry()] * 2, Validity.GUARDED, []),
        ([GUARDED, *[entry()] * 5], Validity.VALID, []),
        ([GUARDED] * 2 + [entry()] * 4, Validity.GUARDED, [0]),
        ([HALTED, GUARDED] + [entry()] * 4, Validity.GUARDED, [0]),
        ([VOLATILE] * 2 + [HALTED] * 2 + [entry()], Validity.HALTED, [0]),
    ],
)
def test_of_fewer_a_validity_is_what_five_reach(said, validity, held):
    """So that three who lie together cannot better it; more observations may bring it back."""
    report, withheld_now = _combined(*said)
    assert report.leaves[0].decoded().entries[0].validity is validity
    assert withheld_now == held


def test_two_liars_among_five_hold_a_price_back():
    """With five observations four prices are too few for a median: two may be lies."""
    report, held = _combined(MISSING, HALTED, entry(), entry(), entry())
    assert held == [0]
    assert report.leaves[0].decoded().entries[0] == HALTED


def test_a_sixth_and_seventh_observation_bring_it_back():
    """So a leader waits for them."""
    report, held = _combined(HALTED, HALTED, *[entry()] * 5)
    assert held == []
    assert report.leaves[0].decoded().entries[0].validity is Validity.VALID


def test_a_premium_needs_as_many_as_a_price():
    """One that too few know is missing; zero is a premium, and missing is not zero."""
    zero, unknown = (entry()._replace(premium_e8=one) for one in (0, None))
    assert _entry(*[zero] * 5, unknown, unknown).premium_e8 == 0
    assert _entry(*[zero] * 4, *[unknown] * 3).premium_e8 is None


def test_the_time_is_the_lower_median_of_the_steps():
    """All groups have it; it is some member's."""
    report, _ = _combined(*[entry()] * 6, times=[T0 + at for at in (90, 10, 20, 30, 40, 80)])
    assert [leaf.decoded().time_ms for leaf in report.leaves] == [T0 + 30]


def test_a_market_that_too_few_carry_reads_halted():
    """Around a change of configuration a new market waits until all but two have it."""
    old, new = (entry(),), (entry(), entry(20_000))
    few, _ = _combined(*[old] * 3, *[new] * 4)
    most, held = _combined(*[old] * 2, *[new] * 5)
    assert few.leaves[0].decoded().entries[1].validity is Validity.HALTED
    assert most.leaves[0].decoded().entries[1].validity is Validity.VALID
    assert held == []


def test_a_group_that_three_of_seven_carry_is_there():
    """Two liars can neither add a group nor take one away."""
    one, two, many = (entry(),), (entry(),) * 5, (entry(),) * 90
    assert len(_combined(*[one] * 5, many, many)[0].leaves) == 1
    assert len(_combined(*[one] * 4, *[two] * 3)[0].leaves) == 2
    assert len(_combined(*[two] * 5, one, one)[0].leaves) == 2


def test_the_inputs_root_names_every_observation():
    """Another signature, member or entry gives another report to sign."""
    five = [PARTY.observation(number) for number in range(5)]
    roots = {
        combine(seen, 2, 0).inputs_root
        for seen in (
            five,
            [*five, PARTY.observation(5)],
            [*five[:4], PARTY.observation(6)],
            [*five[:4], five[4].signed(bytes(64))],
        )
    }
    assert len(roots) == 4


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ([PARTY.observation(n) for n in range(4)], "4 observations"),
        ([PARTY.observation(n) for n in (0, 1, 2, 3, 3)], "two observations"),
        ([PARTY.observation(n, slot=T0 + 250 * (n == 4)) for n in range(5)], "several rounds"),
    ],
)
def test_what_cannot_be_combined_is_refused(seen, why):
    """Each with why."""
    with pytest.raises(Rejected, match=why):
        combine(seen, 2, 0)

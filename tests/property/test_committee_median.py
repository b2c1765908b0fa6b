"""What liars among the observations can do to a report: nothing outside what honest members say."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.committee.rounds.median import combine, withheld
from oracle.committee.wire.observation import Last, Observation
from oracle.model.fixed import Px, float_nearest
from oracle.model.validity import PRICED, Validity
from oracle.report.word import (
    EPOCH_2020_MS,
    PREMIUM_MISSING,
    Entry,
    check_entry,
    decode_entry,
    encode_entry,
    pack_word,
    unpack_word,
)
from tests.unit.committee.party import T0

SALT = bytes(32)
UNPRICED = [int(Validity.HALTED) << 50, int(Validity.MISSING) << 50]


def _code(mantissa: int, exponent: int, conf: int, premium: int, validity: Validity) -> int:
    return mantissa | exponent << 27 | conf << 32 | premium << 39 | int(validity) << 50


MANTISSA = st.sampled_from([10**7, 10**8 - 1]) | st.integers(10**7, 10**8 - 1)
ANY_PRICED = st.builds(
    _code,
    MANTISSA,
    st.integers(0, 31),
    st.integers(0, 127),
    st.integers(0, 2047),
    st.sampled_from(sorted(PRICED)),
)
ANY_CODE = st.sampled_from(UNPRICED) | ANY_PRICED | st.builds(lambda m: m | 6 << 50, st.just(1))
"""Whatever an observation can carry: all else does not decode."""
HONEST_PRICED = st.builds(
    _code,
    st.integers(10**7, 10**7 + 50),
    st.just(13),
    st.integers(3, 20),
    st.sampled_from([5, 6, 7, 1024 + 5, PREMIUM_MISSING]),
    st.sampled_from(sorted(PRICED)),
)


class Seen(NamedTuple):
    """A round: what each member says, and who of them lies."""

    faults: int
    honest: list[Observation]
    liars: list[Observation]

    @property
    def all(self) -> list[Observation]:
        return self.honest + self.liars


def _observation(member: int, time_ms: int, codes: list[int]) -> Observation:
    words = tuple(pack_word(time_ms, codes[at : at + 4]) for at in range(0, len(codes), 4))
    none = bytes(32)
    return Observation(
        SALT, 1, T0, 0, member, time_ms * 10**6, none, none, none, Last(), words, bytes(64)
    )


def _codes(entry: st.SearchStrategy[int], groups: int) -> st.SearchStrategy[list[int]]:
    return st.lists(entry, min_size=4 * groups, max_size=4 * groups)


@st.composite
def rounds(draw: st.DrawFn, whole: bool = False, beyond: bool = False) -> Seen:
    """Draw at least 2f + 1 observations, up to f (or beyond: 2f) of them by liars of every kind."""
    n = draw(st.sampled_from([4, 7, 10]))
    faults = (n - 1) // 3
    size = n if whole else draw(st.integers(2 * faults + 1, n))
    numbers = draw(st.permutations(range(n)))[:size]
    lying = draw(st.integers(0, 2 * faults if beyond else faults))
    groups = draw(st.integers(1, 3))
    calm = draw(st.booleans())  # then all honest members have a price
    entry = HONEST_PRICED if calm else HONEST_PRICED | st.sampled_from(UNPRICED)
    truths = draw(st.lists(entry, min_size=8, max_size=8))
    lies = draw(st.lists(ANY_CODE, min_size=4, max_size=4))
    honest, liars = [], []
    for at, number in enumerate(numbers):
        if at < lying:
            time_ms = draw(st.integers(EPOCH_2020_MS, EPOCH_2020_MS + 2**40 - 1))
            codes = _chosen(draw, lies, draw(st.integers(1, 6)))
            liars.append(_observation(number, time_ms, codes))
        else:
            fewer = draw(st.sampled_from([0, 0, 0, 1])) if groups > 1 else 0
            codes = _chosen(draw, truths, groups - fewer)
            honest.append(_observation(number, T0 + draw(st.integers(0, 249)), codes))
    return Seen(faults, honest, liars)


def _chosen(draw: st.DrawFn, pool: list[int], groups: int) -> list[int]:
    chosen = draw(st.binary(min_size=4 * groups, max_size=4 * groups))
    return [pool[byte % len(pool)] for byte in chosen]


def _entries(words: list[bytes]) -> list[Entry]:
    return [decode_entry(code) for word in words for code in unpack_word(word)[1]]


def _said(seen: list[Observation], markets: int) -> list[list[Entry]]:
    """Return what all say of each market; one that does not carry it says HALTED."""
    rows = [(one.codes() + [0] * markets)[:markets] for one in seen]
    return [[decode_entry(code) for code in column] for column in zip(*rows, strict=True)]


def _price(entry: Entry) -> float:
    assert entry.price is not None
    return float_nearest(entry.price)


def _within(value: float, values: list[float]) -> bool:
    return min(values) <= value <= max(values)


@settings(max_examples=300)
@given(seen=rounds())
def test_liars_move_nothing_out_of_what_honest_members_say(seen):
    """Price, confidence, premium, validity, time and number of groups stay in the honest range."""
    report = combine(seen.all, seen.faults, 0)
    held_back = withheld(seen.all, seen.faults)
    times = [leaf.decoded().time_ms for leaf in report.leaves]
    assert len(set(times)) == 1
    for leaf in report.leaves:
        for code in unpack_word(leaf.word)[1]:
            check_entry(code)  # no combination makes an entry that a contract would call bad
    assert _within(times[0], [one.time_ms for one in seen.honest])
    assert _within(len(times), [len(one.words) for one in seen.honest])
    entries = _entries([leaf.word for leaf in report.leaves])
    all_said = _said(seen.honest, len(entries))
    for number, (entry, said) in enumerate(zip(entries, all_said, strict=True)):
        assert entry.validity <= max(one.validity for one in said)
        assert number in held_back or entry.validity >= min(one.validity for one in said)
        if entry.price is None:
            continue
        priced = [one for one in said if one.price is not None]
        assert _within(_price(entry), [_price(one) for one in priced])
        assert _within(entry.conf_e8, [one.conf_e8 for one in priced])
        if entry.premium_e8 is not None:
            known = [one.premium_e8 for one in priced if one.premium_e8 is not None]
            assert _within(entry.premium_e8, known)


@settings(max_examples=300)
@given(seen=rounds(beyond=True))
def test_twice_as_many_liars_better_no_validity(seen):
    """With up to 2f liars somebody honest reaches every validity, and has a price where there is
    one: of 2f + 1 that do, one is honest."""
    report = combine(seen.all, seen.faults, 0)
    entries = _entries([leaf.word for leaf in report.leaves])
    for entry, said in zip(entries, _said(seen.honest, len(entries)), strict=True):
        assert entry.validity <= max(one.validity for one in said)
        known = [one.premium_e8 for one in said if one.premium_e8 is not None]
        assert entry.premium_e8 is None or known


@settings(max_examples=200)
@given(seen=rounds(whole=True))
def test_with_all_observations_no_price_is_withheld(seen):
    """Once everybody was heard, a market without a price has none by the validities alone."""
    assert withheld(seen.all, seen.faults) == []


@settings(max_examples=200)
@given(seen=rounds(), data=st.data())
def test_a_withheld_price_comes_with_more_honest_observations(seen, data):
    """Liars in a small set can hold a price back, but not once 2f + 1 that have one are heard."""
    heard = {one.member for one in seen.all}
    calm = [_observation(m, T0, [_code(10**7, 13, 5, 5, Validity.VALID)] * 24) for m in range(30)]
    more = [one for one in calm if one.member not in heard][: 2 * seen.faults + 1]
    assert withheld(seen.all + more, seen.faults) == []


@settings(max_examples=150)
@given(seen=rounds(), data=st.data())
def test_the_order_of_observations_changes_nothing(seen, data):
    """Everybody signs the same bytes, whichever observation came first."""
    shuffled = data.draw(st.permutations(seen.all))
    one, two = (combine(given, seen.faults, T0 - 250) for given in (seen.all, shuffled))
    assert one == two
    assert one.digest(SALT) == two.digest(SALT)
    assert sorted(withheld(seen.all, seen.faults)) == withheld(shuffled, seen.faults)


@settings(max_examples=100)
@given(codes=_codes(ANY_CODE, 2), faults=st.integers(0, 3))
def test_what_all_say_is_what_the_report_says(codes, faults):
    """Entries on which all agree come out bit by bit, so no rounding is added."""
    seen = [_observation(member, T0, codes) for member in range(3 * faults + 1)]
    report = combine(seen, faults, 0)
    assert [leaf.word for leaf in report.leaves] == list(seen[0].words)


@settings(max_examples=300)
@given(one=ANY_PRICED, two=ANY_PRICED)
def test_encoded_prices_are_in_the_order_of_prices(one, two):
    """So the median of the codes is the code of the median."""
    low = 2**32 - 1
    assert ((one & low) < (two & low)) == (_price(decode_entry(one)) < _price(decode_entry(two)))


def test_the_smallest_price_sorts_first():
    """A price with fewer digits than eight, at exponent 0, is below all others."""
    codes = [encode_entry(Entry(Validity.VALID, Px(p, -18))) for p in (1, 9_999_999, 10**7)]
    assert sorted(codes, key=lambda code: code & (2**32 - 1)) == codes


LIES = [
    UNPRICED,
    [_code(10**7, 31, 0, 1023, Validity.VALID)] * 2,
    [_code(1, 0, 127, 2047, Validity.TOO_VOLATILE)] * 2,
    [_code(10**7 + 6, 13, 4, 6, Validity.VALID)] * 2,
]


@pytest.mark.parametrize("n", [4, 7, 10])
def test_no_choice_of_liars_gets_out_of_the_honest_range(n):
    """Every subset of f members, each with every one of these lies, at every edge of time."""
    faults = (n - 1) // 3
    for liars in itertools.combinations(range(n), faults):
        for lies in itertools.product(LIES, repeat=min(faults, 2)):
            seen = []
            for number in range(n):
                codes = [_code(10**7 + number, 13, 5, 5, Validity.GUARDED)] * 4
                time_ms = T0 + number
                if number in liars:
                    codes = [*lies[number % len(lies)], *codes[:2]]
                    time_ms = (EPOCH_2020_MS, T0 + 10**6)[number % 2]
                seen.append(_observation(number, time_ms, codes))
            honest = [number for number in range(n) if number not in liars]
            word = combine(seen, faults, 0).leaves[0].decoded()
            assert honest[0] <= word.time_ms - T0 <= honest[-1]
            for entry in word.entries:
                assert entry.validity is Validity.GUARDED
                assert honest[0] <= entry.price.mantissa - 10**7 <= honest[-1]
                assert (entry.conf_e8, entry.premium_e8) == (5_000, 500)

"""A report against one's own marks: what liars beyond f cannot get an honest member to sign."""

from __future__ import annotations

import pytest

from oracle.committee.rounds.judging import Vote
from oracle.committee.rounds.median import combine
from oracle.committee.rounds.sanity import check_entries
from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.report import Leaf
from oracle.report.word import LARGEST_CONF_E8, Entry, encode_word
from tests.unit.committee.party import T0, Party, entry
from tests.unit.committee.rounds import HALTED, NOW, PARTY, reason, seen

BPS_E8 = 10_000
OWN = Entry(Validity.VALID, Px(10_000, -2), 5 * BPS_E8, 10 * BPS_E8)
MISSING = entry(validity=Validity.MISSING)
LIARS, HONEST = (0, 1, 2), (3, 4)


def _of(price: int = 10_000, conf_bps: float = 5, premium_bps: float | None = 10) -> Entry:
    premium = None if premium_bps is None else round(premium_bps * BPS_E8)
    return Entry(Validity.VALID, Px(price, -2), round(conf_bps * BPS_E8), premium)


def _checked(said: Entry, own: Entry, others: list[Entry]) -> Reason | None:
    """Judge one market's entry by one's own, where others observe so."""
    leaves = (Leaf(0, 0, encode_word(T0, [said])),)
    observations = [PARTY.observation(n, entries=(one,)) for n, one in enumerate(others)]
    mine = PARTY.observation(6, entries=(own,)).codes()
    try:
        check_entries(leaves, mine, observations, PARTY.rules)
    except Refused as refused:
        return refused.refusal.reason
    return None


@pytest.mark.parametrize(
    ("said", "own", "expected"),
    [
        (_of(), OWN, None),
        (_of(10_100), OWN, None),
        (_of(9_900), OWN, None),
        (_of(10_101), OWN, Reason.PRICE_NOT_SANE),
        (_of(9_899), OWN, Reason.PRICE_NOT_SANE),
        (_of(premium_bps=109), OWN, None),
        (_of(premium_bps=-89), OWN, None),
        (_of(premium_bps=113), OWN, Reason.PREMIUM_NOT_SANE),
        (_of(premium_bps=-92), OWN, Reason.PREMIUM_NOT_SANE),
        (_of(premium_bps=None), OWN, None),
        (_of(conf_bps=0), OWN, None),
        (_of(conf_bps=112), OWN, None),
        (_of(conf_bps=144), OWN, Reason.CONFIDENCE_NOT_SANE),
        (_of(conf_bps=20_000), OWN, Reason.CONFIDENCE_NOT_SANE),
        (_of(conf_bps=144), _of(conf_bps=600), None),
        (_of(conf_bps=104), _of(conf_bps=600), Reason.CONFIDENCE_NOT_SANE),
        (_of(conf_bps=0), _of(conf_bps=300), Reason.CONFIDENCE_NOT_SANE),
        (OWN._replace(conf_e8=LARGEST_CONF_E8), OWN, None),
        (HALTED, OWN, None),
        (MISSING, OWN, None),
        (HALTED, HALTED, None),
    ],
)  # fmt: skip
def test_each_field_is_within_its_bound_of_ones_own(said, own, expected):
    """Whatever the others say; and what says less than one's own is fine."""
    for others in ([said] * 7, [own] * 7):
        assert _checked(said, own, others) is expected


UNKNOWN_CONF = OWN._replace(conf_e8=LARGEST_CONF_E8)
NO_PREMIUM = OWN._replace(premium_e8=None)


@pytest.mark.parametrize("own", [HALTED, MISSING])
@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([OWN] * 5, None),
        ([OWN] * 5 + [_of(20_000)] * 2, None),
        ([_of(10_099)] * 5, None),
        ([OWN] * 4, Reason.UNCONFIRMED),
        ([OWN] * 4 + [_of(20_000)] * 3, Reason.UNCONFIRMED),
        ([OWN] * 4 + [HALTED] * 3, Reason.UNCONFIRMED),
        ([OWN] * 4 + [_of(premium_bps=200)], Reason.UNCONFIRMED),
        ([OWN] * 4 + [_of(conf_bps=200)], Reason.UNCONFIRMED),
        ([], Reason.UNCONFIRMED),
    ],
)
def test_a_price_one_does_not_have_takes_five_who_do(own, others, expected):
    """Five of seven that are within the bounds of it: of these one is honest while two are."""
    assert _checked(OWN, own, others) is expected


@pytest.mark.parametrize(
    ("own", "near", "far"),
    [(UNKNOWN_CONF, OWN, _of(conf_bps=200)), (NO_PREMIUM, OWN, _of(premium_bps=200))],
)
def test_a_field_one_does_not_have_takes_five_who_do(own, near, far):
    """As a price; a confidence of which nothing is known is one that it does not have."""
    assert _checked(OWN, own, [near] * 5 + [far] * 2) is None
    assert _checked(OWN, own, [near] * 4 + [far] * 3) is Reason.UNCONFIRMED


def test_a_market_that_ones_configuration_lacks_is_one_it_does_not_have():
    """Around a change of configuration: it is signed as five others see it."""
    leaves = (Leaf(0, 0, encode_word(T0, [OWN] * 4)), Leaf(1, 0, encode_word(T0, [OWN])))
    mine = PARTY.observation(6, entries=(OWN,) * 4).codes()
    five = [PARTY.observation(n, entries=(OWN,) * 5) for n in range(5)]
    check_entries(leaves, mine, five, PARTY.rules)
    with pytest.raises(Refused, match="market 4"):
        check_entries(leaves, mine, five[:4], PARTY.rules)


def test_the_bounds_are_this_members_own():
    """Another `sanity` in the configuration is another bound, for each field."""
    wide = Party(7, sanity_bps=200.0).rules
    leaves = (Leaf(0, 0, encode_word(T0, [_of(10_150, 150, 150)])),)
    mine = PARTY.observation(6, entries=(OWN,)).codes()
    check_entries(leaves, mine, [], wide)
    with pytest.raises(Refused):
        check_entries(leaves, mine, [], PARTY.rules)


GUARDED, VOLATILE = (OWN._replace(validity=v) for v in (Validity.GUARDED, Validity.TOO_VOLATILE))


@pytest.mark.parametrize(
    ("lie", "truth", "own"),
    [
        (_of(20_000), OWN, OWN),
        (_of(20_000), OWN, HALTED),
        (_of(premium_bps=300), OWN, OWN),
        (_of(premium_bps=300), NO_PREMIUM, NO_PREMIUM),
        (_of(conf_bps=0), _of(conf_bps=800), _of(conf_bps=800)),
        (_of(conf_bps=900), OWN, OWN),
        (OWN, GUARDED, GUARDED),
        (OWN, VOLATILE, VOLATILE),
        (OWN, HALTED, HALTED),
    ],
)
def test_three_liars_get_none_of_it_signed(lie, truth, own):
    """They lead, and choose two honest observations to their own three: whoever is honest either
    refuses, or signs a report that does not have the lie."""
    heard = [*seen(members=LIARS, entries=(lie,)), *seen(members=HONEST, entries=(truth,))]
    proposed = PARTY.proposal(heard)
    member = PARTY.member(6)
    PARTY.observed(member, T0, entries=(own,))
    answer = member.judge(proposed, NOW)
    if reason(answer) is None:
        made = combine(heard, 2, 0).leaves[0].decoded().entries[0]
        assert isinstance(answer, Vote)
        assert made.validity <= truth.validity
        assert made.premium_e8 is None or truth.premium_e8 is not None


def test_two_who_lack_a_market_do_not_sign_what_three_liars_make_of_it():
    """The two honest ones that have it would not; these cannot tell, and so ask for five."""
    lie = seen(members=LIARS, entries=(_of(20_000),))
    proposed = PARTY.proposal([*lie, *seen(members=HONEST, entries=(OWN,))])
    for number in (5, 6):
        member = PARTY.member(number)
        PARTY.observed(member, T0, entries=(MISSING,))
        assert reason(member.judge(proposed, NOW)) is Reason.UNCONFIRMED

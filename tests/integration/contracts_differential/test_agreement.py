"""Any bytes: Python and the contract take or refuse them alike, and read the same out of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.model.errors import Rejected
from oracle.model.validity import PRICED
from oracle.report.report import Leaf, Report, Unsigned, encode
from oracle.report.word import EPOCH_2020_MS, Entry
from tests.integration.contracts_differential.bodies import (
    FAULTS,
    MOST_GROUPS,
    Body,
    Draft,
    Fault,
    damaged,
    drafts,
    faulty,
    report_of,
    sound,
    words,
)
from tests.integration.contracts_differential.sites import (
    LIMIT_MS,
    NOW_MS,
    Mark,
    Refused,
    Site,
    Verified,
    open_sites,
)

pytestmark = pytest.mark.evm

_SIGNED: Final = {"BadSignature", "WrongSignerCount", "BadLength"}
_CLASSES: Final = (
    ("shorter than its header", {"BadLength"}),
    ("report version", {"UnknownVersion"}),
    ("1 <= carried <= groups", {"TooManyGroups"}),
    ("ends inside its", {"BadLength"}),
    ("must rise strictly", {"GroupOrder", "UnknownEpoch", "BadLength"}),
    ("has pause bits", {"PauseBitsSet", "GroupOrder", "UnknownEpoch", *_SIGNED}),
    ("with these leaves and signers", {"BadLength", "WrongSignerCount", "UnknownEpoch"}),
    ("report of epoch", {"UnknownEpoch"}),
    ("signed by members", {"WrongSignerCount"}),
    ("signature", {"BadSignature", "RevokedSigner"}),
)
"""What Python says, and the errors that say the same. Where a body has several faults, the two
may name another: only what is checked before, on either side, is listed beside it."""


@pytest.fixture(scope="module")
def sites() -> Iterator[list[Site]]:
    """One node with all sites."""
    with open_sites() as opened:
        yield opened


def python_says(site: Site, body: bytes) -> Report | set[str]:
    """Return the report that Python takes, or the errors the contract may refuse it with."""
    try:
        report = site.committee.verify(body)
    except Rejected as error:
        for text, errors in _CLASSES:
            if text in str(error):
                return errors
        raise
    # Who is revoked only the chain knows.
    if any(report.signers >> member & 1 for member in site.revoked):
        return {"RevokedSigner"}
    if any(leaf.decoded().time_ms > LIMIT_MS for leaf in report.leaves):
        return {"FutureTime"}
    return report


def assert_agreement(site: Site, body: Body) -> None:
    """Both take it and read the same, or both refuse it for the same reason."""
    expected, found = python_says(site, body.data), site.verify(body.data)
    if isinstance(expected, Report):
        leaves = [
            (leaf.group, leaf.prev_ms - EPOCH_2020_MS if leaf.prev_ms else 0, leaf.word)
            for leaf in expected.leaves
        ]
        assert found == Verified(expected.epoch, expected.slot, expected.inputs_root, leaves)
        return
    assert isinstance(found, Refused), f"the contract takes what Python refuses: {expected}"
    assert found.error in expected
    if body.error is not None:
        assert found.error == body.error


@given(data=st.data())
def test_a_sound_report_is_taken_and_read_alike(sites: list[Site], data: st.DataObject) -> None:
    """Every committee, subset of leaves, set of signers and kind of entry."""
    body = data.draw(sound(sites))
    assert isinstance(python_says(sites[body.site], body.data), Report)
    assert_agreement(sites[body.site], body)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.lstrip("_"))
@settings(max_examples=settings().max_examples // 4)
@given(data=st.data())
def test_a_fault_is_refused_by_both_with_its_name(
    sites: list[Site], fault: Fault, data: st.DataObject
) -> None:
    """One fault at a time, as a forger would make it."""
    body = data.draw(faulty(sites, fault))
    assert_agreement(sites[body.site], body)


@given(data=st.data())
def test_damaged_bytes_are_judged_alike(sites: list[Site], data: st.DataObject) -> None:
    """Bytes cut, changed, repeated and inserted anywhere."""
    body = data.draw(damaged(sites))
    assert_agreement(sites[body.site], body)


def mark_of(entry: Entry, time_ms: int) -> Mark:
    """Return the `Mark` that the contract must say of a signed entry and nothing before."""
    status_ms = time_ms if time_ms != EPOCH_2020_MS else 0
    if entry.validity not in PRICED:
        return Mark((0, 0, status_ms, int(entry.validity), False, 0, 0, False))
    assert entry.price is not None
    price_e18 = entry.price.mantissa * 10 ** (entry.price.exponent + 18)
    premium = entry.premium_e8 if entry.premium_e8 is not None else 0
    return Mark(
        (
            price_e18,
            status_ms,
            status_ms,
            int(entry.validity),
            False,
            entry.conf_e8 // 1_000,
            premium // 100,
            entry.premium_e8 is not None,
        )
    )


@given(data=st.data())
def test_what_is_stored_reads_as_python_decodes_it(sites: list[Site], data: st.DataObject) -> None:
    """Each field of each market of each group carried, bad entries too."""
    at = data.draw(st.integers(0, len(sites) - 1))
    draft = data.draw(drafts(at))
    report = report_of(sites[at], draft)
    newer = [leaf for leaf in report.leaves if leaf.decoded().time_ms > EPOCH_2020_MS]
    markets = [4 * leaf.group + position for leaf in newer for position in range(4)]
    stored, marks = sites[at].update_and_read(encode(report), markets)
    assert stored == len(newer)
    assert marks == [
        mark_of(entry, word.time_ms)
        for word in (x.decoded() for x in newer)
        for entry in word.entries
    ]


@settings(max_examples=2)
@given(data=st.data())
def test_the_largest_report_is_read_alike(sites: list[Site], data: st.DataObject) -> None:
    """All groups a tree may have, whole and as a subset, signed by 22 of 32."""
    site = len(sites) - 1
    small = data.draw(drafts(site))
    word = data.draw(words(st.integers(NOW_MS, LIMIT_MS)))
    leaves = tuple(Leaf(at, 0, word) for at in range(MOST_GROUPS))
    unsigned = Unsigned(1, small.unsigned.slot, small.unsigned.inputs_root, leaves)
    some = data.draw(st.sets(st.integers(0, MOST_GROUPS - 1), min_size=1, max_size=40))
    for carried in (tuple(range(MOST_GROUPS)), tuple(sorted(some))):
        body = encode(report_of(sites[site], Draft(unsigned, carried, small.signers)))
        assert_agreement(sites[site], Body(site, body))

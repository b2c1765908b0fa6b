"""A consumer's own check of a report: signatures, committee and age."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from oracle.client import Rejected, Validity, VerifiedReport, verify_report
from oracle.report.report import subset
from tests.unit.api.samples import EPOCH, MEMBERS, NOW_MS, SALT, THRESHOLD, signed_report


def check(body: bytes | None = None, **changed: Any) -> VerifiedReport:
    """Verify the sample report with some arguments changed."""
    given = {"salt": SALT, "epoch": EPOCH, "members": MEMBERS, "threshold": THRESHOLD}
    body = signed_report().body if body is None else body
    return verify_report(body, **{"now_ms": NOW_MS, "max_age_ms": 1_000, **given, **changed})


def test_a_good_report_gives_exact_prices() -> None:
    """Prices are decimals by market number, with their time and validity."""
    report = check()
    price = report.prices[4]
    assert report.require_price(4) == price.price == Decimal("65123.4")
    assert (price.time_ms, price.prev_ms) == (NOW_MS, NOW_MS - 250)
    assert price.validity is Validity.VALID
    assert price.premium_bps == pytest.approx(-0.25)
    assert (report.epoch, report.slot, report.signers) == (3, 7, (0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    ("now_ms", "text"), [(NOW_MS + 1_001, "stale: 1001 ms old"), (NOW_MS - 2_001, "ahead of this")]
)
def test_a_well_signed_report_of_another_time_is_refused(now_ms: int, text: str) -> None:
    """Signatures never expire: age must be checked, in both directions."""
    with pytest.raises(Rejected, match=text):
        check(now_ms=now_ms)


def test_the_bounds_of_age_are_allowed() -> None:
    """Exactly as old, or as far ahead, as allowed is fresh."""
    assert check(now_ms=NOW_MS + 1_000)
    assert check(now_ms=NOW_MS - 2_000)


@pytest.mark.parametrize(
    "changed",
    [
        {"salt": bytes(32)},
        {"epoch": EPOCH + 1},
        {"threshold": THRESHOLD - 1},
        {"threshold": THRESHOLD + 1},
        {"members": MEMBERS[::-1]},
        {"members": MEMBERS[:4]},
    ],
    ids=["salt", "epoch", "fewer", "more", "order", "removed"],
)
def test_another_committee_is_refused(changed: dict[str, Any]) -> None:
    """A report counts only for its own deployment, epoch, members and threshold."""
    with pytest.raises(Rejected):
        check(**changed)


def test_every_changed_byte_is_refused() -> None:
    """No byte of a report can be changed by who serves it."""
    body = signed_report().body
    for at in range(len(body)):
        changed = bytearray(body)
        changed[at] ^= 1
        with pytest.raises(Rejected):
            check(bytes(changed))


def test_a_cut_report_verifies_alone() -> None:
    """One group with its siblings carries the same signatures."""
    report = check(subset(signed_report().body, [1]))
    assert sorted(report.prices) == [4, 5, 6, 7]
    with pytest.raises(Rejected, match="market number 0 is not in this report; it has 4, 5, 6, 7"):
        report.require_price(0)


def test_a_market_below_the_required_validity_gives_no_price() -> None:
    """HALTED is refused whatever is asked for, since it has no price."""
    report = check()
    for at_least in (Validity.VALID, Validity.HALTED):
        with pytest.raises(Rejected, match="market number 1 is HALTED"):
            report.require_price(1, at_least)


@pytest.mark.parametrize(
    ("offset_ms", "first"), [(-250, False), (-249, True), (0, True), (1, False)]
)
def test_a_price_proves_that_it_is_the_first_after_a_time(offset_ms: int, first: bool) -> None:
    """Two-step orders settle on `prev < T <= time`."""
    assert check().prices[0].is_first_after(NOW_MS + offset_ms) is first
    assert not check().prices[0]._replace(prev_ms=0).is_first_after(NOW_MS + offset_ms)

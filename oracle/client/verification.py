"""Check a report yourself: signatures, order and age. The server that sent it is not trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from oracle.client.freshness import MAX_FUTURE_MS, require_fresh
from oracle.model.errors import Rejected
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report import report as wire
from oracle.report.word import GROUP_SIZE


class VerifiedPrice(NamedTuple):
    """One market of a verified report. `price` is None exactly when validity carries none."""

    number: int
    time_ms: int
    prev_ms: int
    """Time of the market's group in the report before; 0 in the first."""
    validity: Validity
    price: Decimal | None
    conf_bps: float
    premium_bps: float | None

    def is_first_after(self, time_ms: int) -> bool:
        """Return whether no report of this market and epoch was signed from `time_ms` until this.

        An epoch's first report says of no time that it is the first after it.
        """
        return 0 < self.prev_ms < time_ms <= self.time_ms


class VerifiedReport(NamedTuple):
    """A report whose signatures and age have been checked."""

    epoch: int
    slot: int
    signers: tuple[int, ...]
    prices: Mapping[int, VerifiedPrice]
    """By market number. A number that no market uses reads as HALTED."""

    def require_price(self, number: int, at_least: Validity = Validity.VALID) -> Decimal:
        """Return a market's price, or refuse.

        Raises:
            Rejected: the report does not carry the market, or its validity is worse.
        """
        entry = self.prices.get(number)
        if entry is None:
            raise Rejected(
                f"market number {number} is not in this report; it has "
                f"{', '.join(map(str, self.prices))}"
            )
        if entry.validity < at_least or entry.price is None:
            raise Rejected(
                f"market number {number} is {entry.validity.name}; {at_least.name} is required"
            )
        return entry.price


def verify_report(
    body: bytes,
    salt: bytes,
    epoch: int,
    members: Sequence[bytes],
    threshold: int,
    *,
    now_ms: int,
    max_age_ms: int,
    max_future_ms: int = MAX_FUTURE_MS,
) -> VerifiedReport:
    """Check that exactly `threshold` of `members` signed `body`, and that it is not stale.

    Take `salt`, `epoch`, `members` (20-byte addresses, rising) and `threshold` from the
    contracts, not from the server. For a report in the past (`report_after`) give `now_ms` as of
    then.

    Raises:
        Rejected: malformed, not signed by the committee, too old, or ahead of the clock.
    """
    report = wire.verify(body, salt, epoch, members, threshold)
    prices: dict[int, VerifiedPrice] = {}
    for leaf in report.leaves:
        word = leaf.decoded()
        require_fresh(
            f"group {leaf.group} of report {report.slot}",
            word.time_ms,
            now_ms=now_ms,
            max_age_ms=max_age_ms,
            max_future_ms=max_future_ms,
        )
        for at, entry in enumerate(word.entries):
            number = leaf.group * GROUP_SIZE + at
            prices[number] = VerifiedPrice(
                number,
                word.time_ms,
                leaf.prev_ms,
                entry.validity,
                None if entry.price is None else _decimal(entry.price),
                entry.conf_e8 / 10**4,
                None if entry.premium_e8 is None else entry.premium_e8 / 10**4,
            )
    return VerifiedReport(report.epoch, report.slot, tuple(report.members()), prices)


def _decimal(price: Px) -> Decimal:
    return Decimal(price.mantissa).scaleb(price.exponent)

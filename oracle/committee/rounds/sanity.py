"""A report against one's own marks: what more liars than were reckoned with cannot get signed."""

from __future__ import annotations

from collections.abc import Sequence

from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.fixed import float_nearest
from oracle.model.validity import PRICED
from oracle.report.report import Leaf
from oracle.report.word import GROUP_SIZE, VALIDITY_SHIFT, decode_entry, unpack_word


def was_priced(leaves: Sequence[Leaf], number: int) -> bool:
    """Whether the report with these leaves has a price of this market."""
    group, at = divmod(number, GROUP_SIZE)
    return group < len(leaves) and _is_priced(unpack_word(leaves[group].word)[1][at])


def check_prices(leaves: Sequence[Leaf], own: Sequence[int], sanity_bps: float) -> None:
    """Check every price that a report and one's own encoded entries both have.

    Raises:
        Refused: one is further from one's own than `sanity_bps` of that.
    """
    codes = [code for leaf in leaves for code in unpack_word(leaf.word)[1]]
    for number, (code, mine) in enumerate(zip(codes, own, strict=False)):
        if code == mine or not (_is_priced(code) and _is_priced(mine)):
            continue
        price, expected = _price(code), _price(mine)
        if abs(price - expected) * 10_000 > sanity_bps * expected:
            raise Refused(
                Reason.PRICE_NOT_SANE,
                f"market {number} at {price:.8g}; its own is {expected:.8g}, allowed are "
                f"{sanity_bps:g} bps",
            )


def _is_priced(code: int) -> bool:
    return code >> VALIDITY_SHIFT in PRICED


def _price(code: int) -> float:
    price = decode_entry(code).price
    return float_nearest(price) if price else 0.0

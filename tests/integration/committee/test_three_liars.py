"""Three of seven who lie together about anything but the price, over HTTP: nothing of it passes."""

from __future__ import annotations

from pathlib import Path

from oracle.model.validity import Validity
from tests.integration.committee.byzantine import LIARS, Liar
from tests.integration.committee.nodes import Cluster, cluster

ALL = tuple(range(7))
HONEST = tuple(n for n in ALL if n not in LIARS)
LIE_E8 = 5_000_000
"""500 bps, where honest members see less than one."""


async def _all_refuse(seven: Cluster, reason: str) -> None:
    name = "plumbline_committee_refusals_total"
    await seven.until(
        lambda: all(seven.members[n].value(name, reason=reason) for n in HONEST),
        f"every honest member refuses: {reason}",
    )


async def test_three_lie_about_premium_confidence_and_validity(tmp_path: Path):
    """Premium and confidence are refused by name; a validity that five do not reach is not made,
    and the reports that do come have what honest members see."""
    async with cluster(tmp_path) as seven:
        seven.makers = dict.fromkeys(LIARS, Liar)
        seven.start(*ALL)
        views = [seven.members[n].view for n in LIARS]
        for view in views:
            view.premium_e8 = LIE_E8
        await _all_refuse(seven, "premium_not_sane")
        for view in views:
            view.premium_e8, view.conf_e8 = 100, LIE_E8
        await _all_refuse(seven, "confidence_not_sane")
        for view in views:
            view.conf_e8 = 5_000
        for number in HONEST:
            seven.members[number].view.validity = Validity.GUARDED
        await seven.more(2, *HONEST)  # the first may have been under way
        since = {n: seven.published(n) for n in HONEST}
        await seven.more(3, *HONEST)
        for number in HONEST:
            member = seven.members[number]
            said = [entry for word in member.words() for entry in word.entries[:2]]
            assert {(entry.conf_e8, entry.premium_e8) for entry in said} <= {(5_000, 100)}
            late = [entry for word in member.words(since[number]) for entry in word.entries[:2]]
            assert {entry.validity for entry in late} == {Validity.GUARDED}

"""Seven members over HTTP: reports keep coming whatever two of them do."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from tests.integration.committee.nodes import COMMITTEE, PRICE_E2, cluster

ALL = tuple(range(7))


async def test_all_well(tmp_path: Path):
    """Every member publishes the same reports, each the median of all, in one chain."""
    async with cluster(tmp_path) as seven:
        seven.start(*ALL)
        await seven.more(4, *ALL)
        assert set(seven.members[0].prices_e2()) <= set(range(PRICE_E2, PRICE_E2 + 7))
        reports = [COMMITTEE.verify(report.body) for report in seven.members[3].reports]
        for before, after in pairwise(reports):
            assert after.slot > before.slot
            assert after.leaves[0].prev_ms == before.leaves[0].decoded().time_ms
        by_slot = [{r.slot: r.body for r in m.reports} for m in seven.members.values()]
        common = set.intersection(*(set(one) for one in by_slot))
        assert common
        for slot in common:
            assert len({one[slot] for one in by_slot}) == 1
        assert not any(report.shared_view for report in seven.members[0].reports)

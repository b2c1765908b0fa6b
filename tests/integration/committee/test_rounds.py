"""Seven members over HTTP: reports keep coming whatever two of them do, and lies never pass."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

from oracle.committee.rounds.rules import AcceptedConfig
from oracle.model.validity import Validity
from oracle.report.report import Report
from tests.integration.committee.byzantine import LIARS, Liar, Mute, Splitter, TwoFaced
from tests.integration.committee.nodes import (
    COMMITTEE,
    CONFIG,
    KEYS,
    PRICE_E2,
    SLOT_MS,
    Cluster,
    Running,
    cluster,
)
from tests.unit.committee_node.signers import Moody

ALL = tuple(range(7))
PAIR = (2, 3)
"""They lead one after the other."""
LED = "plumbline_committee_rounds_total"
OTHERS = tuple(n for n in ALL if n not in PAIR)


def _reports(member: Running) -> list[Report]:
    return [COMMITTEE.verify(report.body) for report in member.reports]


def _common(seven: Cluster) -> set[int]:
    """Return the slots whose report every member has published."""
    return set.intersection(*({r.slot for r in m.reports} for m in seven.members.values()))


def _check_chain(member: Running) -> None:
    """Require that slots rise, and that every report follows the one before or is counted."""
    reports = _reports(member)
    assert all(a.slot < b.slot for a, b in pairwise(reports))
    broken = [
        (before.slot, after.slot)
        for before, after in pairwise(reports)
        if after.leaves[0].prev_ms != before.leaves[0].decoded().time_ms
    ]
    assert len(broken) <= member.value("plumbline_committee_gaps_total"), broken


def _check_honest(seven: Cluster, honest: tuple[int, ...], since: dict[int, int]) -> None:
    """Require that what honest members published since then lies between honest prices."""
    low, high = PRICE_E2 + min(honest), PRICE_E2 + max(honest)
    for number in honest:
        member = seven.members[number]
        prices = member.prices_e2(since[number])
        assert prices
        assert all(price is not None and low <= price <= high for price in prices), prices
        words = member.words(since[number])
        assert {entry.validity for word in words for entry in word.entries[:2]} == {Validity.VALID}


async def _honest_reports(seven: Cluster, honest: tuple[int, ...], count: int) -> None:
    """Wait for so many reports, and check all that was published."""
    since = {n: seven.published(n) for n in honest}
    await seven.more(count, *honest)
    _check_honest(seven, honest, since)


async def _whole_turn(seven: Cluster, honest: tuple[int, ...]) -> None:
    """Wait until every member has had its turn to lead."""
    await _honest_reports(seven, honest, 8)


async def test_all_well(tmp_path: Path):
    """Every member publishes the same reports, each the median of all, in one chain."""
    async with cluster(tmp_path) as seven:
        seven.start(*ALL)
        await seven.more(4, *ALL)
        _check_honest(seven, ALL, dict.fromkeys(ALL, 0))
        for member in seven.members.values():
            _check_chain(member)
            assert not any(report.shared_view for report in member.reports)
        await seven.until(
            lambda: all(
                member.value("plumbline_committee_slots_total", outcome="certified")
                for member in seven.members.values()
            ),
            "everybody counts a slot as certified",
        )
        await seven.until(lambda: bool(_common(seven)), "a slot that everybody has")
        common = _common(seven)
        by_slot = [{r.slot: r.body for r in m.reports} for m in seven.members.values()]
        assert all(len({one[slot] for one in by_slot}) == 1 for slot in common)


async def test_two_dead_and_back(tmp_path: Path):
    """Two who lead in turn die; the others go on, and both catch up when they are back."""
    async with cluster(tmp_path) as seven:
        seven.start(*ALL)
        await seven.more(2, *ALL)
        await seven.stop(*PAIR)
        await _whole_turn(seven, OTHERS)
        seven.start(*PAIR)
        await seven.more(3, *PAIR)
        for number in ALL:
            _check_chain(seven.members[number])
            assert seven.evidence(number) == []


async def test_two_slow(tmp_path: Path):
    """Two whose every request takes longer than a slot delay nobody."""
    async with cluster(tmp_path) as seven:
        seven.start(*ALL)
        await seven.more(1, *OTHERS)
        seven.links.slow_s = dict.fromkeys(PAIR, 1.5 * SLOT_MS / 1e3)
        await _whole_turn(seven, OTHERS)


async def test_two_lying(tmp_path: Path):
    """Two liars move no price out of the honest range, and worsen no validity."""
    lies = [
        (PRICE_E2 * 2, Validity.VALID),
        (PRICE_E2 // 2, Validity.VALID),
        (PRICE_E2, Validity.HALTED),
        (PRICE_E2, Validity.MISSING),
        (PRICE_E2, Validity.TOO_UNCERTAIN),
    ]
    async with cluster(tmp_path) as seven:
        seven.start(*ALL)
        await seven.more(1, *OTHERS)
        for lie in lies:
            for number in PAIR:
                seven.members[number].view.price_e2, seven.members[number].view.validity = lie
            await seven.more(1, *OTHERS)
            await _honest_reports(seven, OTHERS, 3)


async def test_two_equivocating(tmp_path: Path):
    """One says two things of each slot, one splits the members: both are found out."""
    async with cluster(tmp_path) as seven:
        seven.makers = {2: TwoFaced, 3: Splitter}
        seven.start(*ALL)
        await _whole_turn(seven, OTHERS)
        await seven.until(
            lambda: (
                {("OBSERVATION", 2), ("PROPOSAL", 3)}
                <= {found for number in OTHERS for found in seven.evidence(number)}
            ),
            "evidence against both",
        )
        accused = {member for number in OTHERS for _, member in seven.evidence(number)}
        assert accused == {2, 3}
        counted = sum(seven.members[n].value("plumbline_committee_evidence_total") for n in OTHERS)
        assert counted > 0


async def test_two_partitioned_and_healed(tmp_path: Path):
    """Two who reach nobody publish nothing and say so; healed, they have every report."""
    async with cluster(tmp_path) as seven:
        seven.start(*ALL)
        await seven.more(2, *ALL)
        seven.links.isolate(PAIR)
        await _whole_turn(seven, OTHERS)
        cut_off = seven.members[2]
        await seven.until(
            lambda: any(
                reason.startswith("too few peers")
                for reason in cut_off.node.health.reasons(cut_off.now_ns() // 10**6)
            ),
            "the one cut off says so",
        )
        seven.links.cut = set()
        await seven.more(3, *PAIR)
        _check_chain(cut_off)
        first = cut_off.reports[0].slot
        healed = {r.slot for r in seven.members[0].reports if r.slot > first}
        await seven.until(
            lambda: healed <= {report.slot for report in cut_off.reports},
            "the one that was cut off has every report",
        )


async def test_no_majority_anywhere(tmp_path: Path):
    """Three cut from four: nobody signs alone, all say so, and the chain goes on when healed."""
    async with cluster(tmp_path) as seven:
        seven.start(*ALL)
        await seven.more(2, *ALL)
        seven.links.isolate({0, 2, 4})
        await seven.until(
            lambda: all(
                any(r.startswith("no report") for r in m.node.health.reasons(m.now_ns() // 10**6))
                for m in seven.members.values()
            ),
            "everybody says that no reports come",
        )
        before = {n: seven.published(n) for n in ALL}
        await seven.until(
            lambda: seven.members[0].value("plumbline_committee_slots_total", outcome="missed") > 0,
            "a slot counts as missed",
        )
        seven.links.cut = set()
        await seven.more(2, *ALL)
        for number in ALL:
            assert seven.published(number) > before[number]
            _check_chain(seven.members[number])
            assert seven.evidence(number) == []


async def test_three_lying(tmp_path: Path):
    """Three who lie together get nothing signed outside the honest range: it stops, and says so."""
    async with cluster(tmp_path) as seven:
        seven.makers = dict.fromkeys(LIARS, Liar)
        seven.start(*ALL)
        for number in LIARS:
            seven.members[number].view.price_e2 = PRICE_E2 * 2
        honest = tuple(n for n in ALL if n not in LIARS)
        await seven.until(
            lambda: all(
                seven.members[n].value(
                    "plumbline_committee_refusals_total", reason="price_not_sane"
                )
                for n in honest
            ),
            "every honest member refuses the liars' price",
        )
        await seven.until(
            lambda: all(
                any(r.startswith("no report") for r in m.node.health.reasons(m.now_ns() // 10**6))
                for m in (seven.members[n] for n in honest)
            ),
            "every honest member says that no reports come",
        )
        for number in honest:
            prices = seven.members[number].prices_e2()
            assert all(p is not None and PRICE_E2 <= p <= PRICE_E2 + 6 for p in prices), prices


async def test_a_report_left_in_doubt_is_finished(tmp_path: Path):
    """A leader that dies with the signatures in its hands leaves no hole: the next one finishes."""

    def finished() -> bool:
        reports = _reports(seven.members[0])
        return any(
            report.slot // SLOT_MS % 7 == 3
            and before.leaves[0].decoded().time_ms == report.leaves[0].prev_ms
            and report.leaves[0].decoded().time_ms == after.leaves[0].prev_ms
            for before, report, after in zip(reports, reports[1:], reports[2:], strict=False)
        )

    async with cluster(tmp_path) as seven:
        seven.makers = {3: Mute}
        seven.start(*ALL)
        await seven.until(finished, "a report that the mute leader proposed, in the chain")
        for number in OTHERS:
            _check_chain(seven.members[number])


async def test_a_key_that_fails_and_works_again(tmp_path: Path):
    """Two whose vaults go away say so and are missed by nobody; they come back by themselves."""
    async with cluster(tmp_path) as seven:
        moody = {number: Moody(KEYS[number].secret) for number in PAIR}
        seven.signers = dict(moody)
        seven.start(*ALL)
        await seven.more(2, *ALL)
        for signer in moody.values():
            signer.well = False
        await seven.until(
            lambda: all(
                sum(
                    seven.members[n].value(
                        "plumbline_committee_refused_total", reason="not_now", peer=str(number)
                    )
                    for n in OTHERS
                )
                for number in PAIR
            ),
            "the leaders are told that there is no signature now",
        )
        await _whole_turn(seven, OTHERS)
        asked = {number: signer.asked for number, signer in moody.items()}
        for signer in moody.values():
            signer.well = True
        led = {n: seven.members[n].value(LED, outcome="certified") for n in PAIR}
        await seven.until(
            lambda: all(seven.members[n].value(LED, outcome="certified") > led[n] for n in PAIR),
            "both lead again",
        )
        assert all(signer.asked > asked[number] for number, signer in moody.items())
        for number in ALL:
            assert seven.evidence(number) == []
            _check_chain(seven.members[number])


async def test_restarts_sign_nothing_twice(tmp_path: Path):
    """A member that is stopped at any moment and comes back leaves no evidence against it."""
    async with cluster(tmp_path) as seven:
        seven.start(*ALL)
        await seven.more(1, *ALL)
        for turn in range(6):
            phase_ms = turn * SLOT_MS // 6
            await seven.until(
                lambda at=phase_ms: 0 <= time.time_ns() // 10**6 % SLOT_MS - at < SLOT_MS // 6,
                f"{phase_ms} ms into a slot",
            )
            await seven.stop(turn)
            seven.start(turn)
        await seven.more(4, *ALL)
        for number in ALL:
            assert seven.evidence(number) == []
            _check_chain(seven.members[number])


async def test_all_restart_at_once(tmp_path: Path):
    """After a stop of everybody the chain goes on from what was signed last."""
    async with cluster(tmp_path) as seven:
        seven.start(*ALL)
        await seven.more(2, *ALL)
        await seven.stop(*ALL)
        newest = max(report.slot for m in seven.members.values() for report in _reports(m))
        seven.start(*ALL)
        await seven.more(3, *ALL)
        first = next(r for r in _reports(seven.members[0]) if r.slot > newest)
        assert first.leaves[0].prev_ms > 0
        for number in ALL:
            _check_chain(seven.members[number])


async def test_a_clock_that_is_off(tmp_path: Path):
    """One member's clock is off by more than allowed: all see it, it says so, reports go on."""
    async with cluster(tmp_path) as seven:
        seven.start(*ALL)
        seven.members[2].offset_ns = 700_000_000
        honest = tuple(n for n in ALL if n != 2)
        await _whole_turn(seven, honest)
        off = seven.members[2]
        await seven.until(
            lambda: any(
                reason.startswith("our clock")
                for reason in off.node.health.reasons(off.now_ns() // 10**6)
            ),
            "the one whose clock is off says so",
        )
        await seven.until(
            lambda: all(
                2 in seven.members[n].node.peers.clocks.beyond(250 * 10**6) for n in honest
            ),
            "everybody has measured it",
        )


async def test_a_configuration_changes_without_a_gap(tmp_path: Path):
    """Members restart one by one onto the next configuration, and reports keep coming."""
    following = b"\x02" * 32
    async with cluster(tmp_path) as seven:
        seven.configs = (AcceptedConfig(following), AcceptedConfig(CONFIG))
        seven.start(*ALL)
        await seven.more(1, *ALL)
        for number in ALL:
            await seven.stop(number)
            seven.start(number, config=following)
            await seven.more(1, *ALL)
        _check_chain(seven.members[6])


async def test_a_configuration_that_is_not_active_yet_is_refused(tmp_path: Path):
    """Two members on an unknown configuration do not count, and are told why."""
    async with cluster(tmp_path) as seven:
        seven.start(*OTHERS)
        seven.start(*PAIR, config=b"\x03" * 32)
        await _whole_turn(seven, OTHERS)
        refusals = "plumbline_committee_refusals_total"
        await seven.until(
            lambda: any(
                seven.members[n].value(refusals, reason="config_not_accepted") for n in OTHERS
            ),
            "somebody refuses their configuration",
        )

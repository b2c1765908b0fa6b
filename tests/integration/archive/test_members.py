"""Seven members, each with an archive of its own: together they prove every observation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from eth_hash.auto import keccak
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from oracle.api import problems
from oracle.api.proofs import Lending, router
from oracle.archive.archiver import Archiver, Roll
from oracle.archive.metrics import ArchiveMetrics
from oracle.archive.read import Archive
from oracle.archive.served import ServedArchive
from oracle.archive.store import Store
from oracle.committee.rounds.median import combine
from oracle.committee.wire.proposal import Proposal
from oracle.listening import Keys, serving
from oracle.model.errors import Rejected
from oracle.model.messages import SignedReport, committed, encode
from oracle.report import merkle
from oracle.report.report import decode
from tests.integration.committee.nodes import COMMITTEE, SALT, Cluster, Running, cluster

MEMBERS = range(7)
AWAY = 6
FAULTS = 2
WEEK_NS = 7 * 24 * 3600 * 10**9


def store_of(folder: Path, number: int) -> Store:
    """Return a member's archive."""
    return Store(str(folder / f"archive-{number}"))


def archiver_of(member: Running, folder: Path) -> Archiver:
    """Return what archives a member's bus."""
    metrics = ArchiveMetrics(CollectorRegistry())
    return Archiver(member.bus, store_of(folder, member.number), metrics, Roll(age_s=1.0))


async def everybody_has_all(members: Cluster, folder: Path) -> None:
    """Run until each member has the rounds of reports that one missed while it was cut off."""
    members.start(*MEMBERS)
    archiving = [
        asyncio.create_task(archiver_of(member, folder).run())
        for member in members.members.values()
    ]
    try:
        await members.more(3, *MEMBERS)
        members.links.isolate([AWAY])
        await members.more(4, *(number for number in MEMBERS if number != AWAY))
        members.links.cut = set()
        await members.more(6, AWAY)
        wanted = members.published(AWAY)
        name = "plumbline_committee_rounds_published_total"
        await members.until(
            lambda: all(members.members[n].value(name) >= wanted for n in MEMBERS),
            f"{wanted} rounds on every bus",
        )
    finally:
        for task in archiving:
            task.cancel()
        await asyncio.gather(*archiving, return_exceptions=True)


def check(archives: Sequence[Archive], report: SignedReport) -> set[int]:
    """Prove a report's round in all archives; return whose observations it has."""
    decoded = decode(report.body)
    proposals = [Proposal.decode(one.round_of(report.slot).proposal) for one in archives]
    assert len(set(proposals)) == 1
    (proposal,) = set(proposals)
    root = merkle.root_of([keccak(one.encode()) for one in proposal.observations])
    assert root == decoded.inputs_root
    made = combine(proposal.observations, FAULTS, proposal.prev_ms)
    assert made.digest(SALT) == COMMITTEE.verify(report.body).digest(SALT)
    for observation in proposal.observations:
        observation.verify(COMMITTEE.members[observation.member])
        own, other = archives[observation.member], archives[(observation.member + 1) % 7]
        (step,) = own.steps_seen(observation)
        assert keccak(committed(encode(step.manifest))) == observation.inputs_root
        assert step.manifest.time_ns == observation.time_ns
        with pytest.raises(Rejected, match=f"that member {observation.member} observed"):
            other.steps_seen(observation)
    return {observation.member for observation in proposal.observations}


async def test_each_members_archive_proves_its_own_observation(tmp_path: Path) -> None:
    """Of every report that one published, also of those that it missed; and by HTTP the same."""
    async with cluster(tmp_path) as members:
        await everybody_has_all(members, tmp_path)
        reports = list(members.members[AWAY].reports)
    archives = [Archive(store_of(tmp_path, number)) for number in MEMBERS]
    held = [report for report in reports if archives_have(archives, report)]
    assert len(held) >= len(reports) - 1  # the newest may have come while they ended
    observers = [await asyncio.to_thread(check, archives, report) for report in held]
    assert set().union(*observers) == set(MEMBERS)
    assert any(AWAY not in seen for seen in observers)
    await by_http(store_of(tmp_path, AWAY), archives[AWAY], held[0].slot)


def archives_have(archives: Sequence[Archive], report: SignedReport) -> bool:
    """Whether all of them have a report's round: the newest ones were still on their way."""
    try:
        return all(archive.round_of(report.slot) for archive in archives)
    except Rejected:
        return False


async def by_http(store: Store, archive: Archive, slot: int) -> None:
    """Read the same from the member's API."""
    app = FastAPI()
    problems.install(app)
    app.include_router(router)
    served = ServedArchive(store, WEEK_NS)
    app.state.lending = Lending(served, 10**9, CollectorRegistry())
    async with serving(app, "127.0.0.1", 0, Keys("host", "port")) as at:
        there = Archive(Store(at.url))
        found = await asyncio.to_thread(there.round_of, slot)
    assert found == archive.round_of(slot)

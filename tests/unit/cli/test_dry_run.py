"""The live dry run, on a bus in this process: ticks and marks as an oracle publishes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from oracle.bus.memory import MemoryBus
from oracle.cli.dry_run import DryRun, Outcome, listen
from oracle.config.load import parse
from oracle.model.errors import Retryable
from oracle.node.dry_run import Verdict
from tests import cbeth

FOR_NS = 5 * 10**8


@asynccontextmanager
async def _oracle(**what: bool) -> AsyncIterator[MemoryBus]:
    """Run an oracle of the old configuration on a bus."""
    async with MemoryBus() as bus:
        running = asyncio.create_task(cbeth.run_for_ever(bus, **what))
        try:
            yield bus
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def _listen(bus: MemoryBus, data: dict[str, Any], old: dict[str, Any] | None) -> Outcome:
    before = None if old is None else parse(old)
    return await listen(DryRun(parse(data), before, "it", 200.0), bus, FOR_NS)


async def test_a_lost_leg_is_refused_against_published_marks():
    """Moonwell, February 2026, on the running bus."""
    async with _oracle() as bus:
        outcome = await _listen(bus, cbeth.NEW, None)
    (refused,) = outcome.refused
    assert refused.observed.market.name == "CBETH-USD"
    assert refused.current == pytest.approx(2199.9, rel=1e-4)
    assert "likely cause: conversion leg ETH-USD (1,964.2) missing" in refused.refusals[0]


async def test_what_is_in_force_is_fine():
    """The configuration that publishes agrees with itself, in every market."""
    async with _oracle() as bus:
        outcome = await _listen(bus, cbeth.OLD, None)
    assert {one.verdict for one in outcome.judged} == {Verdict.OK}
    assert outcome.ticks >= len(cbeth.QUOTES)
    assert outcome.no_longer_priced == []


async def test_a_market_that_is_dropped_is_named():
    """What is published and not configured any more is in the outcome."""
    only_eth = {"markets": {"ETH-USD": cbeth.OLD["markets"]["ETH-USD"]}}
    async with _oracle() as bus:
        outcome = await _listen(bus, only_eth, None)
    assert outcome.no_longer_priced == ["CBETH-USD"]


async def test_the_old_file_stands_in_for_marks():
    """Feeds alone are enough when the file in force is given."""
    async with _oracle(marks=False) as bus:
        outcome = await _listen(bus, cbeth.NEW, cbeth.OLD)
    assert [one.verdict for one in outcome.judged] == [Verdict.REFUSED, Verdict.OK]


async def test_no_marks_and_no_ticks_are_no_success():
    """Nothing to compare with, or nothing to compare: both say what to do."""
    async with _oracle(marks=False) as bus:
        with pytest.raises(Retryable, match=r"no mark was published within 0\.5 s"):
            await _listen(bus, cbeth.NEW, None)
    async with MemoryBus() as quiet:
        with pytest.raises(Retryable, match="no tick of the configuration's sources came"):
            await _listen(quiet, cbeth.NEW, None)


async def test_progress_goes_up():
    """A person who waits sees it, from nothing to nearly all."""
    seen: list[float] = []
    async with _oracle() as bus:
        run = DryRun(parse(cbeth.OLD), None, "", 200.0)
        await listen(run, bus, FOR_NS, seen.append)
    assert seen == sorted(seen)
    assert 0 <= seen[0] < 0.5 < seen[-1] <= 1

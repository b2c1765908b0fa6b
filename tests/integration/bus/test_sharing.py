"""Sharing of work, the same on both buses; what only Kafka's sessions do comes after."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import pytest

from deploy.kafka.broker import Broker
from oracle.bus.interface import Bus
from oracle.bus.kafka import KafkaBus
from oracle.bus.sharing import Sharing
from oracle.model.errors import ConfigError, Retryable
from tests.kafka_broker import make_topics

DEADLINE_S = 180.0


class Member:
    """A member that claims its name and some words, and hears who claimed what."""

    def __init__(self, bus: Bus, name: str, group: str = "workers") -> None:
        self.name = name
        self.words: list[str] = []
        self.heard: dict[str, list[str]] = {}
        self.sharing: Sharing = bus.share(group, name, self._claim, divide)

    def _claim(self) -> bytes:
        return json.dumps([self.name, self.words]).encode()

    async def hears(self, wanted: Mapping[str, list[str]]) -> None:
        """Wait until the last division was of these claims, to a deadline."""
        ends = time.monotonic() + DEADLINE_S
        while self.heard != wanted or not self.sharing.holds():
            assert time.monotonic() < ends, f"{self.name} heard {self.heard}"
            share = await self.sharing.next(timeout_s=0.2)
            if share is not None:
                self.heard = dict(json.loads(share))


def divide(claims: Mapping[str, bytes]) -> dict[str, bytes]:
    """Tell everybody everything."""
    everything = json.dumps([json.loads(claim) for claim in claims.values()]).encode()
    return dict.fromkeys(claims, everything)


async def test_a_member_alone_has_a_share_at_once(bus: Bus) -> None:
    """Nobody waits for others."""
    alone = Member(bus, "a")
    assert not alone.sharing.holds()
    async with alone.sharing:
        await alone.hears({"a": []})
    assert not alone.sharing.holds()


async def test_members_come_and_go_in_order(bus: Bus) -> None:
    """Who joins is divided for, and who leaves in order is missed at once, not after a session."""
    first, second = Member(bus, "a"), Member(bus, "b")
    async with first.sharing:
        await first.hears({"a": []})
        async with second.sharing:
            await first.hears({"a": [], "b": []})
            await second.hears({"a": [], "b": []})
        await first.hears({"a": []})


async def test_a_changed_claim_is_divided_anew(bus: Bus) -> None:
    """Both the member that leads the division and one that does not may change their minds."""
    first, second = Member(bus, "a"), Member(bus, "b")
    async with first.sharing, second.sharing:
        both = {"a": [], "b": []}
        await first.hears(both)
        await second.hears(both)
        for member in (first, second):
            member.words.append("not this")
            both[member.name] = ["not this"]
            member.sharing.restate()
            await first.hears(both)
            await second.hears(both)


async def test_groups_do_not_meet(bus: Bus) -> None:
    """Two deployments share a broker and nothing else."""
    here, there = Member(bus, "a", "one"), Member(bus, "b", "other")
    async with here.sharing, there.sharing:
        await here.hears({"a": []})
        await there.hears({"b": []})


@pytest.mark.kafka
async def test_two_processes_of_one_name_are_told(kafka_bus: KafkaBus) -> None:
    """They would take the membership from each other for ever, and both think it theirs."""
    async with kafka_bus:
        await make_topics(kafka_bus)
        one, twin = Member(kafka_bus, "a"), Member(kafka_bus, "a")
        async with one.sharing, twin.sharing:
            with pytest.raises(ConfigError, match="another process takes part as 'a'"):
                await _listen(one, twin)


async def _listen(*members: Member) -> None:
    ends = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends:
        for member in members:
            await member.sharing.next(timeout_s=0.1)


@pytest.mark.kafka
async def test_a_broker_that_was_away_finds_the_members_again(broker: Broker) -> None:
    """Meanwhile nobody is sure of a share for longer than a session; then all goes on."""
    with Broker() as own:
        bus = KafkaBus(own.bootstrap, request_timeout_ms=2000, session_timeout_ms=3000)
        async with bus:
            await make_topics(bus)
            first, second = Member(bus, "a"), Member(bus, "b")
            async with first.sharing, second.sharing:
                both = {"a": [], "b": []}
                await first.hears(both)
                await second.hears(both)
                own.kill()
                for member in (first, second):
                    await _until_not_held(member)
                own.restart()
                await _until_held(first, second)
                first.words.append("more")
                first.sharing.restate()
                await _hear_together({"a": ["more"], "b": []}, first, second)


async def _until_not_held(member: Member) -> None:
    ends = time.monotonic() + DEADLINE_S
    while member.sharing.holds():
        assert time.monotonic() < ends
        await _listened(member)


async def _until_held(*members: Member) -> None:
    ends = time.monotonic() + DEADLINE_S
    while not all(member.sharing.holds() for member in members):
        assert time.monotonic() < ends
        for member in members:
            await _listened(member)


async def _hear_together(wanted: Mapping[str, list[str]], *members: Member) -> None:
    ends = time.monotonic() + DEADLINE_S
    while any(member.heard != wanted for member in members):
        assert time.monotonic() < ends, [member.heard for member in members]
        for member in members:
            await _listened(member)


async def _listened(member: Member) -> None:
    """Take what comes; an unreachable broker is no news."""
    try:
        share = await member.sharing.next(timeout_s=0.1)
    except Retryable:
        return
    if share is not None:
        member.heard = dict(json.loads(share))

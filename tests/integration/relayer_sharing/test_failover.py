"""Two relayer processes share two real chains over a real broker; judged by what the chains say."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from oracle.cli.status.ours import takers
from oracle.config.load import load
from tests.integration.relayer_sharing.world import DEADLINE_S, World

pytestmark = [pytest.mark.kafka, pytest.mark.evm]


async def test_one_dies_sleeps_comes_back_and_leaves(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    """Killed, stopped and woken, or ended: the other pushes on, and nothing is sent for nothing."""
    a, b = await world.relayer("a"), await world.relayer("b")
    async with world.reporting():
        a.start()
        b.start()
        owners = await world.shared(a, b)
        for chain, owner in owners.items():
            await world.sends(owner, chain)
        taken, unknown = await takers(load(a.config), DEADLINE_S)
        assert unknown == ""
        assert {chain: taken[chain] for chain in owners} == {
            chain: owner.events("duty_taken")[0]["relayer"] for chain, owner in owners.items()
        }

        dead, alive = owners["alpha"], owners["beta"]
        dead.end(signal.SIGKILL)
        took_s = {"kill -9": await world.updated("alpha")}
        await world.sends(alive, "alpha")
        await world.sends(alive, "beta")
        assert [e["chain"] for e in alive.events("duty_passed_on")].count("beta") == 0

        dead.start()
        owners = await world.shared(a, b)
        for chain, owner in owners.items():
            await world.sends(owner, chain)

        asleep, awake = owners["beta"], owners["alpha"]
        asleep.send(signal.SIGSTOP)
        took_s["SIGSTOP"] = await world.updated("beta")
        await world.sends(awake, "beta")
        sent = {n: await s.sent_by(asleep.wallets[n]) for n, s in world.sites.items()}
        asleep.send(signal.SIGCONT)
        owners = await world.shared(a, b)
        for chain, owner in owners.items():
            await world.sends(owner, chain)
            if owner is not asleep:  # what it woke up with was not sent
                assert await world.sites[chain].sent_by(asleep.wallets[chain]) == sent[chain]

        leaving, staying = owners["alpha"], owners["beta"]
        assert leaving.end(signal.SIGTERM) == 0
        took_s["SIGTERM"] = await world.updated("alpha")
        await world.sends(staying, "alpha")
        assert staying.end(signal.SIGTERM) == 0
    for chain, site in world.sites.items():
        wallets = {relayer.name: relayer.wallets[chain] for relayer in (a, b)}
        useless = await site.useless(wallets)
        taken_over = [e for r in (a, b) for e in r.events("duty_taken") if e["chain"] == chain]
        assert len(useless) <= len(taken_over), useless  # at most one for each hand-over
    record_property("failover_s", {how: round(seconds, 1) for how, seconds in took_s.items()})


async def test_who_cannot_reach_a_chain_gives_way_and_all_is_watched(world: World) -> None:
    """The other has its own provider; and each sees what neither of them does."""
    dead_end = {"rpc": ["http://127.0.0.1:9"], "watch_rpc": [world.sites["beta"].node.rpc_url]}
    a, b = await world.relayer("a", {"beta": dead_end}), await world.relayer("b")
    async with world.reporting():
        a.start()
        await world.sends(a, "alpha")
        b.start()
        await world.sends(b, "beta")
        await world.sends(a, "alpha")
        assert await world.sites["beta"].sent_by(a.wallets["beta"]) == 0
        assert await a.metric("gave_way_total", chain="beta") >= 1
        for relayer in (a, b):
            await world.becomes(relayer, "reports_silent", 0)
    for relayer in (a, b):
        for chain in ("alpha", "beta"):
            labels = {"chain": chain, "market": "BTC-USD"}
            await world.becomes(relayer, "update_overdue", 1, **labels)
        await world.becomes(relayer, "reports_silent", 1)
        assert relayer.events("update_overdue")
    async with world.reporting():
        for relayer in (a, b):
            await world.becomes(relayer, "update_overdue", 0, chain="beta", market="BTC-USD")
            await world.becomes(relayer, "reports_silent", 0)

"""Chains that go back, and clocks that differ."""

from __future__ import annotations

from tests.integration.chaos.pool import BUMPS
from tests.integration.chaos.scenario import Named, Scenario
from tests.integration.chaos.site import LEAP
from tests.integration.chaos.world import World
from tests.integration.relayer.conftest import now_ms

DEPTH = 5
DEEP = 70
"""Blocks: beyond those after which a transaction is final, and those that are kept."""
SKEW_S = 60


async def _reorganised(world: World, named: Named) -> None:
    """Prices rest: nothing but the relayer's own watch brings the mark back."""
    for _ in range(DEPTH):
        await world.publish()
        await world.holds_newest()
    world.pause()
    await world.holds_newest()
    await world.reorganise(DEPTH)
    assert await world.held() != world.words
    await world.until(named)
    await world.holds_newest()
    world.resume()


async def _restarted_older(world: World, named: Named) -> None:
    await world.node.restart()
    for _ in range(DEPTH):
        await world.publish()
        await world.holds_newest()
    world.pause()
    await world.holds_newest()
    world.node.kill()
    await world.node.start()
    assert await world.held() != world.words
    await world.until(named)
    await world.holds_newest()
    world.resume()


async def _reorganised_deep(world: World, named: Named) -> None:
    """What is undone was final to the relayer: only what the chain holds tells."""
    world.pause()
    await world.holds_newest()
    await world.node.mine(DEEP)
    await world.publish()
    await world.holds_newest()
    await world.node.mine(DEEP)
    await world.until(lambda: world.metric("in_flight") == 0)
    await world.reorganise(DEEP + DEPTH)
    assert await world.held() != world.words
    await world.until(named)
    await world.holds_newest()
    world.resume()


async def _put_back(world: World, named: Named) -> None:
    """The wallet's count falls by more than what is kept, or could be filled."""
    world.pause()
    await world.holds_newest()
    before = await world.rpc("evm_snapshot")
    await world.leap()
    for _ in range(2):
        await world.publish()
        await world.holds_newest()
    await world.rpc("evm_revert", before)
    await world.rpc("evm_setTime", now_ms())
    assert await world.held() != world.words
    await world.until(named)
    await world.rpc("anvil_dropAllTransactions")  # no count will come to those for long
    await world.holds_newest()
    world.resume()


async def _chain_behind(world: World, named: Named) -> None:
    """To the chain the reports are from the future."""
    world.skew_ms = SKEW_S * 1000
    await world.until(named)
    await world.node.advance(SKEW_S)
    await world.holds_newest()


async def _chain_ahead(world: World, named: Named) -> None:
    await world.node.advance(3600)
    await world.until(named)
    await world.holds_newest()


HISTORY = (
    Scenario(
        "reorg",
        f"The chain drops its last {DEPTH} blocks, with our transactions.",
        "Broadcasts the same bytes again, without waiting for a new report.",
        _reorganised,
        ("reorg",),
        counters=("transactions_reorged_total",),
        config=BUMPS,
    ),
    Scenario(
        "older state",
        "The node restarts with the state of some minutes ago.",
        "Sees that the chain holds less than it did, and sends again.",
        _restarted_older,
        ("reorg",),
        counters=("transactions_reorged_total",),
        config=BUMPS,
    ),
    Scenario(
        "deep reorg",
        f"The chain drops {DEEP + DEPTH} blocks: what was final is gone.",
        "Sees what the chain holds; broadcasts the same bytes again, and what is due now.",
        _reorganised_deep,
        ("reorg",),
        counters=("transactions_reorged_total",),
        config=BUMPS,
    ),
    Scenario(
        "rolled back",
        f"The chain is put back to {LEAP} transactions of the wallet ago.",
        "Keeps what it signed, goes on from the chain's count; sends each again in its turn.",
        _put_back,
        ("rolled_back",),
        config=BUMPS,
    ),
    Scenario(
        "chain's clock behind",
        f"Blocks carry a time {SKEW_S} s before the reports'.",
        "Sends nothing that would revert; goes on when the clocks meet.",
        _chain_behind,
        ("clock_skew",),
    ),
    Scenario(
        "chain's clock ahead",
        "Blocks carry a time an hour after the reports'.",
        "Sends on: a report's age is judged by who reads it.",
        _chain_ahead,
        ("clock_skew",),
    ),
)

"""A keeper against the real contracts on a real node."""

from __future__ import annotations

import pytest

from tests.integration.keeper.site import E18, World

pytestmark = pytest.mark.evm


async def open_position(world: World, usd: int, size: float, *, ether: float = 0.0):
    """Have a trader's order settled by whichever keeper runs."""
    trader = await world.trader(usd, ether)
    await world.commit(trader, size)
    await world.advance(3)
    await world.price()
    await world.until(lambda: _holds(world, trader, size))
    return trader


async def _holds(world: World, trader, size: float) -> bool:
    return abs(await world.size(trader) - size) < 1e-9


async def test_an_order_is_settled_with_the_first_report_after_it_is_due(world: World) -> None:
    """Committed, due, the report off the bus: filled, and the reward is the keeper's."""
    keeper = await world.keeper("one")
    world.run(keeper)
    await open_position(world, 1_000, 1.0)
    await world.until(lambda: world.metric("one", "calls_total", what="settle", end="done") == 1)
    assert await world.call("vault", "cashOf", keeper._chores.own) > 0


async def test_an_account_below_maintenance_is_liquidated_with_the_report_attached(
    world: World,
) -> None:
    """The price falls on the bus alone: the keeper brings it along, and closes a part."""
    world.run(await world.keeper("one"))
    trader = await open_position(world, 250, 1.0)
    await world.price(m0=2_800.0, m2=2_800.0, m3=2_800.0)
    await world.until(lambda: world.metric("one", "calls_total", what="liquidate", end="done") >= 1)
    assert await world.size(trader) < 1.0
    mark = await world.call("oracle", "readMark", 0)
    assert mark[0] == 2_800 * E18
    equity, _, maintenance, _ = await world.call("engine", "marginOf", trader.account, 1)
    assert equity >= maintenance

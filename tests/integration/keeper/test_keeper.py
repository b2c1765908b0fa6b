"""A keeper against the real contracts on a real node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from oracle.bus.interface import Start
from oracle.model.fixed import Px
from oracle.model.messages import Exposure, MarginCall
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from relayer.keeper.act import End
from relayer.keeper.plan import Task
from tests.integration.keeper.site import E18, Trader, World

pytestmark = pytest.mark.evm


async def open_position(
    world: World, usd: int, size: float, *, ether: float = 0.0, market: int = 0
) -> Trader:
    """Have a trader's order settled by whichever keeper runs."""
    trader = await world.trader(usd, ether)
    await world.commit(trader, size, market)
    await world.advance(3)
    await world.price()
    await world.until(lambda: _holds(world, trader, size, market))
    return trader


async def _holds(world: World, trader: Trader, size: float, market: int = 0) -> bool:
    return abs(await world.size(trader, market) - size) < 1e-9


async def heard(world: World, topic: Topic) -> list[object]:
    """Return all that was said on a topic."""
    async with world.bus.subscribe(topic, start=Start.EARLIEST) as reader:
        return [record.message for record in await reader.take(timeout_s=0.0)]


def done(world: World, keeper: str, what: str, end: str = "done") -> float:
    """Return how often a keeper's call came to an end."""
    return world.metric(keeper, "calls_total", what=what, end=end)


async def fall(world: World, to: float) -> None:
    """Have the price of market 0, and of the collateral, fall on the bus alone."""
    await world.price(m0=to, m2=to, m3=to)


async def test_an_order_is_settled_with_the_first_report_after_it_is_due(world: World) -> None:
    """Committed, due, two reports off the bus: filled at the first one's price, for a reward."""
    keeper = await world.keeper("one")
    trader = await world.trader(1_000)
    await world.commit(trader, 1.0)
    await world.advance(3)
    world.run(keeper)
    await world.until(lambda: keeper.is_ready)
    await world.price(m0=3_000.0)
    await world.price(m0=3_050.0)
    await world.until(lambda: done(world, "one", "settle") == 1)
    position = await world.call("engine", "position", trader.account, 0)
    assert 3_000 * E18 <= position[1] < 3_040 * E18
    assert await world.call("vault", "cashOf", keeper._chores.own) > 0


async def test_orders_of_one_report_are_settled_together(world: World) -> None:
    """Three due at once are one transaction; one that cannot settle does not hold up the others."""
    keeper = await world.keeper("one")
    traders = [await world.trader(1_000) for _ in range(3)]
    for trader in traders:
        await world.commit(trader, 0.5)
    await world.advance(3)
    world.run(keeper)
    await world.until(lambda: keeper.is_ready)
    await world.price()
    for trader in traders:
        await world.until(lambda trader=trader: _holds(world, trader, 0.5))
    await world.until(lambda: world.metric("one", "orders") == 0)
    assert done(world, "one", "settle") <= 2


async def test_a_stop_is_triggered_and_settled(world: World) -> None:
    """The stored mark reaches the trigger: triggered, due, and settled by the report after."""
    world.run(await world.keeper("one"))
    trader = await open_position(world, 1_000, 1.0)
    await world.commit(trader, -1.0, kind=2, trigger=2_900 * E18)
    await world.store(await world.price(m0=2_890.0))
    await world.until(lambda: done(world, "one", "trigger") == 1)
    await world.advance(3)
    await world.price(m0=2_891.0)
    await world.until(lambda: _holds(world, trader, 0.0))


async def test_an_account_below_maintenance_is_liquidated_with_the_report_attached(
    world: World,
) -> None:
    """The price falls on the bus alone: the keeper brings it along, and closes a part."""
    world.run(await world.keeper("one"))
    trader = await open_position(world, 250, 1.0)
    await fall(world, 2_800.0)
    await world.until(lambda: done(world, "one", "liquidate") >= 1)
    assert await world.size(trader) < 1.0
    mark = await world.call("oracle", "readMark", 0)
    assert mark[0] == 2_800 * E18
    equity, _, maintenance, _ = await world.call("engine", "marginOf", trader.account, 1)
    assert equity >= maintenance


@pytest.mark.parametrize("price", [2_800.0, 2_770.0, 2_600.0])
async def test_a_reward_is_foreseen(world: World, price: float) -> None:
    """Of a part, of nearly all, and of what nothing is left of: as the contract then pays it.

    But for the funding of the second or two until its block.
    """
    keeper = await world.keeper("one")
    world.run(keeper)
    trader = await open_position(world, 250, 1.0)
    begun: list[Task] = []
    begin = keeper._actor.begin

    def note(tasks: list[Task], then: Callable[[End], None] | None = None) -> bool:
        taken = begin(tasks, then)
        begun.extend(task for task in tasks if taken and task.what == "liquidate")
        return taken

    keeper._actor.begin = note  # type: ignore[method-assign]
    await fall(world, price)
    await world.until(lambda: done(world, "one", "liquidate") >= 1)
    logs = await world.contracts["liquidator"].events.Liquidated.get_logs(from_block=0)
    assert logs[0]["args"]["account"] == trader.account
    assert logs[0]["args"]["rewardE18"] == pytest.approx(begun[0].reward, rel=1e-4)


async def test_what_does_not_pay_is_not_sent(world: World) -> None:
    """A reward below a thousand times its gas: weighed, counted, and nothing leaves the wallet."""
    helper = world.run(await world.keeper("helper"))
    trader = await open_position(world, 250, 1.0)
    helper.cancel()
    await asyncio.gather(helper, return_exceptions=True)
    keeper = await world.keeper("one", profit=100.0, unpaid_coins_per_day=0.0)
    world.run(keeper)
    await world.until(lambda: keeper.is_ready)
    await fall(world, 2_800.0)
    await world.until(lambda: done(world, "one", "liquidate", "unprofitable") >= 3)
    assert await world.size(trader) == 1.0
    wallet = keeper._actor.sender.address
    assert await world.node.w3.eth.get_transaction_count(wallet) == 0


async def test_bad_debt_is_closed_and_absorbed(world: World) -> None:
    """A gap through the whole margin: closed, and what is owed goes to the waterfall."""
    world.run(await world.keeper("one"))
    trader = await open_position(world, 250, 1.0)
    await fall(world, 2_600.0)
    await world.until(lambda: _is_clear(world, trader))
    await world.until(lambda: done(world, "one", "liquidate") >= 1)
    await world.until(lambda: done(world, "one", "absorb") == 1)


async def _is_clear(world: World, trader: Trader) -> bool:
    size, cash = await world.size(trader), await world.call("vault", "cashOf", trader.account)
    return size == 0 and cash == 0


async def test_two_keepers_do_everything_once(world: World) -> None:
    """Orders and liquidations under both: every order ends once, every account is made whole, and
    what the losers pay stays small."""
    for name in ("one", "two"):
        world.run(await world.keeper(name))
    traders = [await open_position(world, 250, 1.0) for _ in range(3)]
    await fall(world, 2_800.0)
    for trader in traders:
        await world.until(lambda trader=trader: _is_made_whole(world, trader))
    await world.until(lambda: world.metric("one", "orders") == world.metric("two", "orders") == 0)
    await world.until(lambda: sum(done(world, name, "settle") for name in ("one", "two")) == 3)
    logs = await world.contracts["orders"].events.Settled.get_logs(from_block=0)
    assert sorted(log["args"]["id"] for log in logs) == [1, 2, 3]
    lost = sum(world.metric(name, "lost_wei_total") for name in ("one", "two"))
    assert lost < 6 * 500_000 * 5 * 10**9


async def _is_made_whole(world: World, trader: Trader) -> bool:
    equity, _, maintenance, _ = await world.call("engine", "marginOf", trader.account, 1)
    return bool(await world.size(trader) < 1.0 and equity >= maintenance)


async def test_what_a_reorganisation_takes_away_is_read_again(world: World) -> None:
    """Blocks with a deposit leave the chain: the account is what it was before them."""
    keeper = await world.keeper("one")
    world.run(keeper)
    trader = await world.trader(500)
    await world.until(lambda: _cash(keeper, trader) == 500 * E18)
    wallet, amount = trader.wallet, 300 * 10**6
    await world.send("usd", "mint", wallet.address, amount, by=wallet)
    await world.send("usd", "approve", world.address("vault"), amount, by=wallet)
    await world.send("vault", "deposit", trader.account, 0, amount, by=wallet)
    await world.until(lambda: _cash(keeper, trader) == 800 * E18)
    await world.node.rollback(1)
    await world.node.mine(3)
    await world.until(lambda: _cash(keeper, trader) == 500 * E18)
    assert world.metric("one", "rollbacks_total") >= 1
    assert await keeper.audit() == 0


def _cash(keeper, trader: Trader) -> int:
    account = keeper._store.account(trader.account)
    return 0 if account is None else account.cash


async def test_a_keeper_goes_on_from_what_it_has_followed(world: World) -> None:
    """Stopped and started: the accounts are there at once, and what was missed is followed."""
    first = await world.keeper("one", state=True)
    running = asyncio.create_task(first.run())
    trader = await open_position(world, 1_000, 1.0)
    await world.until(lambda: _cash(first, trader) > 0 and first.is_ready)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await first.aclose()
    later = await world.trader(700)
    again = await world.keeper("one", state=True)
    assert again.columns.row_of.keys() >= {trader.account}
    assert again._store.tip() is not None
    world.run(again)
    await world.until(lambda: _cash(again, later) == 700 * E18)
    assert await again.audit() == 0


async def test_what_differs_from_the_chain_is_found_and_read_again(world: World) -> None:
    """A damaged state is the audit's to find: it is counted, and gone a moment later."""
    from dataclasses import replace

    keeper = await world.keeper("one")
    world.run(keeper)
    trader = await world.trader(500)
    await world.until(lambda: _cash(keeper, trader) == 500 * E18)
    account = keeper._store.account(trader.account)
    assert account is not None
    keeper._store.put_accounts([replace(account, cash=1)])
    assert await keeper.audit() == 1
    await world.until(lambda: _cash(keeper, trader) == 500 * E18)
    assert world.metric("one", "differing_total") == 1


async def test_margin_calls_are_said_once_and_end_well_above(world: World) -> None:
    """Warned, to and fro without a word, then ended; in order, on the topic."""
    keeper = await world.keeper("one", profit=100.0)
    world.run(await world.keeper("settler"))
    trader = await open_position(world, 250, 1.0)
    world.run(keeper)
    await world.until(lambda: keeper.is_ready)
    equity = (await world.call("engine", "marginOf", trader.account, 1))[0] / E18
    warned = 3_000.0 - equity + 62.0  # of 57 of maintenance, and a warning below 71
    for price in (warned, warned + 9.5, warned, 3_000.0):
        await world.price(m0=price)
        await _judged(world)
    await world.until(lambda: not keeper._notifier.called())
    await keeper._notifier.delivered()
    account = f"0x{trader.account:064x}"
    calls = [
        (m.level, m.sequence)
        for m in await heard(world, Topic.MARGIN_CALLS)
        if isinstance(m, MarginCall) and m.account == account
    ]
    assert calls[:2] == [("warned", 1), ("warned", 1)]  # one of each keeper
    assert calls[2:] == [("ended", 2), ("ended", 2)]


async def _judged(world: World) -> None:
    """Wait for two turns of both keepers: the second began after now."""
    for _ in range(2):
        before = {name: _turned(world, name) for name in ("one", "settler")}
        for name, at_s in before.items():
            await world.until(lambda name=name, at_s=at_s: _turned(world, name) > at_s)


def _turned(world: World, name: str) -> float:
    return world.metric(name, "progress_timestamp_seconds")


async def test_a_margin_call_starts_the_backstops_clock(world: World) -> None:
    """Where liquidating does not pay, the chain is told: later anybody may close all of it."""
    world.run(await world.keeper("settler"))
    trader = await open_position(world, 250, 1.0)
    for task in asyncio.all_tasks():
        if "Keeper.run" in repr(task.get_coro()):
            task.cancel()
    keeper = await world.keeper("one", profit=100.0, unpaid_coins_per_day=1.0)
    world.run(keeper)
    await world.until(lambda: keeper.is_ready)
    await world.store(await world.price(m0=2_800.0))
    await world.until(lambda: done(world, "one", "margin_call") == 1)
    record = await world.call("liquidator", "recordOf", trader.account)
    assert record[0] > 0
    assert record[1] > 0


async def test_funding_is_accrued_where_nobody_trades(world: World) -> None:
    """Open interest and no accrual for longer than agreed: poked, once."""
    world.run(await world.keeper("one", accrue="60s"))
    await open_position(world, 1_000, 1.0)
    await world.advance(100)
    await world.store(await world.price())
    before = (await world.call("engine", "marketState", 0))[7]
    await world.until(lambda: done(world, "one", "accrue") >= 1)
    assert (await world.call("engine", "marketState", 0))[7] >= before


async def test_the_pools_exposure_and_its_hedge_are_published(world: World) -> None:
    """Traders are long one: the pool is short one, to be bought where the spread is least."""
    keeper = await world.keeper("one")
    world.run(keeper)
    await open_position(world, 1_000, 1.0)
    now_ns = world.clock()
    tick = Tick("perp:ETH", 1, now_ns, now_ns, bid=Px(2999, 0), ask=Px(3001, 0), ask_size=Px(5, 0))
    keeper._exposures.take(pack([tick]))
    keeper._next.pop("exposure", None)
    await world.until(lambda: _hedged(keeper))
    said = [m for m in await heard(world, Topic.EXPOSURES) if isinstance(m, Exposure) and m.venue]
    assert (str(said[-1].net), str(said[-1].hedge)) == ("-1", "1")
    assert said[-1].venue == "perp:ETH"
    assert said[-1].cost is not None
    assert float(str(said[-1].cost)) == pytest.approx(1.0, rel=1e-6)
    assert said[-1].why_unknown == ""


def _hedged(keeper) -> bool:
    found = keeper._exposures.newest.get(0)
    return found is not None and bool(found.venue)

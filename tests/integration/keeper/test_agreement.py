"""What a keeper computes of an account, beside what the contracts say of it."""

from __future__ import annotations

import random

import pytest

from relayer.keeper.margin import margin_of
from relayer.keeper.store import Store
from relayer.keeper.world import read_rules
from tests.integration.keeper.site import Trader, World

pytestmark = pytest.mark.evm


async def test_margins_are_the_contracts_to_the_last_unit(world: World) -> None:
    """Longs, shorts, two markets, collateral over its brackets: after funding and moves of price.

    Cash, positions and shares are the follower's; rules and prices are read at the same block.
    """
    keeper = await world.keeper("one")
    world.run(keeper)
    draw = random.Random(7)
    traders = [await world.trader(20_000, ether) for ether in (0.0, 0.7, 1.3)]
    for trader, sizes in zip(traders, ((3.1, -0.02), (-1.7, 0.031), (0.9, 0.0)), strict=True):
        for market, size in enumerate(sizes):
            if size:
                await world.commit(trader, size, market)
    await world.advance(3)
    await world.price()
    await world.until(lambda: _all_open(world, traders))
    for _ in range(3):
        await world.advance(draw.randint(100, 5_000))
        await world.store(
            await world.price(
                m0=draw.uniform(2_900, 3_100),
                m1=draw.uniform(58_000, 62_000),
                m2=draw.uniform(2_800, 3_200),
                m3=draw.uniform(2_800, 3_200),
            )
        )
        await _accrued_at_once(world)
        height = await world.node.w3.eth.block_number
        await world.until(lambda height=height: _at(keeper, height))
        head = await keeper._reader.head()
        rules = await read_rules(keeper._reader, head, keeper.columns.collaterals_held())
        now = rules.world({}, world.clock() // 10**6)
        for trader in traders:
            account = keeper._store.account(trader.account)
            assert account is not None
            margin = (
                await world.contracts["engine"]
                .functions.marginOf(trader.account, 1)
                .call(block_identifier=height)
            )
            assert [*margin_of(account, now.markets, now.collaterals), True] == list(margin)
    assert await keeper.audit() == 0


async def _all_open(world: World, traders: list[Trader]) -> bool:
    held = [len(await world.call("engine", "marketsOf", one.account)) for one in traders]
    return held == [2, 2, 1]


def _at(keeper, height: int) -> bool:
    tip = keeper._store.tip()
    return tip is not None and tip.number >= height and not keeper._store.dirty_count()


async def _accrued_at_once(world: World) -> None:
    """Accrue both markets in one block: the contract's view of that block accrues no more."""
    provider, w3 = world.node.w3.provider, world.node.w3
    await provider.make_request("evm_setAutomine", [False])
    nonce = await w3.eth.get_transaction_count(world.owner.address)
    for at, market in enumerate((0, 1)):
        call = world.contracts["engine"].functions.accrue(market)
        made = await call.build_transaction(
            {"from": world.owner.address, "nonce": nonce + at, "gas": 500_000}
        )
        await w3.eth.send_raw_transaction(world.owner.sign_transaction(made).raw_transaction)
    await world.node.mine()
    await provider.make_request("evm_setAutomine", [True])


def test_a_store_of_other_contracts_is_refused(tmp_path) -> None:
    """The state of another engine is never taken for ours."""
    from oracle.model.errors import ConfigError

    store = Store(tmp_path / "state.sqlite")
    store.own(1, "0xaa")
    store.close()
    again = Store(tmp_path / "state.sqlite")
    with pytest.raises(ConfigError, match="0xaa on chain 1"):
        again.own(1, "0xbb")

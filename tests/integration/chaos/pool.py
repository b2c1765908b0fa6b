"""Transactions that do not get from the pool into a block: fees, nonces, money."""

from __future__ import annotations

from functools import partial
from typing import Any

from deploy.sandbox.chains import fault_kinds as kinds
from tests.integration.chaos.scenario import Named, Scenario, struck
from tests.integration.chaos.world import World

BUMPS = {"max_fee_gwei": 1000, "replace_after": "300ms"}
CAP_GWEI = 10
SEND = "eth_sendRawTransaction"


async def ours(world: World) -> list[dict[str, Any]]:
    """Return the updates that wait in the node's pool."""
    return [t for t in await world.pool() if t["to"] == world.oracle.lower()]


async def hold(world: World) -> dict[str, Any]:
    """Stop mining; return an update that waits."""
    await world.rpc("evm_setAutomine", False)
    await world.until_it(lambda: ours(world))
    return (await ours(world))[0]


async def let_go(world: World) -> None:
    """Mine again."""
    await world.rpc("evm_setAutomine", True)
    await world.node.mine()


async def _base_fee(world: World, wei: int) -> None:
    await world.rpc("anvil_setNextBlockBaseFeePerGas", hex(wei))
    await world.node.mine()


async def _stuck(world: World, named: Named) -> None:
    await hold(world)
    await world.until(named)
    await let_go(world)


async def _spike(world: World, named: Named) -> None:
    waiting = await hold(world)
    await _base_fee(world, 20 * int(waiting["maxFeePerGas"], 16))
    await world.until(named)
    await let_go(world)


async def _above_cap(world: World, named: Named) -> None:
    await _base_fee(world, 20 * 10**9)
    await world.until(named)
    await _base_fee(world, 10**8)
    await world.holds_newest()
    assert max(await world.offers()) <= CAP_GWEI * 10**9


async def _key_used_elsewhere(world: World, named: Named) -> None:
    """Another process takes our nonce each time that we are about to use it."""

    async def take() -> None:
        confirmed, _ = await world.counts()
        await world.offer(world.foreign(confirmed))

    rule = world.add(kinds.meddle(take), SEND, count=2)
    await world.until(lambda: rule.spent and named())


async def _displaced(world: World, named: Named) -> None:
    """Another process outbids the update that waits, with something else."""
    await hold(world)
    confirmed, _ = await world.counts()
    await world.rpc(SEND, world.foreign(confirmed, gwei=100))
    await let_go(world)
    await world.until(named)


async def _occupied(world: World, named: Named) -> None:
    """A dear transaction of the same key sits on our nonce, in a pool with geth's rules."""
    world.pause()
    await world.holds_newest()
    await world.rpc("evm_setAutomine", False)
    world.add(kinds.strict_pool(), SEND)
    confirmed, _ = await world.counts()
    await world.send_through(world.foreign(confirmed, gwei=4, tip_gwei=1))
    world.resume()
    await world.until(named)
    await world.until_it(lambda: ours(world))
    await let_go(world)


async def _dropped(world: World, named: Named) -> None:
    """The pool forgets the one transaction that carries the newest mark."""
    world.pause()
    await world.holds_newest()
    await world.rpc("evm_setAutomine", False)
    await world.publish()
    await world.until_it(lambda: ours(world))
    await world.rpc("anvil_dropAllTransactions")
    await world.rpc("evm_setAutomine", True)
    await world.until(named)
    await world.holds_newest()
    world.resume()


async def _emptied(world: World, named: Named) -> None:
    await world.node.fund(world.key.address, 0)
    await world.until(named)
    await world.node.fund(world.key.address, 10)


POOL = (
    Scenario(
        "no blocks",
        "The chain makes no blocks.",
        "Broadcasts the same bytes again; raises no fee, as none would help.",
        _stuck,
        ("no_new_block",),
        counters=("transactions_rebroadcast_total",),
        config=BUMPS,
    ),
    Scenario(
        "gas x20",
        "The base fee rises twentyfold above what the waiting transaction offers.",
        "Replaces it under the same nonce, a bounded number of times, within the fee's cap.",
        _spike,
        ("stuck",),
        counters=("transactions_replaced_total",),
        config=BUMPS,
    ),
    Scenario(
        "gas above the cap",
        "The base fee rises above `max_fee_gwei`.",
        "Waits for it to fall; what is sent stays in the pool.",
        _above_cap,
        ("fee_above_cap",),
        config={"max_fee_gwei": CAP_GWEI},
    ),
    Scenario(
        "nonce too low",
        "Another process with the same key takes the nonce first.",
        "Reads the wallet's count again and goes on with the next nonce.",
        _key_used_elsewhere,
        ("nonce_too_low",),
    ),
    Scenario(
        "nonce too high",
        "The node refuses the nonce as too high.",
        "Reads the wallet's count again and fills the gap.",
        struck(partial(kinds.error, (-32000, "nonce too high")), SEND, hits=2),
        ("nonce_too_high",),
    ),
    Scenario(
        "displaced",
        "Another process with the same key outbids the transaction that waits.",
        "Notices that its nonce is spent; sends the newest report under the next.",
        _displaced,
        ("displaced",),
    ),
    Scenario(
        "gap",
        "A node counts more transactions of the wallet than there are.",
        "Finds that nothing moves, reads the count again and fills the gap.",
        struck(
            partial(kinds.lie, lambda _, count: hex(int(count, 16) + 3)),
            "eth_getTransactionCount",
            count=10,
        ),
        ("nonce_gap",),
        config=BUMPS,
    ),
    Scenario(
        "replacement underpriced",
        "A dearer transaction of the same key sits on the nonce.",
        "Outbids it, within the cap.",
        _occupied,
        ("replacement_underpriced",),
        config=BUMPS,
    ),
    Scenario(
        "dropped",
        "The pool forgets the transaction.",
        "Broadcasts the same bytes again.",
        _dropped,
        ("dropped",),
        counters=("transactions_rebroadcast_total",),
        config=BUMPS,
    ),
    Scenario(
        "empty wallet",
        "The wallet cannot pay.",
        "Keeps trying, keeps the nonce; goes on when it is refilled.",
        _emptied,
        ("wallet_empty",),
    ),
)

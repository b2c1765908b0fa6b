"""Nodes that answer well and untruly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from eth_abi.abi import encode

from deploy.sandbox.chains import fault_kinds as kinds
from deploy.sandbox.chains.faults import Rpc
from relayer.evm.abi import UPDATED_TOPIC, group_word_call
from tests.integration.chaos.pool import BUMPS, ours
from tests.integration.chaos.scenario import Named, Scenario, despite, struck
from tests.integration.chaos.site import GROUPS
from tests.integration.chaos.world import World

COUNT = "eth_getTransactionCount"
RECEIPT = "eth_getTransactionReceipt"
OTHER_HASH = "0x" + "11" * 32
LAG_BLOCKS = 20
LOOKS = 10
"""At the wallet's count: many times those after which a contradiction is believed."""


def _success(world: World, transaction: str) -> Rpc:
    """Return the receipt of an update that stored everything."""
    packed = b"".join(group.to_bytes(2, "big") + world.words[group] for group in GROUPS)
    data = encode(["uint64", "bytes"], [world.slot, packed])
    log = {"address": world.oracle, "topics": [UPDATED_TOPIC], "data": "0x" + data.hex()}
    return {
        "transactionHash": transaction,
        "blockNumber": "0x1",
        "blockHash": OTHER_HASH,
        "status": "0x1",
        "gasUsed": "0x186a0",
        "effectiveGasPrice": "0x1",
        "logs": [log],
    }


async def _says_success(world: World, named: Named) -> None:
    """The pool has lost the transaction; the node says that it is in a block."""
    await _lose(world)
    world.add(kinds.lie(_claims(world)), RECEIPT)
    await _come_back(world, named)


async def _says_all_of_it(world: World, named: Named) -> None:
    """It counts the transaction, too."""
    await _lose(world)
    claims = _claims(world)

    def says(call: Rpc, result: Any) -> Any:
        return claims(call, result) if call["method"] == RECEIPT else hex(int(result, 16) + 1)

    world.add(kinds.lie(says), RECEIPT, COUNT)
    await _come_back(world, named)


async def _lose(world: World) -> None:
    world.pause()
    await world.holds_newest()
    await world.rpc("evm_setAutomine", False)
    await world.publish()
    await world.until_it(lambda: ours(world))


async def _come_back(world: World, named: Named) -> None:
    await world.rpc("anvil_dropAllTransactions")
    await world.rpc("evm_setAutomine", True)
    await world.until(named)
    world.calm()
    await world.holds_newest()
    world.resume()


def _claims(world: World) -> Callable[[Rpc, Any], Any]:
    return lambda call, receipt: receipt or _success(world, call["params"][0])


async def _other_hash(world: World, named: Named) -> None:
    rule = world.add(kinds.lie(_rename), RECEIPT)
    await world.until(lambda: rule.hits >= 2 and named())
    world.calm()
    claimed = {line["transaction"] for line in world.log if line["event"] == "pushed"}
    assert OTHER_HASH not in claimed


def _rename(_: Rpc, receipt: Any) -> Any:
    return receipt and {**receipt, "transactionHash": OTHER_HASH}


def _fail(_: Rpc, receipt: Any) -> Any:
    return receipt and {**receipt, "status": "0x0", "logs": []}


def _reads_word(call: Rpc) -> bool:
    data = call["params"][0].get("data", "")
    return str(data).startswith("0x" + group_word_call(0)[:4].hex())


async def _one_word_each(world: World, named: Named) -> None:
    """The preferred endpoint lies, another is silent: there is no majority."""
    world.add(kinds.hang(), at=1)
    await _says_held(world, named)


async def _says_held(world: World, named: Named) -> None:
    """The preferred endpoint always claims that the newest words are there."""

    def newest(call: Rpc, _: Any) -> str:
        group = int(call["params"][0]["data"][10:], 16)
        return "0x" + world.words[group].hex()

    world.add(kinds.lie(newest), "eth_call", when=_reads_word)
    await world.publish()
    await world.until(named)
    for _ in range(3):
        await world.publish()
        await world.holds_newest()
    world.calm()


async def _says_put_back(world: World, named: Named) -> None:
    """The others are silent; what one says of the past must not make us sign anything twice."""
    count = await world.leap()
    await world.publish()
    await world.holds_newest()
    for at in (1, 2):
        world.add(kinds.hang(), at=at)
    lies = world.add(kinds.lie(lambda *_: hex(count)), COUNT)
    await world.until(lambda: lies.hits >= LOOKS and named())
    assert not world.logged("fault", fault="rolled_back")
    world.calm()
    await world.holds_newest()
    assert not world.logged("fault", fault="rolled_back")


async def _lagging(world: World, named: Named) -> None:
    await world.node.mine(LAG_BLOCKS)
    await despite(partial(kinds.lag, LAG_BLOCKS))(world, named)


def _dear(_: Rpc, history: Any) -> Any:
    return {**history, "baseFeePerGas": [hex(10**18)] * len(history["baseFeePerGas"])}


def _dearer(_: Rpc, receipt: Any) -> Any:
    return receipt and {**receipt, "effectiveGasPrice": hex(10**18), "l1Fee": hex(10**24)}


async def _overcharged(world: World, named: Named) -> None:
    """The budget would be gone with one such receipt."""
    await struck(partial(kinds.lie, _dearer), RECEIPT)(world, named)
    assert world.metric("spent_wei_total") < 10**18


LIES = (
    Scenario(
        "receipt of what is in no block",
        "A node gives a receipt for a transaction that the pool has lost.",
        "Believes no receipt without the wallet's count; broadcasts the same bytes again.",
        _says_success,
        ("dropped",),
        config=BUMPS,
    ),
    Scenario(
        "receipt and count of what is in no block",
        "A node gives such a receipt, and counts the transaction too.",
        "Reads the words back: they are not there, so the update is sent again.",
        _says_all_of_it,
        ("receipt_contradicted",),
        config=BUMPS,
    ),
    Scenario(
        "no receipt of what is in a block",
        "A node denies the receipts of transactions that are in blocks.",
        "Counts the nonces as spent by others; what it pushes next goes by the words held.",
        struck(partial(kinds.lie, lambda *_: None), RECEIPT),
        ("displaced",),
        config=BUMPS,
    ),
    Scenario(
        "receipt of another transaction",
        "A node answers with a receipt that carries another hash.",
        "Takes it for no receipt.",
        _other_hash,
        (),
        ("malformed",),
        config=BUMPS,
    ),
    Scenario(
        "receipt of failure",
        "A node says that the transaction reverted; it did not.",
        "Reads the words back before it sends again.",
        struck(partial(kinds.lie, _fail), RECEIPT, hits=2),
        ("reverted",),
    ),
    Scenario(
        "dear receipt",
        "A node says that a transaction paid 10^6 times what it can have.",
        "Counts no more against the budget than the bid allows.",
        _overcharged,
        ("fee_contradicted",),
    ),
    Scenario(
        "held word",
        "The preferred one of three endpoints claims that the chain holds the newest word.",
        "Reads from several: the majority's word counts.",
        _says_held,
        (),
        ("disagrees",),
        endpoints=3,
    ),
    Scenario(
        "no majority",
        "So it is, while another is silent: one endpoint's word stands against another's.",
        "Takes the older word: the worst that comes of it is an update that changes nothing.",
        _one_word_each,
        ("quorum_failed",),
        ("timeout",),
        endpoints=3,
    ),
    Scenario(
        "put back, without a quorum",
        "One endpoint says that the chain is long ago put back; the two others are silent.",
        "Sets nothing aside on one endpoint's word: no nonce gets a second transaction.",
        _says_put_back,
        ("quorum_failed",),
        ("timeout",),
        endpoints=3,
        config=BUMPS,
    ),
    Scenario(
        "lagging",
        f"The preferred one of three endpoints is {LAG_BLOCKS} blocks behind.",
        "Reads from the others until it caught up.",
        _lagging,
        (),
        ("lagging",),
        endpoints=3,
    ),
    Scenario(
        "gas x1000",
        "A node's estimate of gas is far above what an update may use.",
        "Sends nothing at that gas limit.",
        struck(partial(kinds.lie, kinds.times(1000)), "eth_estimateGas"),
        ("gas_above_max",),
    ),
    Scenario(
        "too little gas",
        "A node's estimate of gas is half of the truth.",
        "The transaction reverts and costs its gas; it is sent again.",
        struck(partial(kinds.lie, kinds.times(1 / 2)), "eth_estimateGas", hits=1),
        ("reverted",),
    ),
    Scenario(
        "absurd base fee",
        "A node's fee history asks 10^9 gwei.",
        "Waits: nothing above the cap is ever signed.",
        struck(partial(kinds.lie, _dear), "eth_feeHistory"),
        ("fee_above_cap",),
    ),
)

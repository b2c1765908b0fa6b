"""What becomes of transactions that do not simply land: stuck, lost, overtaken, undone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from web3 import Web3

from oracle.model.errors import ConfigError
from relayer.evm.errors import InNoBlock, NonceSpent
from relayer.evm.journal import Journal
from tests.integration.relayer.conftest import (
    DEADLINE_S,
    Site,
    deliver,
    fresh_word,
    now_ms,
    pending,
    until,
)
from tests.unit.relayer.words import SALT

pytestmark = pytest.mark.evm


async def test_a_stuck_transaction_is_replaced(home: Site) -> None:
    """The base fee overtakes what was offered: the same call goes again for more."""
    chain = home.connect(replace_after="200ms", max_fee_gwei=1000)
    await home.rpc("evm_setAutomine", False)
    word = fresh_word()
    push = asyncio.create_task(chain.push(deliver(1, word)))
    stuck = await pending(home)
    await home.rpc("anvil_setNextBlockBaseFeePerGas", hex(int(stuck["maxFeePerGas"], 16) + 1))
    await home.node.mine()
    await until(lambda: home.metric("transactions_replaced_total") >= 1)
    await home.rpc("evm_setAutomine", True)
    await home.node.mine()

    receipt = await push

    assert receipt.accepted
    assert receipt.transaction != stuck["hash"]
    assert await chain.held([0]) == {0: word}
    assert home.metric("faults_total", fault="stuck") >= 1
    assert await _count(home) == 1


async def test_without_new_blocks_no_fee_is_raised(home: Site) -> None:
    """A chain that stands still, or a node cut off, is not mended by paying more."""
    chain = home.connect(replace_after="60ms", receipt_timeout="600ms")
    await home.rpc("evm_setAutomine", False)
    with pytest.raises(InNoBlock, match=r"chain home: 0x\w{64} \(nonce 0\) is in no block after"):
        await chain.push(deliver(1, fresh_word()))
    await until(lambda: home.metric("transactions_rebroadcast_total") >= 2)
    sent = await pending(home)
    assert home.metric("transactions_replaced_total") == 0
    assert [delivery.slot for delivery in chain.in_flight()] == [1]
    await home.node.mine()
    await until(lambda: not chain.in_flight())

    (receipt,) = await chain.settled()
    assert receipt.transaction == sent["hash"]
    assert await chain.settled() == []


async def test_unreachable_endpoints_raise_no_fee(home: Site) -> None:
    """What was sent before the connection broke goes out again as it was."""
    chain = home.connect(replace_after="100ms", timeout="200ms")
    await home.rpc("evm_setAutomine", False)
    push = asyncio.create_task(chain.push(deliver(1, fresh_word())))
    sent = await pending(home)
    home.node.freeze()
    await until(lambda: home.metric("faults_total", fault="unreachable") >= 3)
    home.node.thaw()
    await until(lambda: home.metric("transactions_rebroadcast_total") >= 1)
    assert home.metric("transactions_replaced_total") == 0
    await home.node.mine()

    assert (await push).transaction == sent["hash"]


async def test_a_dropped_transaction_is_sent_again(home: Site) -> None:
    """A pool that forgets gets the same bytes once more; the log says so."""
    chain = home.connect(replace_after="100ms")
    await home.rpc("evm_setAutomine", False)
    push = asyncio.create_task(chain.push(deliver(1, fresh_word())))
    sent = await pending(home)
    await home.rpc("anvil_dropTransaction", sent["hash"])
    await until(lambda: home.metric("faults_total", fault="dropped") >= 1)
    await home.node.mine()

    assert (await push).transaction == sent["hash"]


async def test_an_urgent_one_goes_while_another_is_stuck(home: Site) -> None:
    """Pushes do not wait for each other: the next nonce goes at once."""
    await home.rpc("evm_setAutomine", False)
    first, second = fresh_word(100_000), fresh_word(101_000, at_ms=now_ms() + 1)
    pushes = [asyncio.create_task(home.chain.push(deliver(1, first)))]
    await until(lambda: len(home.chain.in_flight()) == 1)
    pushes.append(asyncio.create_task(home.chain.push(deliver(2, second))))
    await until(lambda: len(home.chain.in_flight()) == 2)
    await home.node.mine()

    receipts = await asyncio.gather(*pushes)

    assert [(r.slot, r.error, r.groups) for r in receipts] == [(1, "", (0,)), (2, "", (0,))]
    assert await home.chain.held([0]) == {0: second}
    assert await _count(home) == 2


async def test_what_fell_out_of_the_chain_is_sent_again(home: Site) -> None:
    """After a reorganisation the same bytes land again, in order, and the next behind them."""
    chain = home.connect()
    snapshot = await home.rpc("evm_snapshot")
    words = [fresh_word(100_000 + at, at_ms=now_ms() - 10 + at) for at in range(3)]
    before = [await chain.push(deliver(at, word)) for at, word in enumerate(words)]
    await home.rpc("evm_revert", snapshot)

    after = await chain.push(deliver(4, fresh_word(101_000)))

    assert after.accepted
    assert await _count(home) == 4
    assert home.metric("transactions_reorged_total") == 3
    assert home.metric("faults_total", fault="reorg") == 3
    again = await chain.settled()
    assert [r.transaction for r in again] == [r.transaction for r in before]


async def test_a_reorganisation_with_nothing_to_send_is_seen(home: Site) -> None:
    """Nobody pushes: what vanished is noticed by watching, and is back."""
    chain, word = home.connect(), fresh_word()
    await chain.push(deliver(1, word))
    snapshot = await home.rpc("evm_snapshot")
    second = await chain.push(deliver(2, fresh_word(101_000)))
    await home.rpc("evm_revert", snapshot)
    await until(lambda: home.metric("transactions_reorged_total") == 1)
    await until(lambda: not chain.in_flight())

    assert [r.transaction for r in await chain.settled()] == [second.transaction]
    assert await _count(home) == 2


async def test_a_final_transaction_is_watched_no_more(home: Site, tmp_path: Path) -> None:
    """Once deep enough it is settled; the journal keeps a bounded number of those."""
    chain = home.connect(tmp_path / "journal.sqlite", finality_depth=2)
    await chain.push(deliver(1, fresh_word()))
    await home.node.mine(2)
    async with asyncio.timeout(DEADLINE_S):
        while chain._sender.book.unsettled:  # noqa: ASYNC110 (settling has no event)
            await asyncio.sleep(0.01)
    await chain.aclose()

    kept = Journal(tmp_path / "journal.sqlite").load()
    assert [(t.nonce, t.state) for t in kept.values()] == [(0, "final")]


async def test_a_node_with_an_older_state_gets_what_was_final(home: Site) -> None:
    """A node restored from yesterday: the final transactions go out again as they were."""
    chain = home.connect(finality_depth=1)
    snapshot = await home.rpc("evm_snapshot")
    first = await chain.push(deliver(1, fresh_word()))
    await home.node.mine(2)
    await until(lambda: not chain._sender.book.unsettled)
    await home.rpc("evm_revert", snapshot)

    assert (await chain.push(deliver(2, fresh_word(101_000)))).accepted
    assert first.transaction in [receipt.transaction for receipt in await chain.settled()]
    assert await _count(home) == 2


async def test_what_was_final_goes_before_what_is_in_flight(home: Site) -> None:
    """A node with an older state, and nothing new to send: it alone keeps what waits behind it."""
    chain, snapshot = home.connect(finality_depth=1), await home.rpc("evm_snapshot")
    await chain.push(deliver(1, fresh_word()))
    await home.node.mine(3)
    await until(lambda: home.metric("in_flight") == 0 and not chain._sender.book.unsettled)
    await home.rpc("evm_setAutomine", False)
    push = asyncio.create_task(chain.push(deliver(2, fresh_word(101_000))))
    await pending(home)
    await home.rpc("evm_revert", snapshot)
    await home.rpc("evm_setAutomine", True)

    assert (await push).accepted
    assert await _count(home) == 2


async def test_a_lost_journal_is_no_dead_end(home: Site) -> None:
    """What an unknown process left stuck at our nonce is outbid, though its fee is not known."""
    lost = home.connect(receipt_timeout="300ms", max_fee_gwei=1000)
    await home.rpc("evm_setAutomine", False)
    with pytest.raises(InNoBlock):
        await lost.push(deliver(1, fresh_word()))
    stuck = await pending(home)
    await lost.aclose()
    word = fresh_word(101_000)
    chain = home.connect(max_fee_gwei=1000)
    push = asyncio.create_task(chain.push(deliver(2, word)))
    async with asyncio.timeout(DEADLINE_S):
        while (await pending(home))["hash"] == stuck["hash"]:  # noqa: ASYNC110 (a node's pool)
            await asyncio.sleep(0.01)
    await home.node.mine()

    assert (await push).accepted
    assert await chain.held([0]) == {0: word}
    assert home.metric("faults_total", fault="replacement_underpriced") >= 1
    assert await _count(home) == 1


async def test_a_journal_goes_on_with_what_was_sent(home: Site, tmp_path: Path) -> None:
    """A restarted process sees the same bytes through, and sends nothing else for that nonce."""
    path, word = tmp_path / "journal.sqlite", fresh_word()
    stopped = home.connect(path, receipt_timeout="300ms")
    await home.rpc("evm_setAutomine", False)
    with pytest.raises(InNoBlock):
        await stopped.push(deliver(1, word))
    sent = await pending(home)
    with pytest.raises(ConfigError, match="cannot be taken"):
        home.connect(path)
    await stopped.aclose()
    await home.rpc("anvil_dropTransaction", sent["hash"])
    restarted = home.connect(path)
    await restarted.start(SALT)
    assert (await pending(home))["hash"] == sent["hash"]
    await home.node.mine()
    await until(lambda: not restarted.in_flight())

    (receipt,) = await restarted.settled()
    assert (receipt.transaction, receipt.slot, receipt.groups) == (sent["hash"], 1, (0,))
    assert await restarted.held([0]) == {0: word}


async def test_a_key_used_elsewhere_is_noticed(home: Site) -> None:
    """Somebody else's transaction takes our nonce: it is named, and the next push goes on."""
    chain = home.connect(replace_after="50ms")
    await home.rpc("evm_setAutomine", False)
    push = asyncio.create_task(chain.push(deliver(1, fresh_word())))
    ours = await pending(home)
    await home.rpc("anvil_dropTransaction", ours["hash"])
    await home.rpc("anvil_setNonce", home.key.address, "0x1")
    await home.node.mine()

    with pytest.raises(NonceSpent, match=rf"nonce 0 is spent .* key of {home.key.address}"):
        await push
    assert home.metric("faults_total", fault="displaced") == 1
    await home.rpc("evm_setAutomine", True)
    assert (await chain.push(deliver(2, fresh_word()))).accepted


async def test_a_gap_of_nonces_is_filled(home: Site) -> None:
    """A chain that is before our next nonce, with nothing of ours there, is not waited for."""
    chain = home.connect()
    await home.rpc("anvil_setNonce", home.key.address, "0x3")
    push = asyncio.create_task(chain.push(deliver(1, fresh_word())))
    assert (await push).accepted
    await home.rpc("anvil_setNonce", home.key.address, "0x1")
    behind = asyncio.create_task(chain.push(deliver(2, fresh_word(101_000))))
    await until(lambda: home.metric("faults_total", fault="nonce_gap") >= 1)

    assert (await behind).accepted
    assert await _count(home) == 5


async def test_what_was_set_aside_goes_in_its_turn(home: Site) -> None:
    """The chain is put back by 100 nonces and comes there again: the same bytes land after all."""
    chain, far = home.connect(), 100
    start = await home.rpc("evm_snapshot")
    await home.rpc("anvil_setNonce", home.key.address, hex(far))
    before = await chain.push(deliver(1, fresh_word()))
    await home.rpc("evm_revert", start)
    await until(lambda: home.metric("faults_total", fault="rolled_back") == 1)
    await home.rpc("anvil_dropAllTransactions")
    assert (await chain.push(deliver(2, fresh_word(101_000)))).accepted
    assert await _count(home) == 1
    await home.rpc("anvil_setNonce", home.key.address, hex(far))
    word = fresh_word(102_000)

    assert (await chain.push(deliver(3, word))).accepted

    assert await _count(home) == far + 2
    assert before.transaction in [receipt.transaction for receipt in await chain.settled()]
    assert await chain.held([0]) == {0: word}
    assert chain.in_flight() == []


async def test_legacy_fees(home: Site) -> None:
    """Where the operator says so, one price pays for all gas."""
    chain = home.connect(fees="legacy")
    receipt = await chain.push(deliver(1, fresh_word()))

    sent = await home.rpc("eth_getTransactionByHash", receipt.transaction)
    assert Web3.to_int(hexstr=sent["type"]) == 0
    assert receipt.accepted


async def _count(site: Site) -> int:
    return int(await site.rpc("eth_getTransactionCount", site.key.address, "latest"), 16)

"""One EVM chain on a real node: sending, refusing, replacing, failing over."""

from __future__ import annotations

import asyncio

import pytest
from eth_hash.auto import keccak

from oracle.model.errors import ConfigError, Retryable
from oracle.report.digest import deployment_salt
from oracle.report.report import subset
from relayer.base import Delivery, Refused
from relayer.evm.errors import Unreachable
from tests.integration.relayer.conftest import Site, fresh_word, now_ms, until
from tests.unit.relayer.words import SALT, report
from tests.vectors.generate import members

pytestmark = pytest.mark.evm


def deliver(slot: int, *words: bytes, keys: list[object] | None = None) -> Delivery:
    """Return a signed delivery of all the words."""
    signed = report(slot, dict(enumerate(words)), keys=keys, signed_ns=1)
    return Delivery(signed.body, tuple(range(len(words))), slot, "first", signed.signed_ns)


async def test_stores_and_reads_back(home: Site) -> None:
    """The contract holds the very word; the receipt tells block, gas, groups and times."""
    await home.chain.start(SALT)
    assert await home.chain.held([0, 1]) == {0: bytes(32), 1: bytes(32)}
    first, second = fresh_word(), fresh_word(50_000)

    receipt = await home.chain.push(deliver(7, first, second))

    assert await home.chain.held([0, 1]) == {0: first, 1: second}
    assert (receipt.accepted, receipt.error, receipt.groups) == (True, "", (0, 1))
    assert (receipt.chain, receipt.chain_id, receipt.slot) == ("home", 31_001, 7)
    assert receipt.block > 0
    assert receipt.gas_used > 50_000
    assert receipt.signed_ns < receipt.sent_ns < receipt.received_ns
    assert home.metric("gas_used_total") == receipt.gas_used
    spent_wei = 10 * 10**18 - home.metric("balance_wei")
    assert home.metric("spent_wei_total") == pytest.approx(spent_wei, rel=1e-9)
    assert home.metric("nonce") == 1


async def test_a_subset_with_its_proof(home: Site) -> None:
    """Part of a report is enough for the groups it carries."""
    words = [fresh_word(100_000 + at) for at in range(5)]
    full = deliver(1, *words)
    part = Delivery(subset(full.body, [1, 4]), (1, 4), 1, "deviation", 1)

    receipt = await home.chain.push(part)

    assert receipt.groups == (1, 4)
    assert await home.chain.held(range(5)) == {
        at: words[at] if at in (1, 4) else bytes(32) for at in range(5)
    }


async def test_an_old_report_changes_nothing(home: Site) -> None:
    """Sent late or twice it succeeds, stores no group and costs little."""
    new, old = fresh_word(200_000), fresh_word(100_000, at_ms=now_ms() - 1000)
    first = await home.chain.push(deliver(2, new))

    late = await home.chain.push(deliver(1, old))

    assert (late.accepted, late.groups) == (True, ())
    assert late.gas_used < first.gas_used / 2
    assert await home.chain.held([0]) == {0: new}


@pytest.mark.parametrize(
    ("delivery", "name", "message"),
    [
        (
            lambda: deliver(1, fresh_word(), keys=list(members(12)[7:])),
            "BadSignature",
            r"would revert: BadSignature\(0\)",
        ),
        (
            lambda: deliver(1, fresh_word(at_ms=now_ms() + 60_000)),
            "FutureTime",
            r"would revert: FutureTime\(\d+, \d+\)",
        ),
    ],
)
async def test_what_would_revert_is_not_sent(
    home: Site, delivery: object, name: str, message: str
) -> None:
    """The simulation names the contract's error, and no gas is spent."""
    assert callable(delivery)
    with pytest.raises(Refused, match=message) as caught:
        await home.chain.push(delivery())

    assert caught.value.error == name
    assert await home.rpc("eth_getTransactionCount", home.key.address, "pending") == "0x0"


async def test_a_revert_in_the_block_is_named(home: Site) -> None:
    """What passed the simulation and failed in its block comes back as a receipt that says why."""
    await home.rpc("evm_setAutomine", False)
    push = asyncio.create_task(home.chain.push(deliver(1, fresh_word())))
    await _pending(home)
    selector = keccak(b"BadSignature(uint256)")[:4].hex()
    # PUSH4 selector, SHL to the left, MSTORE; MSTORE the argument 3 behind it; REVERT with both.
    always_reverts = f"0x63{selector}60e01b600052600360045260246000fd"
    await home.rpc("anvil_setCode", home.oracle, always_reverts)
    await home.node.mine()

    receipt = await push

    assert (receipt.accepted, receipt.error, receipt.groups) == (False, "BadSignature(3)", ())
    assert receipt.gas_used == home.metric("gas_used_total") > 0


async def test_a_stuck_transaction_is_replaced(home: Site) -> None:
    """The base fee overtakes what was offered: the same nonce goes again for more."""
    chain = home.connect(receipt_timeout="8s", max_fee_gwei=1000)
    await home.rpc("evm_setAutomine", False)
    word = fresh_word()
    push = asyncio.create_task(chain.push(deliver(1, word)))
    await until(lambda: home.metric("nonce") == 1)
    stuck = await _pending(home)
    await home.rpc("anvil_setNextBlockBaseFeePerGas", hex(int(stuck["maxFeePerGas"], 16) + 1))
    await home.node.mine()
    await until(lambda: home.metric("transactions_replaced_total") >= 1)
    await home.rpc("evm_setAutomine", True)
    await home.node.mine()

    receipt = await push

    assert receipt.accepted
    assert receipt.transaction != stuck["hash"]
    assert await chain.held([0]) == {0: word}
    assert home.metric("nonce") == 1
    assert await home.rpc("eth_getTransactionCount", home.key.address, "latest") == "0x1"


async def test_after_a_time_out_the_nonce_is_outbid(home: Site) -> None:
    """A transaction given up leaves no gap: the next takes its nonce, for more."""
    hasty = home.connect(receipt_timeout="400ms", max_fee_gwei=1000)
    await home.rpc("evm_setAutomine", False)
    with pytest.raises(Retryable, match=r"chain home: 0x[0-9a-f]{64} is in no block after 0\.4 s"):
        await hasty.push(deliver(1, fresh_word()))
    given_up = await _pending(home)
    word = fresh_word(200_000)
    with pytest.raises(Retryable, match="in no block"):
        await hasty.push(deliver(2, word))
    outbid = await _pending(home)
    await home.node.mine()

    assert given_up["nonce"] == outbid["nonce"] == "0x0"
    assert int(outbid["maxFeePerGas"], 16) > int(given_up["maxFeePerGas"], 16)
    assert await hasty.held([0]) == {0: word}
    await home.rpc("evm_setAutomine", True)
    assert (await hasty.push(deliver(3, fresh_word()))).accepted
    assert home.metric("nonce") == 2


async def test_what_a_killed_relayer_left_stuck_is_outbid(home: Site) -> None:
    """A restarted relayer does not queue behind a transaction that no block may ever take."""
    killed = home.connect(receipt_timeout="400ms", max_fee_gwei=1000)
    await home.rpc("evm_setAutomine", False)
    with pytest.raises(Retryable, match="in no block"):
        await killed.push(deliver(1, fresh_word()))
    stuck = await _pending(home)
    restarted = home.connect(receipt_timeout="400ms", max_fee_gwei=1000)
    word = fresh_word(200_000)
    outbid, tries = stuck, 0
    while outbid["hash"] == stuck["hash"] and tries < 10:
        with pytest.raises(Retryable):  # what was bid is not known: it takes some to pass it
            await restarted.push(deliver(2, word))
        outbid, tries = await _pending(home), tries + 1
    await home.node.mine()

    assert stuck["nonce"] == outbid["nonce"] == "0x0"
    assert stuck["hash"] != outbid["hash"]
    assert await restarted.held([0]) == {0: word}
    assert await home.rpc("eth_getTransactionCount", home.key.address, "latest") == "0x1"


async def test_a_cap_on_fees_holds(home: Site) -> None:
    """Above it nothing is sent; the line names the setting."""
    await home.rpc("anvil_setNextBlockBaseFeePerGas", hex(3 * 10**9))
    await home.node.mine()
    frugal = home.connect(max_fee_gwei=1)

    with pytest.raises(Retryable, match="gwei, above max_fee_gwei 1: waiting"):
        await frugal.push(deliver(1, fresh_word()))


async def test_a_chain_that_went_back_is_no_dead_end(home: Site) -> None:
    """Nonces that fell out of the chain are found missing after one time-out, and used again."""
    hasty = home.connect(receipt_timeout="400ms")
    snapshot = await home.rpc("evm_snapshot")
    for slot in range(1, 4):
        await hasty.push(deliver(slot, fresh_word()))
    await home.rpc("evm_revert", snapshot)
    with pytest.raises(Retryable, match="in no block"):
        await hasty.push(deliver(4, fresh_word()))

    for slot in range(5, 9):
        assert (await hasty.push(deliver(slot, fresh_word()))).accepted
    # Three that were missing, the one that waited behind them, and one more.
    assert await home.rpc("eth_getTransactionCount", home.key.address, "latest") == "0x5"


async def test_an_empty_wallet_is_one_clear_line(home: Site) -> None:
    """It says whose wallet, and what to do; the nonce is not lost."""
    await home.node.fund(home.key.address, 0)
    with pytest.raises(Retryable, match=rf"wallet {home.key.address} cannot pay for gas; top it"):
        await home.chain.push(deliver(1, fresh_word()))
    await home.node.fund(home.key.address, 1)

    assert (await home.chain.push(deliver(1, fresh_word()))).accepted


async def test_a_key_used_elsewhere_is_noticed(home: Site) -> None:
    """Two processes on one key: the slower finds its nonce spent, and goes on with the next."""
    other = home.connect()
    await home.chain.push(deliver(1, fresh_word()))
    await other.push(deliver(2, fresh_word()))
    with pytest.raises(Retryable, match="nonce 1 is spent"):
        await home.chain.push(deliver(3, fresh_word()))

    assert (await home.chain.push(deliver(4, fresh_word()))).accepted


async def test_fails_over_to_the_next_endpoint(home: Site) -> None:
    """A dead first endpoint costs one refused connection, and is counted."""
    chain = home.connect(rpc=["http://127.0.0.1:1", home.node.rpc_url])
    await chain.start(SALT)

    assert (await chain.push(deliver(1, fresh_word()))).accepted
    assert home.metric("rpc_errors_total", endpoint="127.0.0.1:1", kind="connection") >= 1


async def test_a_dead_rpc_is_one_clear_line(home: Site) -> None:
    """At the start it is retryable: whoever starts a relayer decides whether to wait."""
    chain = home.connect(rpc=["http://127.0.0.1:1"])

    with pytest.raises(Unreachable, match=r"chain home: no RPC endpoint answers \(127\.0\.0\.1:1"):
        await chain.start(SALT)


async def test_a_hanging_rpc_times_out(home: Site) -> None:
    """An endpoint that accepts and never answers counts as dead after its time-out."""
    chain = home.connect(timeout="200ms")
    home.node.freeze()
    try:
        with pytest.raises(Unreachable, match=r"no answer in 0\.2 s"):
            await chain.held([0])
    finally:
        home.node.thaw()


async def test_refuses_the_wrong_chain_and_contract(home: Site) -> None:
    """Whatever is not what the configuration says is named before anything is sent."""
    wrong_id = home.connect(chain_id=1)
    with pytest.raises(ConfigError, match="serves chain 31001, the configuration says 1; mend"):
        await wrong_id.start(SALT)
    nothing = home.connect(oracle="0x" + "12" * 20)
    with pytest.raises(ConfigError, match=r"no contract at 0x12\w+; deploy it or mend 'oracle'"):
        await nothing.start(SALT)
    with pytest.raises(ConfigError, match="has deployment salt 0x"):
        await home.chain.start(deployment_salt("other", bytes(20), 1))


async def _pending(site: Site) -> dict[str, str]:
    """Return the one transaction in the node's pool, as soon as it is there."""
    async with asyncio.timeout(10):
        while True:
            content = await site.rpc("txpool_content")
            for by_nonce in content["pending"].values():
                (transaction,) = by_nonce.values()
                return dict(transaction)
            await asyncio.sleep(0.01)

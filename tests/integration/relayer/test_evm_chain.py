"""One EVM chain on a real node: sending, refusing, replacing, failing over."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from eth_hash.auto import keccak

from deploy.sandbox.chains import fault_kinds as kinds
from deploy.sandbox.chains.faults import FaultProxy, Rule
from oracle.model.errors import ConfigError, Retryable
from oracle.report.digest import deployment_salt
from oracle.report.report import subset
from relayer.base import Delivery, PassedOn, UpdateRefused
from relayer.evm.errors import Unreachable
from tests.integration.relayer.conftest import Site, deliver, fresh_word, now_ms, pending
from tests.unit.relayer.words import SALT
from tests.vectors.generate import members

pytestmark = pytest.mark.evm


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
    with pytest.raises(UpdateRefused, match=message) as caught:
        await home.chain.push(delivery())

    assert caught.value.error == name
    assert await home.rpc("eth_getTransactionCount", home.key.address, "pending") == "0x0"


async def test_what_is_no_longer_ours_when_it_is_ready_is_not_sent(home: Site) -> None:
    """It is priced and signed by then; nothing is journaled, and the nonce is not lost."""
    with pytest.raises(PassedOn, match="another relayer may have it by now"):
        await home.chain.push(deliver(1, fresh_word()), lambda: False)
    assert home.chain.in_flight() == []
    assert await home.rpc("eth_getTransactionCount", home.key.address, "pending") == "0x0"

    assert (await home.chain.push(deliver(2, fresh_word()))).accepted


async def test_a_revert_in_the_block_is_named(home: Site) -> None:
    """What passed the simulation and failed in its block comes back as a receipt that says why."""
    await home.rpc("evm_setAutomine", False)
    push = asyncio.create_task(home.chain.push(deliver(1, fresh_word())))
    await pending(home)
    selector = keccak(b"BadSignature(uint256)")[:4].hex()
    # PUSH4 selector, SHL to the left, MSTORE; MSTORE the argument 3 behind it; REVERT with both.
    always_reverts = f"0x63{selector}60e01b600052600360045260246000fd"
    await home.rpc("anvil_setCode", home.oracle, always_reverts)
    await home.node.mine()

    receipt = await push

    assert (receipt.accepted, receipt.error, receipt.groups) == (False, "BadSignature(3)", ())
    assert receipt.gas_used == home.metric("gas_used_total") > 0


async def test_a_revert_that_nobody_explains_is_receipted(home: Site) -> None:
    """Endpoints contradict each other on why: the receipt comes all the same, and says so."""
    proxies = [await home.exits.enter_async_context(FaultProxy(home.node.rpc_url)) for _ in "abc"]
    chain = home.connect(rpc=[proxy.url for proxy in proxies])
    await home.rpc("evm_setAutomine", False)
    push = asyncio.create_task(chain.push(deliver(1, fresh_word())))
    await pending(home)
    for at, proxy in enumerate(proxies):
        says = kinds.lie(partial(_say, f"0x{at:02x}"))
        proxy.add(Rule(says, ("eth_call",), when=_asks_why))
    await home.rpc("anvil_setCode", home.oracle, "0x5f5ffd")  # PUSH0 PUSH0 REVERT
    await home.node.mine()

    receipt = await push

    assert (receipt.accepted, receipt.groups) == (False, ())
    assert "no 2 say the same to eth_call" in receipt.error


def _say(value: str, *_: Any) -> str:
    return value


def _asks_why(call: dict[str, Any]) -> bool:
    return "from" in call["params"][0]


async def test_a_cap_on_fees_holds(home: Site) -> None:
    """Above it nothing is sent; the line names the setting."""
    await home.rpc("anvil_setNextBlockBaseFeePerGas", hex(3 * 10**9))
    await home.node.mine()
    frugal = home.connect(max_fee_gwei=1)

    with pytest.raises(Retryable, match="gwei, above max_fee_gwei 1: waiting"):
        await frugal.push(deliver(1, fresh_word()))


async def test_an_empty_wallet_is_one_clear_line(home: Site) -> None:
    """It says whose wallet, and what to do; the nonce is not lost."""
    await home.node.fund(home.key.address, 0)
    with pytest.raises(Retryable, match=rf"wallet {home.key.address} cannot pay for gas; top it"):
        await home.chain.push(deliver(1, fresh_word()))
    await home.node.fund(home.key.address, 1)

    assert (await home.chain.push(deliver(1, fresh_word()))).accepted


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

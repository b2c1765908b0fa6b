"""What is done only counts once the chain keeps it: reorganisations, failed and late blocks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from deploy.evm.factory import FACTORY, deploying
from deploy.sandbox.chains.faults import Exchange, FaultProxy, Rule
from oracle.model.errors import Rejected, Retryable
from tests.integration.deploy.conftest import STEPS, Site

pytestmark = pytest.mark.evm


async def _until(site: Site, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the record once it is as asked for."""
    async with asyncio.timeout(240):
        while True:
            if site.record.exists():
                record: dict[str, Any] = json.loads(site.record.read_text())
                if is_so(record):
                    return record
            await asyncio.sleep(0.02)


def _all_mined(record: dict[str, Any]) -> bool:
    return [name for name, step in record["steps"].items() if step["outcome"]] == STEPS


async def test_a_chain_that_drops_the_last_blocks(site: Site):
    """What fell out is sent again, the same bytes; the record says where it is now."""
    site.write(chain={"finality_depth": 12})
    deploying_it = asyncio.create_task(site.deploy())
    before = await _until(site, _all_mined)
    assert not before["complete"]
    await site.rpc("anvil_reorg", 2, [])
    async with asyncio.timeout(240):
        while not deploying_it.done():
            await site.node.mine()
            await asyncio.wait([deploying_it], timeout=0.1)
    await deploying_it
    record = await site.check_complete()
    assert await site.nonce() == len(STEPS)
    for name in STEPS:
        assert record["steps"][name]["bids"] == before["steps"][name]["bids"]
        same = record["steps"][name] == before["steps"][name]
        assert same == (name in STEPS[:2])


async def test_it_is_not_complete_before_it_is_deep(site: Site):
    """It ends with what is missing; run again once the blocks are there, it sends nothing."""
    site.write(chain={"finality_depth": 9, "finality_timeout": "300ms"})
    with pytest.raises(Retryable, match=r"not yet 9 blocks deep after 0\.3 s; run again"):
        await site.deploy()
    assert not json.loads(site.record.read_text())["complete"]
    await site.node.mine(8)
    await site.deploy()
    await site.check_complete()
    assert await site.nonce() == len(STEPS)


async def test_blocks_that_are_gone_when_it_runs_again(site: Site):
    """The chain dropped what an earlier run saw in blocks: it goes out again, unasked."""
    site.write(chain={"finality_depth": 9, "finality_timeout": "300ms"})
    with pytest.raises(Retryable, match="run again"):
        await site.deploy()
    await site.rpc("anvil_reorg", 3, [])
    site.write(chain={"finality_depth": 1})
    await site.deploy()
    await site.check_complete()
    assert await site.nonce() == len(STEPS)


async def test_our_transaction_fails_because_another_was_first(site: Site):
    """Somebody's deployment of the same code is mined before ours: the contract is there all the
    same, and the record does not call ours a success."""
    await site.rpc("evm_setAutomine", False)
    stranger = site.node.w3.to_checksum_address("0x" + "77" * 20)
    await site.node.fund(stranger, 100)
    async with site.opened() as chain:
        running = asyncio.create_task(chain.run())
        await _until(site, lambda record: "deploy" in record["steps"])
        await site.rpc("anvil_impersonateAccount", stranger)
        data = "0x" + deploying(chain.plan.creation).hex()
        fees = {"maxFeePerGas": hex(10**12), "maxPriorityFeePerGas": hex(10**11)}
        theirs = {"from": stranger, "to": FACTORY, "data": data, "gas": hex(10_000_000)} | fees
        await site.rpc("eth_sendTransaction", theirs)
        await _until_both_wait(site)
        await site.node.mine()
        await site.rpc("evm_setAutomine", True)
        done = await running
    outcomes = {name: step.outcome for name, step in done.record.steps.items()}
    assert [name for name, out in outcomes.items() if out and not out.succeeded] == ["deploy"]
    assert done.record.complete
    _, out, _ = await site.plumb("--yes", "--json")
    assert list(json.loads(out)["chains"]["alpha"]["transactions"]) == STEPS[1:]


async def _until_both_wait(site: Site) -> None:
    async with asyncio.timeout(240):
        while (await site.rpc("txpool_status"))["pending"] != "0x2":  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)


async def test_a_step_that_fails_is_not_sent_again(site: Site):
    """A node says too little gas for all: what failed and is still to do is told, and recorded."""

    async def understate(exchange: Exchange) -> web.StreamResponse:
        return exchange.answer([one | {"result": hex(30_000)} for one in await exchange.forward()])

    async with FaultProxy(site.node.rpc_url) as proxy:
        # Of the first step two estimates are asked for, of each further one.
        proxy.add(Rule(understate, ["eth_estimateGas"], skip=3))
        site.write(chain={"rpc": [proxy.url]})
        with pytest.raises(Rejected, match=r"step guardian: transaction 0x.* failed in block"):
            await site.deploy()
        outcome = json.loads(site.record.read_text())["steps"]["guardian"]["outcome"]
        assert (outcome["succeeded"], await site.nonce()) == (False, 3)
        proxy.clear()
        await site.deploy()
    steps = json.loads(site.record.read_text())["steps"]
    assert all(step["outcome"]["succeeded"] for step in steps.values())
    assert await site.nonce() == len(STEPS) + 1

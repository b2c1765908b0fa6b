"""`kill -9` all along a deployment: run again, each step is on the chain exactly once."""

from __future__ import annotations

import asyncio
import multiprocessing
import shutil
from multiprocessing.process import BaseProcess

import pytest
from aiohttp import web

from deploy.sandbox.chains.faults import Exchange, FaultProxy, Rule
from tests.integration.deploy import child
from tests.integration.deploy.conftest import STEPS, Site

pytestmark = pytest.mark.evm

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.integration.deploy.child"])
SEND = "eth_sendRawTransaction"
PHASES = (SEND, "eth_getTransactionReceipt", "eth_estimateGas")
"""With each of these something is different on disk or on the chain than with the one before: kills
at other requests find the same."""


class Victim:
    """A deployment that a rule of the proxy kills."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.process: BaseProcess | None = None

    async def run(self) -> int:
        """Deploy in a process of its own; return its exit code."""
        folder = self._site.record.parent
        self.process = CONTEXT.Process(target=child.deploy, args=(self._site.file, folder))
        self.process.start()
        await asyncio.to_thread(self.process.join, 60)
        assert self.process.exitcode is not None
        return self.process.exitcode

    async def kill_unanswered(self, exchange: Exchange) -> web.StreamResponse:
        """End it with a request that never reaches the node."""
        self._kill()
        return exchange.reset()

    async def kill_answered(self, exchange: Exchange) -> web.StreamResponse:
        """End it with a request that the node has done, and whose answer it never sees."""
        await exchange.forward()
        self._kill()
        return exchange.reset()

    def _kill(self) -> None:
        assert self.process is not None
        self.process.kill()


async def _die_and_resume(site: Site, proxy: FaultProxy, rule: Rule, victim: Victim) -> bool:
    """Deploy with a rule that kills, then without; say whether it did kill."""
    shutil.rmtree(site.record.parent, ignore_errors=True)
    snapshot = (await site.node.w3.provider.make_request("evm_snapshot", []))["result"]
    proxy.rules[:] = [rule]
    first = await victim.run()
    proxy.rules.clear()
    if rule.hits:
        assert first != 0
        assert await victim.run() == 0
    else:
        assert first == 0
    await site.check_complete()
    assert await site.nonce() == len(STEPS)
    await site.node.w3.provider.make_request("evm_revert", [snapshot])
    return rule.hits > 0


async def test_killed_before_any_phase(site: Site):
    """Before the first phase's request, the second's, and so on to the last."""
    async with FaultProxy(site.node.rpc_url) as proxy:
        site.write(chain={"rpc": [proxy.url]})
        victim, killed = Victim(site), 0
        while await _die_and_resume(
            site, proxy, Rule(victim.kill_unanswered, PHASES, skip=killed, count=1), victim
        ):
            killed += 1
        assert killed >= len(STEPS) * len(PHASES)


async def test_killed_when_a_broadcast_got_through(site: Site):
    """The node has the transaction, the process does not know."""
    async with FaultProxy(site.node.rpc_url) as proxy:
        site.write(chain={"rpc": [proxy.url]})
        victim, killed = Victim(site), 0
        while await _die_and_resume(
            site, proxy, Rule(victim.kill_answered, [SEND], skip=killed, count=1), victim
        ):
            killed += 1
        assert killed == len(STEPS)

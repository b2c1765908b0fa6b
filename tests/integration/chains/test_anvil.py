"""The sandbox node: its life, its faults, and that it never outlives us."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import ClientError
from web3.exceptions import Web3RPCError

from deploy.sandbox.chains.anvil import SandboxChain
from oracle.model.errors import ConfigError, Retryable

pytestmark = pytest.mark.evm
DEADLINE_S = 120.0


def wait_until(true: Callable[[], bool]) -> None:
    """Poll to a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, "deadline passed"
        time.sleep(0.02)


async def test_a_chain_has_its_id_and_no_account_anybody_knows() -> None:
    """The node answers with the chain id asked for; balances exist only where we put them."""
    async with SandboxChain(4242) as chain:
        assert await chain.w3.eth.chain_id == 4242
        assert await chain.w3.eth.accounts == []
        first, second = await chain.account(ether=3), await chain.account()
        assert first.address != second.address
        assert await chain.w3.eth.get_balance(first.address) == 3 * 10**18


async def test_blocks_come_by_themselves_when_timed() -> None:
    """With a block time the chain goes on without transactions."""
    async with SandboxChain(1, block_time_s=0.1) as chain:
        async with asyncio.timeout(DEADLINE_S):
            while await chain.w3.eth.block_number < 3:  # noqa: ASYNC110 - a chain is polled
                await asyncio.sleep(0.02)


async def test_a_restart_continues_the_chain(tmp_path: Path) -> None:
    """State, block number and port survive an ordered stop; in between nobody answers."""
    async with SandboxChain(1, folder=tmp_path) as chain:
        account = await chain.account(ether=5)
        await chain.mine(7)
        url = chain.rpc_url
        await chain.stop()
        with pytest.raises((ClientError, OSError)):
            await chain.w3.eth.block_number
        await chain.start()
        assert chain.rpc_url == url
        assert await chain.w3.eth.block_number == 7
        assert await chain.w3.eth.get_balance(account.address) == 5 * 10**18


async def test_chain_time_does_not_go_back_at_a_restart() -> None:
    """Time that was let pass stays passed."""
    async with SandboxChain(1) as chain:
        await chain.advance(3600)
        before = await chain.w3.eth.get_block("latest")
        await chain.restart()
        await chain.mine()
        after = await chain.w3.eth.get_block("latest")
        assert after["timestamp"] >= before["timestamp"]


async def test_a_chain_may_begin_to_keep_time() -> None:
    """Blocks come by themselves after the change and after a restart; whole seconds only."""
    async with SandboxChain(1) as chain:
        with pytest.raises(ConfigError, match="whole seconds only"):
            await chain.mine_every(0.5)
        await chain.mine_every(1.0)
        await chain.restart()
        async with asyncio.timeout(DEADLINE_S):
            while await chain.w3.eth.block_number < 1:  # noqa: ASYNC110 - a chain is polled
                await asyncio.sleep(0.02)


async def test_a_frozen_node_answers_nothing_until_thawed() -> None:
    """A hang is not a refused connection: the request only times out."""
    async with SandboxChain(1) as chain:
        chain.freeze()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await chain.w3.eth.block_number
        chain.thaw()
        assert await chain.w3.eth.block_number == 0


async def test_chain_time_can_be_let_pass() -> None:
    """Blocks mined with an interval carry its time."""
    async with SandboxChain(1) as chain:
        before = await chain.w3.eth.get_block("latest")
        await chain.advance(3600)
        after = await chain.w3.eth.get_block("latest")
        assert 3600 <= after["timestamp"] - before["timestamp"] < 3600 + DEADLINE_S


async def test_a_port_in_use_is_one_line() -> None:
    """The node's own complaint is passed on, with the port."""
    async with SandboxChain(1) as first:
        with pytest.raises(ConfigError, match=rf"did not start on port {first.port}: .*in use"):
            await SandboxChain(2, port=first.port).__aenter__()


async def test_a_refused_cheat_call_is_an_error_not_silence() -> None:
    """What the node refuses reaches the caller."""
    async with SandboxChain(1) as chain:
        with pytest.raises((Retryable, Web3RPCError)):
            await chain.fund("nowhere", 1)


_ORPHAN = """
import asyncio, sys
from deploy.sandbox.chains.anvil import SandboxChain
async def main():
    async with SandboxChain(1) as chain:
        print(chain._process.pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_the_node_dies_with_its_parent(ending: signal.Signals) -> None:
    """Even a parent that was killed leaves no node behind."""
    parent = subprocess.Popen([sys.executable, "-c", _ORPHAN], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    node = int(parent.stdout.readline())
    parent.send_signal(ending)
    parent.wait(DEADLINE_S)
    parent.stdout.close()
    wait_until(lambda: not _runs(node))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"

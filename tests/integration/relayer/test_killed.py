"""`kill -9` at every step: the chain ends right, and no nonce has two transactions unrecorded."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections import defaultdict
from pathlib import Path

import pytest
import rlp
from eth_hash.auto import keccak

from oracle.model.messages import SignedReport
from relayer.evm.journal import Journal
from tests.integration.relayer.conftest import Site, fresh_word, now_ms, pending
from tests.integration.relayer.mortal import (
    POINTS,
    REPLACING_POINTS,
    STRANDING_POINTS,
    Life,
    live,
)
from tests.unit.relayer.words import report

pytestmark = pytest.mark.evm

PATIENCE_S = 240.0
FAR = 100
"""A nonce further from the first than a gap that is filled."""


class Lives:
    """The processes of one relayer, one after the other, on one journal."""

    def __init__(self, site: Site, folder: Path) -> None:
        self._site = site
        self._journal, self._broadcasts = folder / "journal.sqlite", folder / "broadcasts"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.integration.relayer.mortal"])

    def begin(self, signed: SignedReport, dies_at: str = "") -> multiprocessing.process.BaseProcess:
        """Start a process."""
        config = self._site.config(replace_after="50ms").model_dump(mode="json")
        for key in ("poll", "timeout", "receipt_timeout", "replace_after", "max_lag"):
            config[key] = f"{config[key]}ns"
        config["key"] = {k: v for k, v in config["key"].items() if v is not None}
        config["push"] = {}
        life = Life(config, self._journal, self._broadcasts, signed, dies_at)
        process = self._context.Process(target=live, args=(life,))
        process.start()
        return process

    async def end(self, process: multiprocessing.process.BaseProcess) -> int | None:
        """Wait for a process; return how it ended."""
        await asyncio.to_thread(process.join, PATIENCE_S)
        if process.exitcode is None:
            process.kill()
        return process.exitcode

    def broadcast(self) -> dict[int, list[str]]:
        """Return the hashes that were broadcast for each nonce, each once, oldest first."""
        found: dict[int, dict[str, None]] = defaultdict(dict)
        for line in self._broadcasts.read_text().split():
            raw = bytes.fromhex(line[2:])
            nonce = int.from_bytes(rlp.decode(raw[1:])[1], "big")
            found[nonce]["0x" + keccak(raw).hex()] = None
        return {nonce: list(hashes) for nonce, hashes in found.items()}

    def recorded(self) -> dict[int, list[str]]:
        """Return the hashes that the journal has for each nonce."""
        journal = Journal(self._journal)
        bids = {nonce: transaction.hashes for nonce, transaction in journal.load().items()}
        journal.close()
        return bids


async def _mined(site: Site) -> list[str]:
    """Return the hashes of the wallet's transactions in blocks, by nonce."""
    found: dict[int, str] = {}
    newest = int(await site.rpc("eth_blockNumber"), 16)
    for number in range(newest + 1):
        block = await site.rpc("eth_getBlockByNumber", hex(number), True)
        for transaction in block["transactions"]:
            if transaction["from"].lower() == site.key.address.lower():
                found[int(transaction["nonce"], 16)] = transaction["hash"]
    assert sorted(found) == list(range(len(found)))
    return [found[nonce] for nonce in sorted(found)]


def _reports() -> tuple[SignedReport, SignedReport, bytes]:
    """Return a report, a later one that moved, and the later one's word."""
    now = now_ms()
    later = fresh_word(101_000, at_ms=now + 1)
    return report(1, {0: fresh_word(at_ms=now)}), report(2, {0: later}), later


@pytest.mark.parametrize("point", POINTS)
async def test_killed_while_it_sends(home: Site, tmp_path: Path, point: str) -> None:
    """The next process sends the same bytes, or nothing was sent; then the newer mark."""
    lives, (first, second, word) = Lives(home, tmp_path), _reports()
    assert await lives.end(lives.begin(first, point)) == -signal.SIGKILL

    assert await lives.end(lives.begin(second)) == 0

    assert await home.chain.held([0]) == {0: word}
    broadcast, mined = lives.broadcast(), await _mined(home)
    assert [hashes[-1] for hashes in lives.recorded().values()] == mined
    assert broadcast == {nonce: [hash_] for nonce, hash_ in enumerate(mined)}
    survived = point not in ("before the journal", "inside the journal's write")
    assert len(mined) == (2 if survived else 1)


@pytest.mark.parametrize("point", REPLACING_POINTS)
async def test_killed_while_it_replaces(home: Site, tmp_path: Path, point: str) -> None:
    """A replacement is one that the journal has: whichever lands, it is ours and the only one."""
    lives, (first, second, word) = Lives(home, tmp_path), _reports()
    await home.rpc("evm_setAutomine", False)
    process = lives.begin(first, point)
    stuck = await pending(home)
    await home.rpc("anvil_setNextBlockBaseFeePerGas", hex(int(stuck["maxFeePerGas"], 16) + 1))
    await home.node.mine()
    assert await lives.end(process) == -signal.SIGKILL
    await home.rpc("evm_setAutomine", True)

    assert await lives.end(lives.begin(second)) == 0

    assert await home.chain.held([0]) == {0: word}
    recorded, mined = lives.recorded(), await _mined(home)
    for nonce, hashes in lives.broadcast().items():
        assert set(hashes) <= set(recorded[nonce])
    assert len(mined) == 2
    for nonce, hash_ in enumerate(mined):
        assert hash_ in recorded[nonce]


@pytest.mark.parametrize("point", STRANDING_POINTS)
async def test_killed_while_it_sets_aside(home: Site, tmp_path: Path, point: str) -> None:
    """The chain is put back beyond what a gap may be: all that was signed stays, as it was."""
    lives, (first, second, word) = Lives(home, tmp_path), _reports()
    start = await home.rpc("evm_snapshot")
    await home.rpc("anvil_setNonce", home.key.address, hex(FAR))
    for signed in (first, second):
        assert await lives.end(lives.begin(signed)) == 0
    before = lives.recorded()
    await home.rpc("evm_revert", start)
    assert await lives.end(lives.begin(second, point)) == -signal.SIGKILL

    assert await lives.end(lives.begin(second)) == 0

    assert await home.chain.held([0]) == {0: word}
    recorded, mined = lives.recorded(), await _mined(home)
    assert {nonce: recorded[nonce] for nonce in before} == before
    assert [recorded[nonce] for nonce in range(len(mined))] == [[hash_] for hash_ in mined]
    assert {nonce: hashes for nonce, hashes in lives.broadcast().items() if nonce < FAR} == {
        nonce: [hash_] for nonce, hash_ in enumerate(mined)
    }


async def test_killed_again_and_again(home: Site, tmp_path: Path) -> None:
    """Every process dies somewhere; the last one finds everything in order."""
    lives, now = Lives(home, tmp_path), now_ms()
    for slot, point in enumerate(POINTS[2:], start=1):
        signed = report(slot, {0: fresh_word(100_000 + 1000 * slot, at_ms=now + slot)})
        assert await lives.end(lives.begin(signed, point)) == -signal.SIGKILL
    word = fresh_word(110_000, at_ms=now + 100)

    assert await lives.end(lives.begin(report(100, {0: word}))) == 0

    assert await home.chain.held([0]) == {0: word}
    mined = await _mined(home)
    assert lives.broadcast() == {nonce: [hash_] for nonce, hash_ in enumerate(mined)}

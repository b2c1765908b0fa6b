"""`plumb status` as a user runs it, over a real chain."""

from __future__ import annotations

import asyncio
import json
import subprocess
from functools import partial
from typing import Any

import pytest

from tests.e2e.plumb import PLUMB, plumb
from tests.integration.relayer.conftest import Site, deliver, fresh_word, now_ms
from tests.integration.status.conftest import NOBODY, Deployment
from tests.unit.relayer.words import SALT

pytestmark = pytest.mark.evm


async def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `plumb status`."""
    return await asyncio.to_thread(partial(plumb, "status", *arguments))


async def answer(*arguments: object, code: int = 0) -> dict[str, Any]:
    """Run it with --json."""
    done = await run(*arguments, "--json")
    assert done.returncode == code, (done.stdout, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_what_a_chain_holds_and_what_it_cost(deployment: Deployment, api: str) -> None:
    """Marks and their distance from ours, the last update, spending and runway; nothing alarms."""
    for price in (100_000, 100_100, 100_200):
        await deployment.push(price)
    file = deployment.write()
    found = await answer("--config", file, "--api", api)
    (chain,) = found["chains"]
    assert (found["alarms"], found["ours_error"], chain["error"]) == ([], "", "")
    btc, eth = chain["markets"]
    assert (btc["market"], btc["price"], btc["validity"]) == ("BTC-USD", 100.2, "VALID")
    assert (btc["ours"], btc["deviation_bps"]) == (100.1, pytest.approx(9.99, abs=0.01))
    assert (eth["ours"], eth["deviation_bps"], eth["price"]) == (None, None, 101.2)
    assert 0 < btc["age_s"] < btc["limit_s"] == 7200
    paid_wei = 10 * 10**18 - chain["balance_wei"]
    spending, last = chain["spending"], chain["last"]
    assert (spending["spent_wei"], spending["updates"]) == (paid_wei, 3)
    assert spending["runway_days"] > 0
    assert last["by_us"]
    assert last["sender"] == chain["wallet"] == deployment.site.key.address.lower()
    assert last["gas_used"] > 21_000
    assert await deployment.site.rpc("eth_getTransactionReceipt", last["transaction"])


async def test_each_alarm_has_its_sentence(deployment: Deployment) -> None:
    """A dead chain, our side down, an overdue market and a poor wallet: all seen, exit code 3."""
    for price in (100_000, 100_100):
        await deployment.push(price)
    dead = {"name": "dead", "chain_id": 5, "rpc": [NOBODY]}
    file = deployment.write(dead, heartbeat="1ms", runway="366d")
    await deployment.site.node.fund(deployment.site.key.address, 0)
    found = await answer("--config", file, "--api", NOBODY, code=3)
    alive, gone = found["chains"]
    assert alive["markets"][0]["price"] == 100.1
    assert alive["markets"][0]["ours"] is None
    assert gone["error"]
    assert gone["markets"] == []
    assert gone["wallet"] == alive["wallet"]
    text = "\n".join(found["alarms"])
    for words in (
        "our own marks are unknown",
        "home: BTC-USD had no accepted update",
        "home: wallet 0x",
        "less than 10 updates cost",
        "dead: cannot be read",
    ):
        assert words in text
    done = await run("--config", file, "--no-ours", "--chain", "dead")
    assert done.returncode == 3
    assert "! cannot be read" in done.stdout
    assert "our own marks" not in done.stdout


async def test_what_stored_nothing_is_in_the_runway(deployment: Deployment) -> None:
    """A no-op has no event; by the wallet's nonces it is seen, and the runway is shorter by it."""
    for price in (100_000, 100_100):
        await deployment.push(price)
    file = deployment.write()
    (before,) = (await answer("--config", file, "--no-ours"))["chains"]
    assert before["spending"]["useless"] == 0
    old = deliver(1, fresh_word(100_000, at_ms=now_ms() - 3_600_000))
    assert (await deployment.site.chain.push(old)).groups == ()
    (after,) = (await answer("--config", file, "--no-ours"))["chains"]
    assert (after["spending"]["updates"], after["spending"]["useless"]) == (2, 1)
    assert after["spending"]["spent_wei"] == before["spending"]["spent_wei"]
    assert after["spending"]["wei_per_day"] > 0
    assert "1 for nothing" in (await run("--config", file, "--no-ours")).stdout


async def test_a_contract_of_another_deployment_is_no_mark_of_ours(deployment: Deployment) -> None:
    """It answers every call as ours would; the two salts are shown, and no price."""
    await deployment.push(100_000)
    file = deployment.write()
    file.write_text(file.read_text().replace("nonce: 1", "nonce: 2"))
    found = await answer("--config", file, "--no-ours", code=3)
    (chain,) = found["chains"]
    assert chain["markets"] == []
    assert f"has deployment salt 0x{SALT.hex()}" in chain["error"]
    assert chain["error"] in found["alarms"][0]


async def test_a_market_that_was_never_pushed(deployment: Deployment) -> None:
    """Nothing there is said as such, not as an age since 1970."""
    found = await answer("--config", deployment.write(), "--no-ours", code=3)
    (chain,) = found["chains"]
    assert [market["age_s"] for market in chain["markets"]] == [None, None]
    assert "home: BTC-USD was never updated" in found["alarms"]
    assert chain["last"] is None
    assert chain["spending"]["runway_days"] is None


async def test_a_chain_that_hangs_delays_no_other(deployment: Deployment, away: Site) -> None:
    """With --watch the living one is shown, and shown again, while the other is waited for."""
    await deployment.push(100_000)
    hung = {"name": "hung", "chain_id": 31_002, "rpc": [away.node.rpc_url], "timeout": "1h"}
    file = deployment.write(hung)
    away.node.freeze()
    command = [str(PLUMB), "status", "--config", str(file), "--no-ours", "--json", "--watch"]
    process = await asyncio.create_subprocess_exec(
        *command, "--every", "200ms", "--timeout", "1h", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(240):
            for _ in range(2):
                seen = json.loads(await process.stdout.readline())
                assert [chain["chain"] for chain in seen["chains"]] == ["home"]
                assert seen["chains"][0]["markets"][0]["price"] == 100.0
    finally:
        process.kill()
        await process.wait()
        away.node.thaw()

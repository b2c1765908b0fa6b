"""Adapters by `plumb deploy evm`, and whether the chains of a deployment are alike."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from web3 import Web3
from web3.contract.async_contract import AsyncContract

from deploy.evm.artifact import Artifact
from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, read_artifact
from oracle.model.errors import ConfigError
from tests.integration.deploy.conftest import OWNER, STEPS, Site

pytestmark = pytest.mark.evm

ACCEPT_OWNERSHIP = "0x79ba5097"
UPTIME_FEED = "0x" + "66" * 20
UP_SINCE_5 = "0x6001600052600560405260056060526001608052" + "60a06000f3"
"""Returns (1, 0, 5, 5, 1) whatever is asked."""
PRICE_ID = "0x" + "b7" * 32
ADAPTERS: dict[str, Any] = {
    "link": {
        "least": "VALID",
        "max_age": "60s",
        "chainlink": {"market": 0, "decimals": 8, "description": "BTC / USD"},
    },
    "pyth": {
        "least": "GUARDED",
        "max_age": "60s",
        "pyth": {"feeds": [{"id": PRICE_ID, "market": 0, "ema": {"market": 3}}]},
    },
    "pulled": {
        "least": "VALID",
        "max_age": "60s",
        "erc7412": {"market": 3, "fee_wei": 7, "collector": "0x" + "55" * 20},
    },
}
ALL_STEPS = [*STEPS[:3], "adapter.link", "adapter.pulled", "adapter.pyth", STEPS[3]]


async def _on_an_l2(site: Site) -> None:
    await site.rpc("anvil_setCode", UPTIME_FEED, UP_SINCE_5)
    chain = {"sequencer": {"feed": UPTIME_FEED, "grace": "1h"}}
    site.data["chains"]["alpha"] |= chain
    site.data["adapters"] = ADAPTERS
    site.write()


def _record(site: Site) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(site.record.read_text())
    return data


def _adapter(site: Site, name: str) -> AsyncContract:
    made = _record(site)["adapters"][name]
    abi = read_artifact(ABI / f"{made['contract']}.json")["abi"]
    return site.node.w3.eth.contract(Web3.to_checksum_address(made["address"]), abi=abi)


async def _accept(site: Site, node: SandboxChain, address: str) -> None:
    await node.fund(Web3.to_checksum_address(OWNER), 1)
    await site.send_as(OWNER, address, ACCEPT_OWNERSHIP, node=node)


async def test_adapters_with_the_oracle_and_after_it(site: Site):
    """All are wired as the file says; one is added after the handover; then nothing is to do."""
    await _on_an_l2(site)
    code, out, err = await site.plumb("--dry-run", "--json")
    planned = json.loads(out)["chains"]["alpha"]
    assert (code, planned["steps"]) == (0, ALL_STEPS), err
    code, out, err = await site.plumb("--yes")
    assert code == 0, out + err
    record = _record(site)
    assert (record["complete"], list(record["steps"])) == (True, ALL_STEPS)
    assert sum(step["outcome"]["gas_used"] for step in record["steps"].values()) < planned["gas"]
    assert {name: made["address"] for name, made in record["adapters"].items()} == planned[
        "adapters"
    ]
    link, pyth = _adapter(site, "link"), _adapter(site, "pyth")
    assert await link.functions.ORACLE().call() == record["address"]
    assert await link.functions.SEQUENCER_FEED().call() == Web3.to_checksum_address(UPTIME_FEED)
    feed = await pyth.functions.feedOf(PRICE_ID).call()
    assert [part.rstrip(b"\0") for part in feed[1:3]] == [b"BTC-USD", b"SOL-USD"]

    await _accept(site, site.node, record["address"])
    more = {"least": "GUARDED", "max_age": "5s", "chainlink": {"market": 3, "description": "SOL"}}
    site.write(adapters=ADAPTERS | {"sol": more})
    assert (await site.plumb("--check"))[0] == 1
    done = await site.deploy()
    assert (done.accepted, await site.nonce()) == (True, len(ALL_STEPS) + 1)
    assert await _adapter(site, "sol").functions.MARKET().call() == 3
    code, out, err = await site.plumb("--check", "--json")
    assert (code, json.loads(out)["ok"], await site.nonce()) == (0, True, len(ALL_STEPS) + 1), err


async def test_one_is_added_after_the_owner_set_another_guardian(site: Site):
    """The record refuses the changed file; a fresh one is made from the chain, sending no more."""
    await site.deploy()
    address = _record(site)["address"]
    await _accept(site, site.node, address)
    guardian = "0x" + "44" * 20
    call = Artifact.read("MarkOracle").call("setGuardian", (guardian,))
    await site.send_as(OWNER, address, "0x" + call.hex())
    site.write(guardian=guardian, adapters={"link": ADAPTERS["link"]})
    before = await site.nonce()
    assert (await site.plumb("--yes"))[0] == 1
    code, out, err = await site.plumb("--yes", "--record", str(site.folder / "fresh"))
    assert (code, await site.nonce()) == (0, before + 1), out + err


async def test_a_changed_adapter_needs_another_name(site: Site):
    """It never changes on the chain: where it is and where the other one would be are told."""
    await _on_an_l2(site)
    await site.deploy()
    site.write(adapters=ADAPTERS | {"link": ADAPTERS["link"] | {"max_age": "61s"}})
    with pytest.raises(ConfigError, match=r"adapter link is at .* give the other one another name"):
        await site.deploy()
    assert await site.nonce() == len(ALL_STEPS)


async def test_an_adapter_that_is_not_what_it_should_be(site: Site):
    """Its code, or what the constructor wrote into it: the first difference is named."""
    await _on_an_l2(site)
    await site.deploy()
    address = _record(site)["adapters"]["link"]["address"]
    code = await site.rpc("eth_getCode", address, "latest")
    other = code.replace(UPTIME_FEED[2:], "67" * 20)
    assert other != code
    await site.rpc("anvil_setCode", address, other)
    with pytest.raises(ConfigError, match=f"SEQUENCER_FEED.. is 0x{'67' * 20} instead of 0x6666"):
        await site.deploy()
    await site.rpc("anvil_setCode", address, code[:-2] + "00")
    with pytest.raises(ConfigError, match=r"adapter link: .* byte .* of its code is 0x00"):
        await site.deploy()


@pytest.mark.parametrize("code", ["0x", "0x60006000fd", "0x60a06000f3"])
async def test_what_is_no_uptime_feed(site: Site, code: str):
    """No code, one that reverts, one that has no status: nothing is sent."""
    await _on_an_l2(site)
    await site.rpc("anvil_setCode", UPTIME_FEED, code)
    with pytest.raises(ConfigError, match=r"sequencer\.feed"):
        await site.deploy()
    assert await site.nonce() == 0


async def test_chains_that_are_not_alike(site: Site):
    """Deployed alike, they are; a rotation and a binding on one alone are named, and fail it."""
    async with SandboxChain(7702, name="beta") as beta:
        await beta.fund(site.key.address, 1)
        chain = copy.deepcopy(site.data["chains"]["alpha"])
        chain |= {"chain_id": 7702, "rpc": [beta.rpc_url]}
        site.data["chains"]["beta"] = chain
        site.write()
        code, out, err = await site.plumb("--yes", "--json")
        assert (code, json.loads(out)["differences"]) == (0, []), err

        address = _record(site)["address"]
        await _accept(site, beta, address)
        members = site.data["committee"]["members"]
        binding = [(7, b"ETH-USD".ljust(32, b"\0"))]
        call = Artifact.read("MarkOracle").call("setCommittee", (2, members[:6], 5, 0, binding))
        await site.send_as(OWNER, address, "0x" + call.hex(), node=beta)
        code, out, _ = await site.plumb("--check", "--json")
        said = json.loads(out)
        assert (code, said["ok"]) == (1, False)
        assert said["differences"][0] == "the current epoch is 1 on alpha; 2 on beta"
        assert "market 7 is nothing on alpha; ETH-USD since epoch 2 on beta" in said["differences"]
        _, out, _ = await site.plumb("--check")
        assert "the chains differ: the end of epoch 1 is unix 18446744073709551615 on alpha" in out

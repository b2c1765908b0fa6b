"""`plumb deploy evm` on a real node: what it deploys, what it refuses, and what it costs."""

from __future__ import annotations

import copy
import json
import shutil
from typing import Any

import pytest

from deploy.evm.factory import FACTORY, deploying
from oracle.model.errors import ConfigError, PlumblineError, Retryable
from oracle.report.digest import deployment_salt
from tests.integration.deploy.conftest import GUARDIAN, OWNER, STEPS, Site

pytestmark = pytest.mark.evm

ACCEPT_OWNERSHIP = "0x79ba5097"
JUMPS = {
    "default": {"bound": "20%", "reports": 3, "hold": "1s"},
    3: {"bound": "0bps", "reports": 1, "hold": "0s"},
}


async def test_a_deployment_from_dry_run_to_acceptance(site: Site):
    """The dry run names address and cost and sends nothing; then one a step; then none."""
    site.write(jumps=JUMPS)
    code, out, _ = await site.plumb("--dry-run", "--json")
    planned = json.loads(out)["chains"]["alpha"]
    assert (code, await site.nonce(), site.record.exists()) == (0, 0, False)
    assert planned["steps"] == [*STEPS[:2], "jump.default", "jump.3", *STEPS[2:]]

    code, out, err = await site.plumb("--yes", "--json")
    assert code == 0, out + err
    done = json.loads(out)["chains"]["alpha"]
    record = await site.check_complete()
    assert done["address"] == planned["address"] == record["address"]
    assert not done["accepted"]
    used = sum(step["outcome"]["gas_used"] for step in record["steps"].values())
    assert used < planned["gas"] < 1.5 * used
    paid = sum(step["outcome"]["paid_wei"] for step in record["steps"].values())
    left_wei = int(await site.rpc("eth_getBalance", site.key.address, "latest"), 16)
    assert paid == planned["balance_wei"] - left_wei
    assert await site.read("jumpRule", 0) == (2000, 3, 1000)
    assert await site.read("jumpRule", 3) == (0, 1, 0)
    assert await site.read("SALT") == deployment_salt("test", b"\x11" * 20, 1)

    code, out, _ = await site.plumb("--check")
    assert code == 1
    assert f"the deploying wallet still owns it: {OWNER} has to call acceptOwnership()" in out
    await site.node.fund(site.node.w3.to_checksum_address(OWNER), 1)
    await site.send_as(OWNER, record["address"], ACCEPT_OWNERSHIP)
    await site.node.mine()
    site.write(jumps=JUMPS, chain={"max_fee_gwei": 1e-9})
    assert (await site.plumb("--check"))[0] == 0, "what gas costs is no matter"
    before = site.record.read_text()
    code, out, _ = await site.plumb("--json", "--yes")
    assert json.loads(out)["chains"]["alpha"]["accepted"]
    assert (code, await site.nonce(), site.record.read_text()) == (0, 6, before)


async def test_nothing_is_sent_unless_somebody_says_so(site: Site):
    """A person is asked, and 'n' sends nothing; a program has to say --yes."""
    _, out, err = await site.plumb(answer="n\n")
    assert "Send transactions on alpha?" in err
    assert "costs at most" in out
    assert (await site.plumb("--json"))[0] == 1
    assert await site.nonce() == 0


async def test_one_chain_of_two_is_down(site: Site):
    """The other is deployed to; the exit code and a line tell of the one that is not."""
    data = copy.deepcopy(site.data["chains"]["alpha"])
    data |= {"chain_id": 7702, "rpc": ["http://127.0.0.1:1"], "timeout": "1s"}
    site.write(chains=site.data["chains"] | {"beta": data})
    code, out, err = await site.plumb("--yes", "--json")
    chains = json.loads(out)["chains"]
    assert (code, chains["alpha"]["complete"]) == (1, True), err
    assert "error" in chains["beta"]
    await site.check_complete()


async def test_other_parameters_are_refused_with_what_differs(site: Site):
    """A second deployment never starts by a changed file; the record says which and where."""
    await site.deploy()
    committee = site.data["committee"] | {"threshold": 6}
    site.write(committee=committee, guardian="0x" + "44" * 20, max_future="3s")
    with pytest.raises(ConfigError) as caught:
        await site.deploy()
    said = str(caught.value)
    assert f"parameters.guardian is {GUARDIAN}, the deploy file says 0x{'44' * 20}" in said
    assert "parameters.max_future_ms is 2000, the deploy file says 3000" in said
    assert "parameters.threshold is 5, the deploy file says 6" in said
    assert "--record" in said
    assert await site.nonce() == len(STEPS)


async def test_two_at_once_on_one_record(site: Site):
    """The second is refused while the first has the file."""
    async with site.opened():
        with pytest.raises(ConfigError, match="in use by another 'plumb deploy'"):
            await site.deploy()


async def test_a_lost_record_is_made_again_from_the_chain(site: Site):
    """What is there is found by its address: nothing is sent, nothing is deployed twice."""
    address = (await site.deploy()).record.address
    shutil.rmtree(site.record.parent)
    assert (await site.deploy()).record.address == address
    assert await site.nonce() == len(STEPS)


async def test_a_changed_file_without_its_record_meets_the_chain(site: Site):
    """The committee on the chain is not the file's: it says both, and sends nothing."""
    await site.deploy()
    shutil.rmtree(site.record.parent)
    site.write(committee=site.data["committee"] | {"threshold": 7})
    with pytest.raises(ConfigError, match="the threshold is 5 on the chain, the deploy file says"):
        await site.deploy()
    assert await site.nonce() == len(STEPS)


async def test_a_guardian_that_the_owner_changed_is_told(site: Site):
    """Run again as a check: what is no longer as deployed is named."""
    address = (await site.deploy()).record.address
    await site.node.fund(site.node.w3.to_checksum_address(OWNER), 1)
    await site.send_as(OWNER, address, ACCEPT_OWNERSHIP)
    changed = "0x" + "99" * 20
    await site.send_as(OWNER, address, "0x8a0dac4a" + changed[2:].rjust(64, "0"))
    await site.node.mine()
    with pytest.raises(ConfigError, match=f"the guardian is {changed} on the chain"):
        await site.deploy()


async def test_somebody_else_deploys_the_same_code_first(site: Site):
    """It is the same contract at the same address, and ours: the rest is done."""
    stranger = site.node.w3.to_checksum_address("0x" + "77" * 20)
    await site.node.fund(stranger, 1)
    async with site.opened() as chain:
        await site.send_as(stranger, FACTORY, "0x" + deploying(chain.plan.creation).hex())
        await site.node.mine()
        done = await chain.run()
    assert list(done.record.steps) == STEPS[1:]
    assert (await site.read("pendingOwner")).lower() == OWNER
    assert await site.nonce() == len(STEPS) - 1


async def test_a_transaction_that_is_in_no_block_is_waited_for_by_the_next_run(site: Site):
    """It is given up in time with its hash, at rising fees; run again, one of the bids is mined."""
    await site.rpc("evm_setAutomine", False)
    site.write(chain={"receipt_timeout": "1s"})
    with pytest.raises(Retryable, match="in no block after 1 s; run again to go on with it"):
        await site.deploy()
    bids = json.loads(site.record.read_text())["steps"]["deploy"]["bids"]
    assert len(bids) > 1
    assert [bid["max_wei"] for bid in bids] == sorted({bid["max_wei"] for bid in bids})
    await site.rpc("evm_setAutomine", True)
    await site.node.mine()
    await site.deploy()
    record = await site.check_complete()
    assert record["steps"]["deploy"]["outcome"]["hash"] in {bid["hash"] for bid in bids}


async def test_a_dropped_transaction_is_broadcast_again(site: Site):
    """The pool forgot it: the same bytes go out with the next run."""
    await site.rpc("evm_setAutomine", False)
    site.write(chain={"receipt_timeout": "200ms"})
    with pytest.raises(Retryable, match="in no block"):
        await site.deploy()
    await site.rpc("anvil_dropAllTransactions")
    await site.rpc("evm_setAutomine", True)
    await site.deploy()
    await site.check_complete()


async def test_a_nonce_that_another_transaction_took(site: Site):
    """The wallet was used elsewhere meanwhile: the step is signed anew, the others follow."""
    await site.rpc("evm_setAutomine", False)
    site.write(chain={"receipt_timeout": "200ms"})
    with pytest.raises(Retryable, match="in no block"):
        await site.deploy()
    await site.rpc("anvil_dropAllTransactions")
    await site.send_as(site.key.address, "0x" + "55" * 20, "0x")
    await site.node.mine()
    await site.rpc("evm_setAutomine", True)
    done = await site.deploy()
    assert [step.nonce for step in done.record.steps.values()] == [1, 2, 3, 4]


async def test_transactions_of_somebody_else_in_the_pool(site: Site):
    """The wallet is used elsewhere: whose nonce is whose would be a guess."""
    await site.rpc("evm_setAutomine", False)
    await site.send_as(site.key.address, "0x" + "55" * 20, "0x")
    with pytest.raises(Retryable, match="pending that are not of this record"):
        await site.deploy()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"chain_id": 1}, "serves chain 7701"),
        ({"rpc": ["http://127.0.0.1:1"], "timeout": "1s"}, "endpoint"),
        ({"max_fee_gwei": 0.001}, "above max_fee_gwei"),
    ],
)
async def test_a_chain_that_cannot_be_deployed_to(site: Site, changes: dict[str, Any], text: str):
    """The reason is one line, and nothing is sent."""
    site.write(chain=changes)
    with pytest.raises(PlumblineError, match=text):
        await site.deploy()
    assert await site.nonce() == 0


async def test_a_wallet_that_cannot_pay_for_all_of_it_starts_nothing(site: Site):
    """Balance and cost are told before the first transaction, which it could pay."""
    async with site.opened() as chain:
        estimate = await chain.estimate()
        await site.rpc("anvil_setBalance", site.key.address, hex(estimate.cost_wei * 9 // 10))
        with pytest.raises(ConfigError, match=r"may cost .*: top it up"):
            await chain.run()
    assert await site.nonce() == 0


@pytest.mark.parametrize("code", ["0x", "0x60016000"])
async def test_a_chain_without_the_factory(site: Site, code: str):
    """It says what is missing and where to read on; another contract there is not used."""
    await site.rpc("anvil_setCode", FACTORY, code)
    with pytest.raises(ConfigError, match=r"docs/deploying\.md"):
        await site.deploy()


async def test_other_code_at_the_address(site: Site):
    """One byte off is another contract."""
    address = (await site.deploy()).record.address
    code = bytearray(bytes.fromhex((await site.rpc("eth_getCode", address, "latest"))[2:]))
    code[100] ^= 1
    await site.rpc("anvil_setCode", address, "0x" + code.hex())
    with pytest.raises(ConfigError, match=r"not that of MarkOracle as built by solc.*byte 100 of"):
        await site.deploy()


async def test_other_immutables_at_the_address(site: Site):
    """Code is compared without them, so they are read: another salt is another deployment."""
    address = (await site.deploy()).record.address
    code = await site.rpc("eth_getCode", address, "latest")
    salt = deployment_salt("test", b"\x11" * 20, 1).hex()
    assert salt in code
    await site.rpc("anvil_setCode", address, code.replace(salt, "ab" * 32))
    with pytest.raises(ConfigError, match=f"the deployment salt is 0x{'ab' * 32} on the chain"):
        await site.deploy()

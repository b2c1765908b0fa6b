"""MarkOracle as the sandbox deploys it."""

from __future__ import annotations

import pytest
from web3 import Web3

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, deploy_contract, read_artifact
from deploy.sandbox.chains.oracle import MAX_FUTURE_MS, deploy_mark_oracle
from oracle.model.errors import ConfigError, Rejected
from oracle.report.digest import deployment_salt, domain_separator

pytestmark = pytest.mark.evm
GOVERNOR = "0x" + "11" * 20
MEMBERS = [Web3.to_checksum_address(f"0x{number:040x}") for number in (0xA1, 0xB2, 0xC3)]


async def test_the_oracle_has_its_committee_guardian_and_our_domain() -> None:
    """What was asked for is read back, and both sides derive one signing domain."""
    async with SandboxChain(77) as chain:
        guardian = await chain.account()
        address = await deploy_mark_oracle(
            chain,
            network="test",
            home_governor=GOVERNOR,
            nonce=3,
            members=MEMBERS,
            threshold=2,
            guardian=guardian.address,
            instruments={7: "BTC-USD"},
        )
        abi = read_artifact(ABI / "MarkOracle.json")["abi"]
        oracle = chain.w3.eth.contract(chain.w3.to_checksum_address(address), abi=abi)
        members, threshold, _ = await oracle.functions.committee(1).call()
        assert (members, threshold) == (MEMBERS, 2)
        assert await oracle.functions.guardian().call() == guardian.address
        assert await oracle.functions.instrumentOf(7).call() == [b"BTC-USD".ljust(32, b"\0"), 1]
        assert await oracle.functions.MAX_FUTURE_MS().call() == MAX_FUTURE_MS
        salt = deployment_salt("test", bytes.fromhex(GOVERNOR[2:]), 3)
        assert await oracle.functions.DOMAIN_SEPARATOR().call() == domain_separator(salt)


async def test_an_unaffordable_deployment_is_an_error() -> None:
    """A sender without money gets the node's refusal, not an address."""
    async with SandboxChain(77) as chain:
        poor = await chain.account(ether=0)
        with pytest.raises(Rejected, match=r"deployment: .*(?i:insufficient funds)"):
            await deploy_contract(
                chain.w3, read_artifact(ABI / "TestToken.json"), ("a", "b", 1), poor
            )


def test_a_missing_artifact_says_what_to_do() -> None:
    """A checkout without the npm packages is one clear line."""
    with pytest.raises(ConfigError, match=r"Nowhere\.json: .*run 'make evm-tools'"):
        read_artifact(ABI / "Nowhere.json")

"""Deployments by wallets whose keys others hold: real transactions, signed elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import Session

from oracle.keys.kms import KmsHolder
from tests.integration.deploy.conftest import STEPS, Site
from tests.integration.keys.kms import serving_kms, use_no_other_credentials
from tests.integration.keys.web3signer import Web3SignerStandIn

pytestmark = pytest.mark.evm


async def _deploy_with(site: Site, key: dict[str, Any], address: str) -> None:
    await site.node.fund(site.node.w3.to_checksum_address(address), 1)
    site.write(chain={"key": key})
    done = await site.deploy()
    assert done.record.parameters["deployer"] == address
    await site.check_complete()


async def test_a_wallet_with_a_remote_signer(site: Site):
    """The signer is given the unsigned transactions, whole."""
    async with Web3SignerStandIn.serving([bytes(31) + b"\x07"]) as remote:
        address = remote.address()
        await _deploy_with(site, {"remote": {"url": remote.url, "address": address}}, address)
    assert [message[:1] for message in remote.asked] == [b"\x02"] * len(STEPS)


async def test_a_wallet_in_kms(site: Site, monkeypatch: pytest.MonkeyPatch):
    """DER without a recovery id becomes transactions that the chain takes."""
    use_no_other_credentials(monkeypatch)
    with serving_kms() as url:
        place = {"region_name": "eu-west-1", "endpoint_url": url}
        admin = Session().create_client("kms", **place)
        made = admin.create_key(KeySpec="ECC_SECG_P256K1", KeyUsage="SIGN_VERIFY")
        key_id = made["KeyMetadata"]["KeyId"]
        holder = KmsHolder(key_id, "eu-west-1", None, url, 30)
        address = "0x" + (await holder.public_address()).hex()
        await holder.aclose()
        section = {"key_id": key_id, "region": "eu-west-1", "address": address, "endpoint": url}
        await _deploy_with(site, {"kms": section | {"timeout": "30s"}}, address)

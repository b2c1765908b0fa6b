"""Keys in AWS KMS, through the real client, against moto's server."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from botocore.session import Session
from eth_hash.auto import keccak

from oracle.config.keys import KeyConfig
from oracle.keys.kms import KmsHolder
from oracle.keys.metrics import KeyMetrics
from oracle.keys.opening import open_signer
from oracle.keys.signer import LocalSigner
from oracle.model.errors import ConfigError, Retryable
from oracle.report.signature import recover

REGION = "eu-west-1"


def _admin(kms: str) -> Any:
    return Session().create_client("kms", region_name=REGION, endpoint_url=kms)


def _make(kms: str, spec: str = "ECC_SECG_P256K1", usage: str = "SIGN_VERIFY") -> str:
    made = _admin(kms).create_key(KeySpec=spec, KeyUsage=usage)
    return str(made["KeyMetadata"]["KeyId"])


async def _address(kms: str, key_id: str) -> str:
    holder = KmsHolder(key_id, REGION, None, kms, 30)
    try:
        return "0x" + (await holder.public_address()).hex()
    finally:
        await holder.aclose()


def _config(kms: str, key_id: str, address: str, **more: Any) -> KeyConfig:
    section = {"key_id": key_id, "region": REGION, "address": address, "endpoint": kms}
    return KeyConfig.model_validate({"kms": section | {"timeout": "30s"} | more})


async def test_signatures_are_compact_low_and_by_the_address(kms: str, key_metrics: KeyMetrics):
    """Of 24 signatures (about half with high s, as OpenSSL leaves them) each recovers."""
    key_id = _make(kms)
    address = await _address(kms, key_id)
    signer = open_signer(_config(kms, key_id, address), key_metrics)
    messages = [b"message %d" % number for number in range(24)]
    signatures = await asyncio.gather(*map(signer.sign, messages))
    await signer.aclose()
    assert f"0x{signer.address.hex()}" == address
    for message, signature in zip(messages, signatures, strict=True):
        assert recover(keccak(message), signature) == signer.address  # and recover refuses high s


async def test_a_key_is_found_by_its_alias(kms: str, key_metrics: KeyMetrics):
    """`alias/…` is what operators rotate behind: a new key's signatures are refused, and the old
    one's taken again, without an end of the process."""
    first, second = _make(kms), _make(kms)
    _admin(kms).create_alias(AliasName="alias/member", TargetKeyId=first)
    config = _config(kms, "alias/member", await _address(kms, first))
    signer = open_signer(config, key_metrics)
    assert await signer.sign(b"message")
    _admin(kms).update_alias(AliasName="alias/member", TargetKeyId=second)
    with pytest.raises(Retryable, match="a signature came that is not by"):
        await signer.sign(b"message")
    _admin(kms).update_alias(AliasName="alias/member", TargetKeyId=first)
    assert await signer.sign(b"message")
    await signer.aclose()
    late = open_signer(config, key_metrics)
    _admin(kms).update_alias(AliasName="alias/member", TargetKeyId=second)
    with pytest.raises(ConfigError, match="KMS key alias/member is that of 0x"):
        await late.sign(b"message")
    await late.aclose()


async def test_another_address_is_told_with_both(kms: str, key_metrics: KeyMetrics):
    """The key's own address stands in the error, to be copied."""
    key_id = _make(kms)
    signer = open_signer(_config(kms, key_id, "0x" + "11" * 20), key_metrics)
    with pytest.raises(ConfigError) as caught:
        await signer.sign(b"message")
    await signer.aclose()
    assert await _address(kms, key_id) in str(caught.value)
    assert "0x" + "11" * 20 in str(caught.value)


async def test_a_key_on_another_curve_is_refused(kms: str):
    """NIST P-256 signs nothing that a chain could verify."""
    with pytest.raises(ConfigError, match="make one with KeySpec ECC_SECG_P256K1"):
        await _address(kms, _make(kms, "ECC_NIST_P256"))


async def test_a_key_that_is_not_there(kms: str):
    """KMS's own name for it is passed on."""
    with pytest.raises(Retryable, match="NotFoundException"):
        await _address(kms, "alias/nobody")


async def test_a_key_that_is_taken_away_signs_again_once_back(kms: str, key_metrics: KeyMetrics):
    """What an operator stops in an incident comes back without a restart."""
    key_id, alias = _make(kms), "alias/stopped"
    _admin(kms).create_alias(AliasName=alias, TargetKeyId=key_id)
    signer = open_signer(_config(kms, alias, await _address(kms, key_id)), key_metrics)
    assert await signer.sign(b"message")
    _admin(kms).delete_alias(AliasName=alias)
    with pytest.raises(Retryable, match="sign is refused: NotFoundException"):
        await signer.sign(b"message")
    _admin(kms).create_alias(AliasName=alias, TargetKeyId=key_id)
    assert await signer.sign(b"message")
    await signer.aclose()


async def test_no_credentials_are_told(
    kms: str, key_metrics: KeyMetrics, monkeypatch: pytest.MonkeyPatch
):
    """The chain of AWS finds nothing: the error names that."""
    key_id = _make(kms)
    address = await _address(kms, key_id)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    signer = open_signer(_config(kms, key_id, address), key_metrics)
    with pytest.raises(Retryable, match="NoCredentials"):
        await signer.sign(b"message")
    await signer.aclose()


async def test_a_kms_that_hangs_is_given_up_and_holds_up_nobody(key_metrics: KeyMetrics):
    """Connections are taken and never answered: many signatures time out, others go on."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        config = _config(endpoint, "alias/any", "0x" + "11" * 20, timeout="200ms")
        hanging, local = open_signer(config, key_metrics), LocalSigner(bytes(31) + b"\x07")
        waiting = [asyncio.ensure_future(hanging.sign(b"message")) for _ in range(12)]
        await asyncio.sleep(0)  # let them begin
        for _ in range(20):
            assert await local.sign(b"message")
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, Retryable) for result in results)
        assert {str(result) for result in results} & {
            f"key 0x{'11' * 20} (kms): no signature in 0.2 s",
            "KMS key alias/any: get_public_key failed: ReadTimeoutError",
        }
        await hanging.aclose()


async def test_nobody_listens(key_metrics: KeyMetrics):
    """A refused connection is Retryable, not a crash."""
    config = _config("http://127.0.0.1:1", "alias/any", "0x" + "11" * 20)
    signer = open_signer(config, key_metrics)
    with pytest.raises(Retryable, match="get_public_key failed"):
        await signer.sign(b"message")
    await signer.aclose()

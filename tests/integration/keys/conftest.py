"""moto's server as AWS KMS, and a signer that speaks Web3Signer's interface."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey
from moto.server import ThreadedMotoServer
from prometheus_client import CollectorRegistry

from oracle.keys.metrics import KeyMetrics
from tests.integration.keys.web3signer import Web3SignerStandIn


@pytest.fixture
def key_metrics() -> KeyMetrics:
    """Metrics that no other test counts in."""
    return KeyMetrics(CollectorRegistry())


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the AWS chain something to find, and nothing of this machine."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-of-the-tests",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve KMS on loopback; yield its address.

    moto takes MessageType DIGEST and hashes all the same ("not yet implemented", says its
    docstring), so the stand-in here does what KMS documents for it.
    """
    types: list[str] = []
    sign = KmsResponse.sign

    def noticing(self: KmsResponse) -> str:
        types.append(self._get_param("MessageType") or "RAW")
        return str(sign(self))

    def signing(self: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        assert signing_algorithm == "ECDSA_SHA_256"
        digest = hashes.SHA256()
        return self.private_key.sign(
            message, ec.ECDSA(Prehashed(digest) if types[-1] == "DIGEST" else digest)
        )

    monkeypatch.setattr(KmsResponse, "sign", noticing)
    monkeypatch.setattr(ECDSAPrivateKey, "sign", signing)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
async def remote() -> AsyncIterator[Web3SignerStandIn]:
    """Serve two keys on loopback."""
    async with Web3SignerStandIn.serving([bytes(31) + b"\x07", bytes(31) + b"\x08"]) as standing_in:
        yield standing_in

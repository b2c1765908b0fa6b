"""moto's server as AWS KMS on loopback."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey
from moto.server import ThreadedMotoServer


def use_no_other_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the AWS chain something to find, and nothing of this machine."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-of-the-tests",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@contextmanager
def serving_kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve KMS; yield its address.

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

"""moto's server as AWS KMS, in a process of its own: prints its address, and serves until its input
ends.

moto 5.2 takes MessageType DIGEST and hashes all the same ("not yet implemented", says its
docstring): here, and nowhere in the process that is tested, it is made to do what KMS documents.
"""

from __future__ import annotations

import logging
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey
from moto.server import ThreadedMotoServer


def take_digests() -> None:
    """Sign what is said to be a digest as it is."""
    types: list[str] = []
    sign = KmsResponse.sign

    def noticing(self: KmsResponse) -> str:
        types.append(self._get_param("MessageType") or "RAW")
        return str(sign(self))

    def signing(self: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        if signing_algorithm != "ECDSA_SHA_256":
            raise ValueError(signing_algorithm)
        digest = hashes.SHA256()
        return self.private_key.sign(
            message, ec.ECDSA(Prehashed(digest) if types[-1] == "DIGEST" else digest)
        )

    # What this process is for.
    KmsResponse.sign = noticing  # type: ignore[method-assign]
    ECDSAPrivateKey.sign = signing  # type: ignore[method-assign]


def main() -> None:
    """Serve."""
    take_digests()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    sys.stdout.write(f"http://{host}:{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()

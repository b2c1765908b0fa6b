"""A key in AWS KMS (ECC_SECG_P256K1). It signs digests and gives DER without a recovery id.

botocore and not boto3, whose resources we do not use: its client runs in threads of the signer's
own, so that a KMS that hangs holds up nobody else. Credentials come by AWS's default chain
(environment, shared files, container and instance roles), never from our configuration.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session
from eth_hash.auto import keccak

from oracle.keys.asking import Raw
from oracle.keys.der import read_address, read_signature
from oracle.model.errors import ConfigError, Rejected, Retryable

ATTEMPTS: Final = 2
THREADS: Final = 4
SPEC, USAGE = "ECC_SECG_P256K1", "SIGN_VERIFY"
_ALGORITHM = "ECDSA_SHA_256"
for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # DEBUG shows headers and credentials


class KmsHolder:
    """One key of KMS. Its public key is fetched once, before the first signature."""

    kind: Final = "kms"

    def __init__(
        self,
        key_id: str,
        region: str,
        address: bytes | None,
        endpoint: str | None,
        timeout_s: float,
    ) -> None:
        """Make the client; asks nobody.

        Raises:
            ConfigError: a region or endpoint that botocore does not take.
        """
        self._key_id: Final = key_id
        self._address: Final = address
        self._client: Final = _client(region, endpoint, timeout_s)
        self._threads: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="kms")
        self._checked = False

    async def ask(self, message: bytes) -> Raw:
        """Return a signature of `keccak256(message)`."""
        if not self._checked:
            await self.public_address()
        answer = await self._call(
            "sign", Message=keccak(message), MessageType="DIGEST", SigningAlgorithm=_ALGORITHM
        )
        try:
            return read_signature(answer["Signature"])
        except (Rejected, KeyError, TypeError) as error:
            raise Retryable(f"KMS key {self._key_id} answers no signature: {error}") from error

    async def public_address(self) -> bytes:
        """Ask for the public key, check what it is for, and return its address.

        Raises:
            ConfigError: no key for signing on secp256k1, or another than the configured address's.
        """
        answer = await self._call("get_public_key")
        try:
            found = read_address(answer["PublicKey"])
        except (Rejected, KeyError, TypeError) as error:
            raise ConfigError(
                f"KMS key {self._key_id}: {error}; make one with KeySpec {SPEC} and KeyUsage "
                f"{USAGE}"
            ) from error
        if self._address is not None and found != self._address:
            raise ConfigError(
                f"KMS key {self._key_id} is that of 0x{found.hex()}, the configuration says "
                f"0x{self._address.hex()}: mend kms.key_id or kms.address"
            )
        self._checked = True
        return found

    async def aclose(self) -> None:
        """Close connections; a thread that still waits ends by its own time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        def call() -> dict[str, Any]:
            answer: dict[str, Any] = getattr(self._client, method)(KeyId=self._key_id, **arguments)
            return answer

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "an error"))[:100]
            raise Retryable(f"KMS key {self._key_id}: {method} is refused: {code}") from None
        except (BotoCoreError, ValueError, OSError) as error:
            # Not its text, nor the error itself: either may hold addresses and parts of requests.
            name = type(error).__name__
            raise Retryable(f"KMS key {self._key_id}: {method} failed: {name}") from None


def _client(region: str, endpoint: str | None, timeout_s: float) -> Any:
    try:
        return Session().create_client(
            "kms",
            region_name=region,
            endpoint_url=endpoint,
            config=Config(
                connect_timeout=timeout_s / ATTEMPTS,
                read_timeout=timeout_s / ATTEMPTS,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
                max_pool_connections=THREADS,
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(f"KMS in region {region}: {type(error).__name__}: {error}") from None

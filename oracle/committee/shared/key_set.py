"""Several keys of one process: as many sign as must, and none holds up the others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from oracle.keys.signer import Signer
from oracle.model.errors import PlumblineError, Retryable

_log = structlog.get_logger(__name__)


class KeySet:
    """Signers by member number."""

    def __init__(self, signers: Mapping[int, Signer], threshold: int) -> None:
        self._signers: Final = dict(signers)
        self._threshold: Final = threshold
        self._failing: set[int] = set()

    def __len__(self) -> int:
        return len(self._signers)

    async def sign(self, message: bytes) -> dict[int, bytes]:
        """Return at least `threshold` signatures, by member: the first that come.

        Raises:
            Retryable: so many keys give none.
        """
        asked = {
            asyncio.ensure_future(signer.sign(message)): member
            for member, signer in self._signers.items()
        }
        pending, signatures = set(asked), dict[int, bytes]()
        errors: dict[int, PlumblineError] = {}
        try:
            while pending and len(signatures) < self._threshold:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    try:
                        signatures[asked[task]] = task.result()
                    except PlumblineError as error:
                        errors[asked[task]] = error
        finally:
            for task in pending:
                task.cancel()
        self._tell(signatures, errors)
        if len(signatures) < self._threshold:
            raise Retryable(
                f"{len(signatures)} of {len(self._signers)} keys sign, {self._threshold} must: "
                + "; ".join(f"member {member}: {error}" for member, error in sorted(errors.items()))
            )
        return signatures

    def _tell(self, signatures: Mapping[int, bytes], errors: Mapping[int, PlumblineError]) -> None:
        """Log each key once when it begins to fail, and once when it signs again."""
        for member in errors.keys() - self._failing:
            _log.warning("key_fails", member=member, error=str(errors[member]))
        for member in self._failing & signatures.keys():
            _log.info("key_signs_again", member=member)
        self._failing = (self._failing | errors.keys()) - signatures.keys()

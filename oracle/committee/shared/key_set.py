"""Several keys of one process: as many sign as must, and none holds up the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from oracle.keys.signer import Signer
from oracle.model.errors import PlumblineError, Retryable

HEDGE_S: Final = 0.25
"""A key that is silent for so long does not hold up what one of them must sign."""

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

    async def sign_one(self, message_of: Callable[[int], bytes]) -> tuple[int, bytes]:
        """Return a member, and its key's signature of its message: the first of few that are asked.

        Raises:
            Retryable: no key gives one.
        """
        asked: dict[asyncio.Future[bytes], int] = {}
        errors: dict[int, PlumblineError] = {}
        ahead = sorted(self._signers, key=lambda number: (number in self._failing, number))
        try:
            while ahead or len(errors) < len(asked):
                if ahead:
                    member = ahead.pop(0)
                    asked[asyncio.ensure_future(self._signers[member].sign(message_of(member)))] = (
                        member
                    )
                pending = [task for task, number in asked.items() if number not in errors]
                done, _ = await asyncio.wait(
                    pending, timeout=HEDGE_S, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    try:
                        signature = task.result()
                    except PlumblineError as error:
                        errors[asked[task]] = error
                    else:
                        self._tell({asked[task]: signature}, errors)
                        return asked[task], signature
        finally:
            for task in asked:
                task.cancel()
        self._tell({}, errors)
        raise Retryable(
            f"none of the {len(self._signers)} keys signs: "
            + "; ".join(f"member {member}: {error}" for member, error in sorted(errors.items()))
        )

    def _tell(self, signatures: Mapping[int, bytes], errors: Mapping[int, PlumblineError]) -> None:
        """Log each key once when it begins to fail, and once when it signs again."""
        for member in errors.keys() - self._failing:
            _log.warning("key_fails", member=member, error=str(errors[member]))
        for member in self._failing & signatures.keys():
            _log.info("key_signs_again", member=member)
        self._failing = (self._failing | errors.keys()) - signatures.keys()

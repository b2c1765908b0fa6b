"""A key whose holder is sometimes away."""

from __future__ import annotations

import asyncio

from oracle.keys.signer import LocalSigner
from oracle.model.errors import Retryable


class Moody(LocalSigner):
    """Signs while it is well."""

    well = True
    asked = 0

    async def sign(self, message: bytes) -> bytes:
        """Sign, or fail as a vault does that is being restarted."""
        self.asked += 1
        if not self.well:
            raise Retryable("the vault is away")
        return await super().sign(message)


class Together(LocalSigner):
    """Signs the first thing it is asked at once, and what comes after in twos."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self._asked: set[bytes] = set()
        self._two = asyncio.Event()

    async def sign(self, message: bytes) -> bytes:
        """Sign, once something else is to be signed too."""
        self._asked.add(message)
        if len(self._asked) == 3:
            self._two.set()
        if len(self._asked) > 1:
            await self._two.wait()
        return await super().sign(message)

"""A key whose holder is sometimes away."""

from __future__ import annotations

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

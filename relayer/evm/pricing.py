"""What gas costs on a chain now, as the operator wants it paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from relayer.evm.endpoint import Head
from relayer.evm.fees import FeeHistory, Fees, quote, quote_legacy
from relayer.evm.node import Node


@dataclass(frozen=True, slots=True)
class Pricing:
    """Quotes within `cap_wei` per gas."""

    node: Node
    kind: Literal["auto", "eip1559", "legacy"]
    cap_wei: int

    async def history(self) -> FeeHistory | None:
        """Return what recent blocks took; None where nobody knows."""
        return await self.node.fee_history()

    async def quote(self, head: Head, history: FeeHistory | None, *, urgent: bool) -> Fees:
        """Return what to offer for the next block, by recent ones.

        Raises:
            FeeAboveCap: that is above the cap.
            Retryable: no endpoint knows.
        """
        legacy = self.kind == "legacy" or (self.kind == "auto" and head.base_wei is None)
        if history is None:
            return quote_legacy(await self.node.gas_price(), self.cap_wei)
        if legacy:
            return quote_legacy(history.legacy_wei(urgent=urgent), self.cap_wei)
        return quote(history, self.cap_wei, urgent=urgent)

"""What a lane does with receipts: counts, publishes, judges and doubts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from oracle.bus.interface import Bus
from oracle.model.errors import Retryable
from oracle.model.messages import Receipt
from oracle.model.topics import Topic
from relayer.base import UpdateRefused
from relayer.faults import Faults
from relayer.metrics import RelayerMetrics
from relayer.stored import stored_ms
from relayer.tally import Tally

_log = structlog.get_logger(__name__)


class Receipts:
    """Of one chain."""

    def __init__(
        self, chain: str, bus: Bus, tally: Tally, faults: Faults, metrics: RelayerMetrics
    ) -> None:
        self._chain: Final = chain
        self._bus: Final = bus
        self._tally: Final = tally
        self._faults: Final = faults
        self._metrics: Final = metrics

    async def publish(self, receipt: Receipt) -> None:
        """Count, and tell the bus. The chain has the update already, so a bus out of reach is no
        failure."""
        self._tally.received(receipt)
        try:
            await self._bus.publish(Topic.RECEIPTS, [(self._chain, receipt)])
        except Retryable as error:
            _log.warning(
                "receipt_unpublished",
                chain=self._chain,
                transaction=receipt.transaction,
                error=str(error),
            )
            self._metrics.failed.labels(self._chain, "ReceiptUnpublished").inc()

    def judge(self, receipt: Receipt) -> None:
        """Refuse what was refused.

        Raises:
            UpdateRefused: the update reverted.
        """
        if not receipt.accepted:
            raise UpdateRefused(
                f"chain {self._chain}: {receipt.transaction} reverted in block "
                f"{receipt.block}: {receipt.error}",
                receipt.error,
            )

    def compare(
        self, receipt: Receipt, brought: Mapping[int, bytes], held: Mapping[int, bytes]
    ) -> None:
        """Doubt a receipt of words that the chain does not hold."""
        missing = [
            group
            for group in receipt.groups
            if group in brought and (stored_ms(held[group]) or 0) < (stored_ms(brought[group]) or 0)
        ]
        if missing:
            self._faults.note(
                "receipt_contradicted", transaction=receipt.transaction, groups=missing
            )

"""What a lane did, in metrics and in the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from oracle.model.messages import Receipt
from oracle.report.word import GROUP_SIZE
from relayer.metrics import RelayerMetrics
from relayer.policy import Push
from relayer.stored import stored_ms

_log = structlog.get_logger(__name__)


class Tally:
    """Counts for one chain, by the names of its markets."""

    def __init__(
        self, chain: str, markets: Iterable[int], names: Mapping[int, str], metrics: RelayerMetrics
    ) -> None:
        self._chain: Final = chain
        self._markets: Final = {market: names.get(market, str(market)) for market in markets}
        self._metrics: Final = metrics

    def held(self, words: Mapping[int, bytes]) -> None:
        """Show the time of each mark that the chain holds."""
        for market, name in self._markets.items():
            at_ms = stored_ms(words[market // GROUP_SIZE])
            if at_ms is not None:
                self._metrics.mark_time.labels(self._chain, name).set(at_ms / 1000)

    def pushed(self, pushes: Iterable[Push]) -> None:
        """Count groups that were sent."""
        for push in pushes:
            self._metrics.groups.labels(self._chain, push.reason).inc()

    def received(self, receipt: Receipt) -> None:
        """Count a receipt."""
        chain, sent_ns = self._chain, receipt.sent_ns
        self._metrics.signed_to_sent.labels(chain).observe((sent_ns - receipt.signed_ns) / 1e9)
        self._metrics.sent_to_receipt.labels(chain).observe((receipt.received_ns - sent_ns) / 1e9)
        if receipt.accepted:
            self._metrics.accepted.labels(chain, receipt.reason).inc()
            for market, name in self._markets.items():
                if market // GROUP_SIZE in receipt.groups:
                    self._metrics.success.labels(chain, name).set(receipt.received_ns / 1e9)
        _log.info(
            "pushed",
            chain=chain,
            reason=receipt.reason,
            slot=receipt.slot,
            groups=receipt.groups,
            accepted=receipt.accepted,
            gas=receipt.gas_used,
            transaction=receipt.transaction,
        )

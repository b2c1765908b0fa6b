"""What goes wrong with a chain has a name: in one counter, and in one line of the log."""

from __future__ import annotations

import re
from typing import Any, Final

import structlog

from relayer.base import UpdateRefused
from relayer.metrics import RelayerMetrics

_log = structlog.get_logger(__name__)


def fault_of(error: Exception) -> str:
    """Return the name of the fault that an error stands for: `FeeAboveCap` is `fee_above_cap`."""
    if isinstance(error, UpdateRefused):
        return "reverted"
    return re.sub(r"(?<=.)(?=[A-Z])", "_", type(error).__name__).lower()


class Faults:
    """Counts and logs the faults of one chain. A fault that goes on is logged when it begins and
    then each time its count doubles; it begins anew after `cleared`."""

    def __init__(self, chain: str, metrics: RelayerMetrics) -> None:
        self._chain: Final = chain
        self._metrics: Final = metrics
        self._seen: Final[dict[str, int]] = {}

    def note(self, fault: str, **details: Any) -> None:
        """Take note of a fault."""
        self._metrics.faults.labels(self._chain, fault).inc()
        count = self._seen[fault] = self._seen.get(fault, 0) + 1
        if count & (count - 1) == 0:
            _log.warning("fault", fault=fault, chain=self._chain, times=count, **details)

    def cleared(self, *faults: str) -> None:
        """Take note that faults are over; all of them when none is named."""
        for fault in faults or tuple(self._seen):
            self._seen.pop(fault, None)

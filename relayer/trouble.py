"""What keeps failing on one chain, since when, and how long to wait before the next try."""

from __future__ import annotations

import asyncio
import random
from typing import Final

import structlog

from oracle.model.errors import Fatal
from relayer.base import UpdateRefused
from relayer.faults import Faults, fault_of
from relayer.metrics import RelayerMetrics

BACKOFF_S: Final = (0.5, 30.0)
"""First and longest wait after a failure; it doubles between them, with jitter."""
MAX_DOUBLINGS: Final = 16

_log = structlog.get_logger(__name__)
_jitter: Final = random.SystemRandom()


class Trouble:
    """Of one lane, whose `faults` it names."""

    def __init__(
        self, chain: str, backoff_s: tuple[float, float], faults: Faults, metrics: RelayerMetrics
    ) -> None:
        self._chain: Final = chain
        self._backoff_s: Final = backoff_s
        self._faults: Final = faults
        self._metrics: Final = metrics
        self._failures = 0
        self._since: float | None = None

    @property
    def ailing_s(self) -> float:
        """For how long nothing that was due has got through; 0 while all is well."""
        return 0.0 if self._since is None else asyncio.get_running_loop().time() - self._since

    def begin(self) -> None:
        """Something is due: until it has got through, the chain is ailing."""
        if self._since is None:
            self._since = asyncio.get_running_loop().time()

    def end(self) -> None:
        """It got through, or nothing is due."""
        if self._failures:
            self._faults.cleared()
        self._failures, self._since = 0, None

    def failed(self, error: Exception) -> float:
        """Take note of a failure; return how long to wait."""
        name = error.error if isinstance(error, UpdateRefused) else type(error).__name__
        _log.warning(
            "chain_failed", chain=self._chain, error=str(error), failures=self._failures + 1
        )
        self._metrics.failed.labels(self._chain, name).inc()
        self._faults.note(fault_of(error), error=str(error))
        self.begin()
        first_s, longest_s = self._backoff_s
        wait_s = longest_s if isinstance(error, Fatal) else first_s * 2**self._failures
        self._failures = min(self._failures + 1, MAX_DOUBLINGS)
        return min(wait_s, longest_s) * _jitter.uniform(0.8, 1.2)

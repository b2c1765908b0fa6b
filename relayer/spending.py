"""What one chain has cost today, in metrics and in the log, and the level that it leaves."""

from __future__ import annotations

from typing import Final

import structlog

from relayer.base import Chain
from relayer.budget import Budget, Level
from relayer.faults import Faults
from relayer.metrics import RelayerMetrics

_log = structlog.get_logger(__name__)


class Spending:
    """Of one chain, against its budget; without one the level is always full."""

    def __init__(
        self, chain: Chain, budget: Budget | None, faults: Faults, metrics: RelayerMetrics
    ) -> None:
        self._chain: Final = chain
        self._budget: Final = budget
        self._faults: Final = faults
        self._metrics: Final = metrics
        self._level = Level.FULL

    def level(self) -> Level:
        """Measure, and say when the level changes."""
        budget, name = self._budget, self._chain.name
        if budget is None:
            return Level.FULL
        spent_wei = self._chain.spent_day_wei()
        level = budget.level(spent_wei)
        self._metrics.budget_wei.labels(name).set(budget.wei)
        self._metrics.spent_day_wei.labels(name).set(spent_wei)
        self._metrics.budget_level.labels(name).set(level)
        if level is not self._level:
            _log.warning(
                "budget", chain=name, level=level.name, spent_wei=spent_wei, of_wei=budget.wei
            )
            if level > self._level:
                self._faults.note(f"budget_{level.name.lower()}", spent_wei=spent_wei)
            self._level = level
        return level

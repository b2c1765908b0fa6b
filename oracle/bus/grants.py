"""What this process has been let do: a refusal after that is a right that was taken away.

Who never had a right runs the wrong role or lacks a command's rights: that ends the process, with
what to do. Who had it goes on trying, loudly, so that giving the right back is all there is to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import Gauge

from oracle.model.errors import ConfigError, Retryable

SETTLED_S: Final = 10.0
"""Since a call first worked: an empty read proves nothing until the broker has answered it."""
RESTORED_S: Final = 30.0
"""Without a refusal, since which a call works: the longest pause between two tries is shorter."""

LOST: Final = Gauge(
    "plumbline_bus_right_lost",
    "1 while Kafka refuses a call that it had let this process make",
    ["call"],
)

_log = structlog.get_logger(__name__)


class Grants:
    """The calls of one bus, each by what it does."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._worked_s: Final[dict[str, float]] = {}
        self._refused_s: Final[dict[str, float]] = {}

    def worked(self, call: str) -> None:
        """Remember that a call was let through."""
        if call not in self._worked_s:
            self._worked_s[call] = self._clock()
        refused_s = self._refused_s.get(call)
        if refused_s is not None and self._clock() - refused_s > RESTORED_S:
            del self._refused_s[call]
            LOST.labels(call).set(0)
            _log.info("kafka_right_given_back", call=call)

    def refused(self, call: str, why: str) -> ConfigError | Retryable:
        """Return what a refusal is: for a person to mend first, or to be tried again."""
        since_s, now_s = self._worked_s.get(call), self._clock()
        if since_s is None or now_s - since_s < SETTLED_S:
            return ConfigError(why)
        if call not in self._refused_s:
            LOST.labels(call).set(1)
            _log.error(
                "kafka_right_lost", call=call, why=why, advice="tried again until it is back"
            )
        self._refused_s[call] = now_s
        return Retryable(why)

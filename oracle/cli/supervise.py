"""Keep services running: restart what may succeed later, stop all for what needs a person."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter

from oracle.model.errors import Fatal, PlumblineError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
SETTLED_S: Final = 60.0
"""A service that ran so long starts again at the first pause."""

Service = Callable[[], Awaitable[None]]
_log = structlog.get_logger(__name__)


class Supervisor:
    """Runs named services until cancelled or one of them fails for good."""

    def __init__(
        self, registry: CollectorRegistry = REGISTRY, *, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._first_pause_s = first_pause_s
        self.waiting: Final[set[str]] = set()
        """Services that failed and have not been started again."""
        self._restarts = Counter(
            "plumbline_service_restarts_total",
            "Services started again after a failure",
            ["service", "error"],
            registry=registry,
        )

    async def run(self, services: Mapping[str, Service]) -> None:
        """Run all services.

        Raises:
            Fatal: the first that a service raised; the others are cancelled.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, service in services.items():
                    tasks.create_task(self._keep(name, service), name=name)
        except* Fatal as group:
            raise _first(group) from None

    async def _keep(self, name: str, service: Service) -> None:
        pause_s = self._first_pause_s
        while True:
            started = time.monotonic()
            try:
                return await service()
            except Fatal:
                raise
            except PlumblineError as error:
                kind = type(error).__name__
                _log.warning("service_restarts", service=name, error=str(error), pause_s=pause_s)
            except Exception as error:  # noqa: BLE001 - a defect in one must not stop the others
                kind = type(error).__name__
                _log.exception("service_failed", service=name, pause_s=pause_s)
            self._restarts.labels(name, kind).inc()
            if time.monotonic() - started > SETTLED_S:
                pause_s = self._first_pause_s
            self.waiting.add(name)
            await asyncio.sleep(pause_s)
            self.waiting.discard(name)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def _first(group: BaseExceptionGroup[Fatal]) -> Fatal:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, Fatal):
        raise TypeError(f"{error!r} in a group of Fatal")
    return error

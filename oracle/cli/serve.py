"""Serve roles until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

import structlog
from prometheus_client import REGISTRY

from oracle.bus.kafka import KafkaBus
from oracle.cli.health import Health, serve_health
from oracle.cli.roles import Role
from oracle.cli.stack import open_stack
from oracle.cli.supervise import Supervisor
from oracle.config.root import Config

_log = structlog.get_logger(__name__)


async def until_signal(
    config: Config, roles: Sequence[Role], state: Path, metrics: tuple[str, int] | None
) -> None:
    """Run the roles' services; SIGINT and SIGTERM end them in order.

    `metrics` is the address where metrics and health are served.

    Raises:
        ConfigError: the port for metrics is in use.
        Fatal: a service needs a person.
        Retryable: a chain or the bus cannot be reached at the start.
    """
    async with open_stack(config, state, REGISTRY) as stack:
        services = stack.services(roles)
        await stack.check_chains()
        supervisor = Supervisor()
        health = Health(lambda: supervisor.waiting)
        running = asyncio.ensure_future(supervisor.run(services))
        watching = [asyncio.create_task(health.turn())]
        if isinstance(stack.bus, KafkaBus):
            watching.append(asyncio.create_task(health.ask(stack.bus.topics.answer)))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, running.cancel)
        if metrics is not None:
            serve_health(*metrics, REGISTRY, health)
            _log.info("metrics_listening", host=metrics[0], port=metrics[1])
        _log.info("started", roles=[str(role) for role in roles], services=sorted(services))
        with contextlib.suppress(asyncio.CancelledError):
            await running
        for task in watching:
            task.cancel()
        _log.info("stopped")

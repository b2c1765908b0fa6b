"""Serve roles until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

import structlog
from prometheus_client import REGISTRY, start_http_server

from oracle.cli.roles import Role
from oracle.cli.stack import open_stack
from oracle.cli.supervise import Supervisor
from oracle.config.root import Config
from oracle.model.errors import ConfigError

_log = structlog.get_logger(__name__)


async def until_signal(
    config: Config, roles: Sequence[Role], state: Path, metrics_port: int | None
) -> None:
    """Run the roles' services; SIGINT and SIGTERM end them in order.

    Raises:
        ConfigError: the port for metrics is in use.
        Fatal: a service needs a person.
        Retryable: a chain or the bus cannot be reached at the start.
    """
    async with open_stack(config, state, REGISTRY) as stack:
        services = stack.services(roles)
        await stack.check_chains()
        if metrics_port is not None:
            _serve_metrics(metrics_port)
        running = asyncio.ensure_future(Supervisor().run(services))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, running.cancel)
        _log.info("started", roles=[str(role) for role in roles], services=sorted(services))
        with contextlib.suppress(asyncio.CancelledError):
            await running
        _log.info("stopped")


def _serve_metrics(port: int) -> None:
    try:
        start_http_server(port, addr="127.0.0.1", registry=REGISTRY)
    except OSError as error:
        raise ConfigError(
            f"cannot serve metrics on port {port}: {error.strerror}; choose another --metrics-port"
        ) from error
    _log.info("metrics_listening", port=port)

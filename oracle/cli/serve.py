"""Serve roles until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

import structlog
from prometheus_client import REGISTRY

from oracle.cli.roles import Role
from oracle.cli.stack import open_stack
from oracle.cli.supervise import Supervisor
from oracle.config.root import Config

_log = structlog.get_logger(__name__)


async def until_signal(config: Config, roles: Sequence[Role], state: Path) -> None:
    """Run the roles' services; SIGINT and SIGTERM end them in order.

    Raises:
        Fatal: a service needs a person.
        Retryable: a chain or the bus cannot be reached at the start.
    """
    async with open_stack(config, state, REGISTRY) as stack:
        services = stack.services(roles)
        await stack.check_chains()
        running = asyncio.ensure_future(Supervisor().run(services))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, running.cancel)
        _log.info("started", roles=[str(role) for role in roles], services=sorted(services))
        with contextlib.suppress(asyncio.CancelledError):
            await running
        _log.info("stopped")

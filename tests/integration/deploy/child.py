"""A deployment in a process of its own, to be killed: imported before it is forked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import anyio._backends._asyncio  # noqa: F401 - httpx would import it in each child
import httpx
from prometheus_client import CollectorRegistry

from deploy.evm.opening import opened
from deploy.evm.settings import load_deploy_file
from oracle.cli.output import configure_logging
from oracle.keys.metrics import KeyMetrics
from relayer.metrics import RelayerMetrics

httpx.AsyncClient()  # likewise what it imports once it is made


def deploy(file: Path, folder: Path) -> None:
    """Deploy to the chain `alpha`."""
    configure_logging(quiet=True)
    asyncio.run(_deploy(file, folder))


async def _deploy(file: Path, folder: Path) -> None:
    registry = CollectorRegistry()
    metrics = RelayerMetrics(registry), KeyMetrics(registry)
    async with opened(load_deploy_file(file), "alpha", folder, *metrics) as chain:
        await chain.run()

"""The perp contracts on a node for each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from deploy.sandbox.chains.anvil import anvil
from oracle.model.errors import ConfigError
from tests.integration.keeper.site import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A deployment; without anvil skip, but fail in CI."""
    try:
        anvil()
    except ConfigError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    async with AsyncExitStack() as exits:
        yield await open_world(tmp_path, exits)

"""One run of seven members, made once for all tests of this folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from deploy.sandbox.chains.anvil import SandboxChain, anvil
from oracle.model.errors import ConfigError
from tests.integration.verify.world import CHAIN_ID, World, made


def _has_anvil() -> bool:
    try:
        anvil()
    except ConfigError:
        if os.environ.get("CI"):
            raise
        return False
    return True


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Seven archives and a chain, at rest. Without anvil there is no chain, but fail in CI."""
    folder = tmp_path_factory.mktemp("verify")
    with asyncio.Runner() as runner:
        chain = SandboxChain(CHAIN_ID, folder=folder / "chain") if _has_anvil() else None
        try:
            if chain is not None:
                runner.run(chain.__aenter__())
            yield runner.run(made(folder, chain))
        finally:
            if chain is not None:
                runner.run(chain.__aexit__(None, None, None))

"""The supervisor: restarts what may succeed later, ends for what needs a person."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from oracle.cli.supervise import Supervisor
from oracle.model.errors import ConfigError, Retryable


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry of the test's own."""
    return CollectorRegistry()


def _restarts(registry: CollectorRegistry, error: str) -> float | None:
    labels = {"service": "shaky", "error": error}
    return registry.get_sample_value("plumbline_service_restarts_total", labels)


@pytest.mark.parametrize("error", [Retryable("later"), ZeroDivisionError("a defect")])
async def test_a_failed_service_starts_again_and_is_counted(registry, error):
    """A lost connection and a defect both restart that service, and only that one."""
    runs = {"shaky": 0, "steady": 0}

    async def shaky() -> None:
        runs["shaky"] += 1
        if runs["shaky"] < 3:
            raise error

    async def steady() -> None:
        runs["steady"] += 1

    await asyncio.wait_for(
        Supervisor(registry, first_pause_s=0.001).run({"shaky": shaky, "steady": steady}), 5
    )
    assert runs == {"shaky": 3, "steady": 1}
    assert _restarts(registry, type(error).__name__) == 2


async def test_a_fatal_error_ends_all_services(registry):
    """What needs a person stops the process, with that error and no group around it."""
    ended = asyncio.Event()

    async def steady() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fatal() -> None:
        raise ConfigError("mend me")

    with pytest.raises(ConfigError, match="mend me"):
        await asyncio.wait_for(
            Supervisor(registry, first_pause_s=0.001).run({"a": steady, "b": fatal}), 5
        )
    assert ended.is_set()

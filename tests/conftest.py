"""What all tests share: Hypothesis profiles, and a log that no test before has configured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("intense", deadline=None, max_examples=20_000)
settings.load_profile("default")


@pytest.fixture(autouse=True)
def _fresh_log() -> Iterator[None]:
    """Undo what a command did to the process's log."""
    yield
    structlog.reset_defaults()

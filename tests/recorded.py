"""Where recorded market data is; none of it is part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE_THE_PROJECT = Path(__file__).parents[2] / "shared/data"


def recorded(name: str) -> Path:
    """Return a recorded file; skip the test where there is none, but fail in CI."""
    path = Path(os.environ.get("PLUMBLINE_DATA", _BESIDE_THE_PROJECT)) / name
    if not path.exists():
        reason = f"no recorded data {name}: set PLUMBLINE_DATA to the folder that has it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path

"""How a field is found in what a venue sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feeds.cex.venue import Path


def at(value: Any, path: Path) -> Any:
    """Follow a path; None where it ends early."""
    for key in path:
        if isinstance(key, int):
            value = value[key] if isinstance(value, list) and len(value) > key else None
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value


def plain(value: int) -> bool:
    """Whether an integer is one that a field can be: Python refuses to print very long ones."""
    return not isinstance(value, bool) and value.bit_length() <= 64

"""State of which nothing has happened yet."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from oracle.engine.records import (
    FUNDING_STATE,
    MARK,
    MARKET_STATE,
    NEVER,
    WINDOW_STATE,
    Records,
)
from oracle.model.validity import Validity


def records(kind: np.dtype[Any], count: int, **others: float) -> Records:
    """Return records whose prices are NaN and whose times and sequences never were."""
    made = np.zeros(count, kind)
    for name in kind.names or ():
        if kind[name].kind == "f":
            made[name] = others.get(name, math.nan)
        elif kind[name].kind == "i":
            made[name] = others.get(name, NEVER)
    return made


def windows(count: int) -> Records:
    """Return averages that hold nothing."""
    made = np.zeros(count, WINDOW_STATE)
    made["held"], made["seen_ns"], made["bucket"] = math.nan, NEVER, -1
    return made


def markets(count: int) -> Records:
    """Return markets that have had no index, with a calm breaker."""
    made = np.zeros(count, MARKET_STATE)
    made["last_index"] = math.nan
    made["last_index_ns"] = made["scale_ns"] = NEVER
    return made


def funding(count: int) -> Records:
    """Return funding states without a sample."""
    made = np.zeros(count, FUNDING_STATE)
    made["interval"] = made["slot"] = NEVER
    made["settled"] = math.nan
    return made


def marks(count: int) -> Records:
    """Return marks of markets that were never stepped."""
    made = records(MARK, count)
    for name in ("validity", "sources", "origins", "before", "state", "depeg", "time_ns"):
        made[name] = 0
    made["newest_event_ns"] = made["newest_received_ns"] = 0
    made["trigger"] = made["volatile"] = -1
    made["validity"] = int(Validity.MISSING)
    return made

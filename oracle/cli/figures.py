"""Numbers as people read them: prices, distances, ages and names of sources."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from oracle.model.fixed import Px, float_nearest

NOTHING = "—"
"""Shown where there is no value."""


def decimals_for(price: float) -> int:
    """Return how many decimals show six significant digits, at least two.

    A price just below a power of ten counts as on it, so that 0.9999 and 1.0001 align.
    """
    if not (math.isfinite(price) and price > 0):
        return 2
    return max(2, 5 - math.floor(math.log10(price * 1.05)))


def price_text(price: Px | float | None, decimals: int | None = None) -> str:
    """Return e.g. `65,123.40`."""
    if price is None:
        return NOTHING
    value = float_nearest(price) if isinstance(price, Px) else price
    return f"{value:,.{decimals_for(value) if decimals is None else decimals}f}"


def distance_bps(price: Px | None, reference: Px | None) -> float | None:
    """Return how far `price` is from `reference`, in basis points of it."""
    if price is None or reference is None:
        return None
    return (float_nearest(price) / float_nearest(reference) - 1.0) * 1e4


def bps_text(bps: float | None) -> str:
    """Return e.g. `+0.5 bps`, or `-8.0 %` from a percent on."""
    if bps is None:
        return NOTHING
    if abs(bps) >= 100:
        return f"{bps / 100:+.1f} %"
    return f"{bps + 0.0 if abs(bps) >= 0.05 else 0.0:+.1f} bps"


def age_text(age_s: float | None) -> str:
    """Return e.g. `0.4 s`, `12 s`, `3 m 05 s`."""
    if age_s is None:
        return NOTHING
    if age_s < 10:
        return f"{max(age_s, 0.0):.1f} s"
    if age_s < 100:
        return f"{age_s:.0f} s"
    return f"{int(age_s) // 60} m {int(age_s) % 60:02d} s"


def clock_text(seconds: float) -> str:
    """Return e.g. `01:30`."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def ms_text(ms: float | None) -> str:
    """Return e.g. `84 ms`."""
    return NOTHING if ms is None else f"{ms:,.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


def readable(source: str) -> str:
    """Return a source's name with a contract's address cut to its ends."""
    venue, found, address = source.partition(":0x")
    return f"{venue}:0x{address[:4]}…{address[-4:]}" if found else source


def short_names(sources: Sequence[str], perps: Collection[str] = ()) -> dict[str, str]:
    """Return a short name a source: the venue, with what tells it from the venue's others."""
    venues = [source.partition(":")[0] for source in sources if source not in perps]
    names: dict[str, str] = {}
    for source in sources:
        venue, _, instrument = source.partition(":")
        if source in perps:
            names[source] = f"{venue} perp"
        elif venues.count(venue) > 1:
            names[source] = f"{venue} {instrument if '/' in instrument else instrument[:6]}"
        else:
            names[source] = venue
    return names

"""From ccxt's unified ticker to a quote: prices from the venue's own text, nothing guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from feeds.base import Quote, Refused, px_from_text
from feeds.cex.venues import Fields, Path
from oracle.model.fixed import Px

_NS_PER_MS: Final = 1_000_000


def quote_from_ticker(
    source: str,
    ticker: Mapping[str, Any],
    fields: Fields,
    received_ns: int,
    refuse: Callable[[str, str], None],
) -> Quote:
    """Read one ticker. A field that is missing or no number is left out and counted by `refuse`.

    Raises:
        Refused: no price is left, or the venue's time is out of range.
    """
    return Quote(
        source,
        received_ns,
        _event_ns(source, ticker, refuse) if fields.venue_time else None,
        *(
            _price(source, name, ticker, path, refuse)
            for name, path in (("bid", fields.bid), ("ask", fields.ask), ("last", fields.last))
        ),
    )


def _price(
    source: str,
    name: str,
    ticker: Mapping[str, Any],
    path: Path | None,
    refuse: Callable[[str, str], None],
) -> Px | None:
    if path is None:
        return None
    value = _at(ticker, path)
    if value is None or value == "":
        refuse(source, f"missing_{name}")
        return None
    try:
        return px_from_text(source, name, _text(source, name, value))
    except Refused as error:
        refuse(source, error.reason)
        return None


def _text(source: str, name: str, value: object) -> str:
    """Give decimal text: the venue's own, or the shortest digits of the number it sent."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) or (isinstance(value, int) and _plain(value)):
        return repr(value)
    raise Refused(f"malformed_{name}", f"{source}: {name} is no price but {type(value).__name__}")


def _plain(value: int) -> bool:
    """Whether an integer is one that a price can be: Python refuses to print very long ones."""
    return not isinstance(value, bool) and value.bit_length() <= 64


def _event_ns(
    source: str, ticker: Mapping[str, Any], refuse: Callable[[str, str], None]
) -> int | None:
    """Venue time; None, and counted, where this frame of a venue with a clock states none."""
    time_ms = ticker.get("timestamp")
    if time_ms is None:
        refuse(source, "missing_time")
        return None
    if not isinstance(time_ms, int) or not _plain(time_ms):
        raise Refused("malformed_time", f"{source}: event time {time_ms!r} is not in milliseconds")
    return time_ms * _NS_PER_MS


def _at(value: Any, path: Path) -> Any:
    """Follow a path; None where it ends early."""
    for key in path:
        if isinstance(key, int):
            value = value[key] if isinstance(value, list) and len(value) > key else None
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value

"""A venue's time, as it states it: milliseconds, as a number or as digits, or RFC 3339."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from feeds.cex.paths import at, plain
from feeds.cex.venue import Path
from feeds.quote import Refused
from oracle.model.times import MS_NS

_NS_PER_S: Final = 10**9
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9})[0-9]*)?Z"
)


def event_ns(
    source: str,
    message: Mapping[str, Any],
    path: Path | None,
    refuse: Callable[[str, str], None],
) -> int | None:
    """Read the venue's time; None, and counted, where a venue with a clock states none.

    Raises:
        Refused: what stands there is no time.
    """
    if path is None:
        return None
    stated = at(message, path)
    if stated is None or stated == "":
        refuse(source, "missing_time")
        return None
    if isinstance(stated, int) and plain(stated):
        return stated * MS_NS
    if isinstance(stated, str):
        if _DIGITS.fullmatch(stated):
            return int(stated) * MS_NS
        if match := _RFC3339.fullmatch(stated):
            return _rfc3339_ns(source, match[1], match[2] or "")
    raise Refused("malformed_time", f"{source}: event time {str(stated)[:40]!r} is no time")


def _rfc3339_ns(source: str, whole: str, fraction: str) -> int:
    try:
        moment = datetime.fromisoformat(f"{whole}+00:00")
    except ValueError as error:
        raise Refused("malformed_time", f"{source}: event time {whole!r}: {error}") from error
    return int(moment.timestamp()) * _NS_PER_S + int(fraction.ljust(9, "0"))

"""Stretches of recorded time that a person names, to draw them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

from oracle.model.errors import ConfigError

ALL: Final = "all"


class Window(NamedTuple):
    """Recorded time from `start_ns` to `end_ns`."""

    start_ns: int
    end_ns: int

    def __str__(self) -> str:
        ends = (clock(self.start_ns), clock(self.end_ns))
        return ALL if self == EVER else "/".join(f"{end:%Y-%m-%dT%H:%M:%S}" for end in ends)

    @property
    def label(self) -> str:
        """What tells its files from those of other windows: nothing for all of the recording."""
        return "" if self == EVER else f"-{clock(self.start_ns):%Y%m%dT%H%M}"


EVER: Final = Window(0, 2**63 - 1)


def window(text: str) -> Window:
    """Read `all`, or an ISO 8601 interval: `2025-10-10T21:10/2025-10-10T21:30`.

    Raises:
        ConfigError: it is neither, or does not end after it starts.
    """
    if text == ALL:
        return EVER
    start, _, end = text.partition("/")
    try:
        made = Window(_ns(start), _ns(end))
    except ValueError as error:
        raise ConfigError(
            f"--plot {text}: {error}; give {ALL}, or START/END in UTC such as "
            "2025-10-10T21:10/2025-10-10T21:30"
        ) from error
    if made.start_ns >= made.end_ns:
        raise ConfigError(f"--plot {text} does not end after it starts: give START/END")
    return made


def clock(time_ns: int) -> datetime:
    """Return the moment, in UTC."""
    return datetime.fromtimestamp(time_ns / 1e9, UTC)


def _ns(text: str) -> int:
    moment = datetime.fromisoformat(text)
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return int(utc.timestamp()) * 10**9

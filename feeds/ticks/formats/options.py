"""What a person says beside the files, where a format asks for it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from feeds.ticks.symbols import is_source
from oracle.model.errors import ConfigError

MAX_DECIMALS: Final = 36
"""The most that any token has."""


@dataclass(frozen=True)
class Options:
    """Empty: not said."""

    source: str = ""
    """`venue:SYMBOL`, for files that name none."""
    venue: str = ""
    """Of a capture whose messages do not name it."""
    interval_ns: int = 0
    """Of candles that state only their beginning."""
    price: str = ""
    """Which of a format's prices is the tick's `last`."""
    base: str = ""
    """Of a pool: `token0` or `token1`."""
    decimals: tuple[int, ...] = ()
    """Of integers that are amounts of the smallest unit."""
    time_ns: int = 0
    """When a message was received that states no time."""

    def said(self) -> dict[str, object]:
        """Return the options that are given, by the names that a person gives them."""
        values = {each.name.removesuffix("_ns"): getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value}

    def check(self) -> None:
        """Hold each option to what it may be in any format.

        Raises:
            ConfigError: one is not.
        """
        if self.source and not is_source(self.source):
            raise ConfigError(f"--source {self.source!r}: write venue:SYMBOL as binance:BTC/USDT")
        if self.base not in ("", "token0", "token1"):
            raise ConfigError(f"--base {self.base!r}: allowed are token0, token1")
        if any(not 0 <= each <= MAX_DECIMALS for each in self.decimals):
            raise ConfigError(f"--decimals {self.decimals}: allowed are 0 to {MAX_DECIMALS}")

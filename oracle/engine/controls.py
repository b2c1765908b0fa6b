"""Which sources and markets a person has paused, at a given time."""

from __future__ import annotations

from collections.abc import Iterable

from oracle.model.messages import Control


class ControlBook:
    """The last order for each (kind, subject), in the order of the log.

    The log's order counts and not the issuers' clocks, so that a node which starts from the
    compacted topic holds the same as one that was there all along.
    """

    def __init__(self) -> None:
        self._last: dict[str, Control] = {}

    def __bool__(self) -> bool:
        return bool(self._last)

    def is_news(self, control: Control) -> bool:
        """Whether an order was issued after the one that is known for its subject."""
        known = self._last.get(control.key)
        return known is None or control.issued_ns > known.issued_ns

    def apply(self, controls: Iterable[Control]) -> None:
        """Take orders as they stand in the log."""
        self._last.update({control.key: control for control in controls})

    def orders(self) -> list[Control]:
        """Return the last order for each subject: applied to a new book, they make this one."""
        return list(self._last.values())

    def in_force(self, now_ns: int) -> list[Control]:
        """Return the pauses in force at `now_ns`, the one that ends first in front."""
        held = [control for control in self._last.values() if control.in_force(now_ns)]
        return sorted(held, key=lambda control: (control.until_ns, control.key))

    def paused(self, kind: str, now_ns: int) -> dict[str, Control]:
        """Return the pauses of one kind in force at `now_ns`, by subject."""
        return {c.subject: c for c in self.in_force(now_ns) if c.kind == kind}

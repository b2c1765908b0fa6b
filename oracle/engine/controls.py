"""Which sources and markets a person has paused, at a given time."""

from __future__ import annotations

from collections.abc import Iterable

from oracle.model.messages import Control


class ControlBook:
    """The newest order for each (kind, subject). Orders may arrive in any order, repeatedly."""

    def __init__(self) -> None:
        self._newest: dict[str, Control] = {}

    def apply(self, controls: Iterable[Control]) -> None:
        """Take orders; an older one than the one in force changes nothing.

        Two orders of the same instant resolve to the pause: the safe side, in any order.
        """
        for control in controls:
            held = self._newest.get(control.key)
            if held is None or _rank(control) > _rank(held):
                self._newest[control.key] = control

    def paused(self, kind: str, now_ns: int) -> dict[str, Control]:
        """Return the orders of this kind in force at `now_ns`, by subject."""
        return {
            control.subject: control
            for control in self._newest.values()
            if control.kind == kind and control.in_force(now_ns)
        }


def _rank(control: Control) -> tuple[int, bool, int, str, str]:
    return control.issued_ns, control.paused, control.until_ns, control.who, control.reason

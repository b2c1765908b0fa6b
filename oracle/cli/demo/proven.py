"""How far the proof at the story's end is: what the view shows and `summary.json` has. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One check of docs/verify.md."""

    step: int
    check: str
    outcome: str
    """`proven`, `differs`, `unchecked` or `nothing`: there was nothing to check."""
    detail: str


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one source said at the proven step."""

    source: str
    kind: str
    weight: str
    price: str
    outcome: str
    """`used`, or why not."""


class Proven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mark, and what the checks of it found."""

    command: str
    """What to type to have it checked again."""
    market: str
    at: str
    verdict: str
    """`proven`, `differs`, `incomplete`, or `unfinished`."""
    error: str
    """Why there is no verdict."""
    slot: int | None
    mark: str
    """What the report says of the market."""
    why: str
    """What the member's engine made of the sources."""
    sources: Sequence[Source]
    checks: Sequence[Check]
    seconds: float | None

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(check.outcome == "proven" for check in self.checks)

    @property
    def stored_on(self) -> list[str]:
        """The chains that are proven to have stored the report."""
        prefix = "stored on "
        return [
            check.check.removeprefix(prefix)
            for check in self.checks
            if check.outcome == "proven" and check.check.startswith(prefix)
        ]

    def first_failure(self) -> str:
        """Return the first thing that differs, else the first not checked, else the error."""
        for outcome in ("differs", "unchecked"):
            for check in self.checks:
                if check.outcome == outcome:
                    return f"{check.check}: {check.detail}"
        return self.error

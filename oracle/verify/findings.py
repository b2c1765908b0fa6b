"""What a check found: proven, the first difference, or not checked and why. Nothing is skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from oracle.model.errors import Rejected, Retryable, SchemaError


class Outcome(StrEnum):
    """How a check ended."""

    PROVEN = "proven"
    DIFFERS = "differs"
    UNCHECKED = "unchecked"
    NOTHING = "nothing"
    """There was nothing to check."""


class Difference(NamedTuple):
    """The first field of a thing that is not what it must be."""

    where: str
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.field}: expected {self.expected}, found {self.found}"


class Finding(NamedTuple):
    """One check, as it is printed."""

    number: int
    """Of the step in docs/verify.md."""
    what: str
    outcome: Outcome
    detail: str
    """What was proven; or why it was not checked, and what to do."""
    difference: Difference | None = None


class Differs(Rejected):
    """Raised at the first difference."""

    def __init__(self, where: str, field: str, expected: object, found: object) -> None:
        self.difference: Final = Difference(where, field, str(expected), str(found))
        super().__init__(str(self.difference))


class Unchecked(Rejected):
    """Raised where something is not at hand; says why, and what to do."""


class NothingToCheck(Rejected):
    """Raised where there is nothing that could differ."""


def examined(number: int, what: str, check: Callable[[], str]) -> Finding:
    """Run one check, and return what it found.

    An archive is somebody else's: whatever reading it ends in must not end the other checks.
    """
    difference: Difference | None = None
    outcome = Outcome.UNCHECKED
    try:
        said, outcome = check(), Outcome.PROVEN
    except Differs as error:
        difference = error.difference
    except SchemaError as error:
        difference = Difference("the archive", "its bytes", "what was written", str(error))
    except NothingToCheck as error:
        said, outcome = str(error), Outcome.NOTHING
    except Rejected as error:
        said = str(error)
    except Retryable as error:
        said = f"{error}; it may answer later: try again"
    except Exception as error:  # noqa: BLE001 - see above; hostile parts fail in the parsers' ways
        why = f"the evidence could not be read ({type(error).__name__}: {error!s:.200})"
        said = f"{why}: use another copy of it"
    if difference is not None:
        said, outcome = str(difference), Outcome.DIFFERS
    return Finding(number, what, outcome, said, difference)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 1 when anything differs, else 2 when something was not checked, else 0."""
    outcomes = {finding.outcome for finding in findings}
    if Outcome.DIFFERS in outcomes:
        return 1
    return 2 if Outcome.UNCHECKED in outcomes else 0


def hexed(data: bytes) -> str:
    """Return bytes as people compare them."""
    return "0x" + data.hex()

"""Whatever an archive answers, checks end in a finding: never in a crash, never in a proof."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from oracle.cli.verify_target import time_of
from oracle.model.errors import ConfigError, Rejected, Retryable, SchemaError
from oracle.verify.evidence import Source
from oracle.verify.findings import Outcome, examined, exit_code
from oracle.verify.guarded import guarded
from tests.unit.verify.rounds import OneRound, checked


class Hostile(OneRound):
    """An archive whose every call ends the same way, or returns the same thing."""

    def __init__(self, answer: Any) -> None:
        super().__init__(b"")
        self._answer = answer

    def _said(self, *_: Any, **__: Any) -> Any:
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer

    round_of = _said

    def __getattr__(self, name: str) -> Any:
        return self._said


@pytest.mark.parametrize(
    "answer",
    [
        TypeError("no"),
        RecursionError("deep"),
        MemoryError(),
        OverflowError(),
        ValueError("x"),
        None,
        7,
        "text",
        [],
        {},
        object(),
        [[[]]],
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_nothing_that_an_archive_answers_proves_or_ends_anything(answer: Any):
    """Wrong types, recursion and no memory are findings; the signatures are proven all the same."""
    source = Source("theirs", Hostile(answer))  # type: ignore[arg-type]
    findings = checked(sources=[source])
    assert exit_code(findings) != 0
    assert next(f for f in findings if f.what == "signatures").outcome is Outcome.PROVEN
    assert all(f.outcome is not Outcome.PROVEN for f in findings if f.number >= 3)


@pytest.mark.parametrize(
    ("error", "outcome", "said"),
    [
        (Rejected("not here"), Outcome.UNCHECKED, "not here"),
        (Retryable("slow"), Outcome.UNCHECKED, "try again"),
        (SchemaError("part x is damaged"), Outcome.DIFFERS, "part x is damaged"),
        (ZeroDivisionError("odd"), Outcome.UNCHECKED, "use another copy"),
    ],
)
def test_how_a_check_ends(error: Exception, outcome: Outcome, said: str):
    """What is missing is not checked; what is damaged differs; what is odd names the error."""

    def check() -> str:
        raise error

    found = examined(5, "ticks", check)
    assert found.outcome is outcome
    assert said in found.detail


def test_an_archives_error_names_the_archive():
    """Whose archive failed, at what, and what to do."""
    source = guarded(Source("s3://theirs", Hostile(TypeError("no"))))  # type: ignore[arg-type]
    with pytest.raises(Rejected, match=r"s3://theirs: report_of ended in TypeError .*another copy"):
        source.evidence.report_of(1)


_HUNGRY = """
from oracle.cli import verify
try:
    with verify._bounded_memory(2**30):
        held = bytearray(2**31)
except MemoryError:
    print("bounded")
held = bytearray(2**20)
"""


def test_memory_is_bounded():
    """What would unpack to more than the bound ends in MemoryError, which is a finding."""
    ran = subprocess.run(
        [sys.executable, "-c", _HUNGRY], capture_output=True, text=True, timeout=120, check=True
    )
    assert ran.stdout.strip() == "bounded"


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1790000000123", 1_790_000_000_123 * 10**6),
        ("2026-09-21T14:13:20.123Z", 1_790_000_000_123 * 10**6),
        ("2026-09-21T14:13:20.123", 1_790_000_000_123 * 10**6),
        ("2026-09-21T16:13:20.123+02:00", 1_790_000_000_123 * 10**6),
    ],
)
def test_times(text: str, time_ns: int):
    """ISO 8601 with and without a zone, and unix ms, are the same moment to the ms."""
    assert time_of(text) == time_ns


@pytest.mark.parametrize("text", ["noon", "²", "-5", "9" * 20, ""])
def test_no_time(text: str):
    """What is neither says what to write."""
    with pytest.raises(ConfigError, match="2026-11-23T12:00"):
        time_of(text)

"""How `plumb verify` prints what it found: a line a check, the verdict, and why a mark was so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.table import Table
from rich.text import Text

from oracle.cli.output import console
from oracle.verify.findings import Finding, Outcome, exit_code, hexed
from oracle.verify.why import Why, entry_of_report, in_words

if TYPE_CHECKING:
    from oracle.verify.run import Subject

_SIGN: Final = {
    Outcome.PROVEN: ("✓", "green"),
    Outcome.DIFFERS: ("✗", "bold red"),
    Outcome.UNCHECKED: ("?", "yellow"),
    Outcome.NOTHING: ("·", "dim"),
}
_MEMBERS: Final = 5
"""The step that is done for each member."""
_VERDICT: Final = {0: "proven", 1: "differs", 2: "incomplete"}


class Summary(NamedTuple):
    """What all checks come to."""

    report: dict[str, Any]
    findings: Sequence[Finding]
    why: Sequence[Why]
    market: str | None
    said: str
    """What the report says of the market."""
    seconds: float

    @property
    def verdict(self) -> str:
        """`proven`, `differs` or `incomplete`."""
        return _VERDICT[exit_code(self.findings)]

    def plain(self) -> dict[str, Any]:
        """Return it for programs."""
        first = next((f for f in self.findings if f.difference is not None), None)
        return {
            "verdict": self.verdict,
            "report": self.report,
            "first_difference": None if first is None else _difference(first),
            "findings": [_plain(finding) for finding in self.findings],
            "market": self.market,
            "mark": self.said or None,
            "why": [one.plain() for one in self.why],
            "seconds": round(self.seconds, 3),
        }

    def show(self) -> None:
        """Print it for people."""
        if self.market is not None:
            said = self.said or "this report does not carry its group"
            _print(Text(printable(f"\n{self.market}: {said}")))
        for one in self.why:
            _show_why(one)
        _print(Text(f"\n{self._sentence()} ({self.seconds:.1f} s)", style="bold"))

    def _sentence(self) -> str:
        counted = dict.fromkeys(Outcome, 0)
        for finding in self.findings:
            counted[finding.outcome] += 1
        if self.verdict == "proven":
            left = [
                f.what
                for f in self.findings
                if f.number == _MEMBERS and f.outcome is Outcome.NOTHING
            ]
            others = f"; not asked for: {', '.join(left)}" if left else ""
            return f"Proven: all {counted[Outcome.PROVEN]} checks passed{others}."
        if self.verdict == "differs":
            first = next(f for f in self.findings if f.outcome is Outcome.DIFFERS)
            return printable(
                f"NOT PROVEN: {counted[Outcome.DIFFERS]} differ; the first is {first.what}: "
                f"{first.detail}"
            )
        return (
            f"Not all of it was checked: {counted[Outcome.PROVEN]} checks passed, "
            f"{counted[Outcome.UNCHECKED]} could not be made (?)."
        )


def summed_up(
    subject: Subject,
    findings: Sequence[Finding],
    why: Sequence[Why],
    market: str | None,
    seconds: float,
) -> Summary:
    """Return what to print at the end."""
    from oracle.model.errors import Rejected
    from oracle.report.report import decode

    about: dict[str, Any] = {"bytes": len(subject.body)}
    said = ""
    try:
        report = decode(subject.body)
        about |= {
            "epoch": report.epoch,
            "slot": report.slot,
            "time_ms": max(leaf.decoded().time_ms for leaf in report.leaves),
            "digest": hexed(report.digest(subject.terms.salt)),
            "inputs_root": hexed(report.inputs_root),
        }
        if market is not None:
            entry = entry_of_report(report, subject.terms.numbers[market])
            said = "" if entry is None else in_words(entry)
    except Rejected:
        pass  # the first finding says so
    return Summary(about, findings, why, market, said, seconds)


def printed(finding: Finding) -> None:
    """Print one finding."""
    sign, style = _SIGN[finding.outcome]
    line = Text(f"{sign} ", style=style)
    line.append(printable(f"{finding.number} {finding.what}: "), style="bold")
    difference = finding.difference
    if difference is None:
        line.append(printable(finding.detail), style="")
    else:
        line.append(printable(f"{difference.where}: {difference.field}"), style="red")
        line.append(printable(f"\n    expected {difference.expected}"), style="")
        line.append(printable(f"\n    found    {difference.found}"), style="")
    _print(line)


def printable(text: str) -> str:
    """Return text for a terminal: what others named must not steer it."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def _print(line: Text) -> None:
    console.print(line, soft_wrap=True, highlight=False)


def _show_why(one: Why) -> None:
    made = Table(title=f"{printable(one.market)} as {one.who} computed it", title_justify="left")
    for column in ("source", "kind", "weight", "price", "used"):
        made.add_column(column, justify="right" if column in ("weight", "price") else "left")
    for said in one.sources:
        made.add_row(*(Text(printable(cell)) for cell in said))
    console.print(made)
    _print(Text(printable(one.sentence())))


def _plain(finding: Finding) -> dict[str, Any]:
    made: dict[str, Any] = {
        "step": finding.number,
        "check": finding.what,
        "outcome": str(finding.outcome),
        "detail": finding.detail,
    }
    if finding.difference is not None:
        made["difference"] = finding.difference._asdict()
    return made


def _difference(finding: Finding) -> dict[str, Any] | None:
    return None if finding.difference is None else finding.difference._asdict()

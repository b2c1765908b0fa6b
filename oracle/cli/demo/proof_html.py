"""The proof as a section of `report.html`."""

from __future__ import annotations

from html import escape

from oracle.cli.demo.panels.proof import SIGN
from oracle.cli.demo.proven import Check, Proven
from oracle.cli.demo.tables import Html, table
from oracle.cli.figures import readable

_STYLE = {"proven": "good", "differs": "bad", "unchecked": "warn", "nothing": "soft"}


def proof_section(proven: Proven | None) -> str:
    """Return the mark that was proven, each check, and what the mark was made of."""
    if proven is None:
        return ""
    if proven.verdict == "proven":
        verdict = f'<p class="verdict">✓ Proven: all {proven.passed} checks passed</p>'
    else:
        why = escape(proven.first_failure())
        verdict = f'<p class="verdict bad">✗ Not proven ({proven.verdict}): {why}</p>'
    mark = f"{proven.market} at {proven.at}: {proven.mark or 'no report'}"
    rows = [(str(check.step), _sign(check), check.check, check.detail) for check in proven.checks]
    checks = table(("Step", "", "Check", "What was found"), rows, numbers={0})
    return (
        f"<h2>The proof</h2><p>{escape(mark)}</p>{verdict}{_sources(proven)}"
        f"<details><summary>{len(rows)} checks</summary>{checks}</details>"
        f'<p class="soft">Again, by hand: <code>{escape(proven.command)}</code>. The archive '
        "stays; the chains lived as long as the demo, so what asks them is not checked then.</p>"
    )


def _sources(proven: Proven) -> str:
    rows = [
        (readable(one.source), one.kind, one.weight, one.price, one.outcome.replace("_", " "))
        for one in proven.sources
    ]
    if not rows:
        return ""
    head = ("Source", "Kind", "Weight", "Price", "Used, or why not")
    return table(head, rows, numbers={2, 3}, caption=f"What it was made of: {proven.why}")


def _sign(check: Check) -> Html:
    return Html(f'<span class="{_STYLE[check.outcome]} keep">{SIGN[check.outcome][0]}</span>')

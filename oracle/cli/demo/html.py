"""`report.html`: one file that says what a run was, what was seen, and shows every market."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path

from oracle.cli.demo import summary as model
from oracle.cli.demo.panels.lines import SIGN
from oracle.cli.demo.panels.story import TONE
from oracle.cli.demo.plots import MarketPlot
from oracle.cli.demo.proof_html import proof_section
from oracle.cli.demo.recorder import Recorder
from oracle.cli.demo.summary import Summary
from oracle.cli.demo.tables import Html, Row, table
from oracle.cli.figures import (
    NOTHING,
    age_text,
    bps_text,
    clock_text,
    decimals_for,
    ms_text,
    price_text,
    readable,
)
from oracle.cli.plot.draw import swatch
from oracle.cli.plot.style import plot_css
from oracle.model.errors import Rejected
from oracle.model.validity import Validity
from oracle.report.report import decode

_COLOUR = {"green": "good", "yellow": "warn", "dim": "soft"}


def write_html(
    path: Path, recorder: Recorder, summary: Summary, *, title: str, about: str = ""
) -> None:
    """Write `report.html`. `about` says in a sentence or two what was run.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_text(render_html(recorder, summary, title=title, about=about), encoding="utf-8")


def render_html(recorder: Recorder, summary: Summary, *, title: str, about: str = "") -> str:
    """Return the page: no script, no font, no image from anywhere else."""
    page = files("oracle.cli.demo").joinpath("report.css").read_text(encoding="utf-8")
    style = plot_css() + page
    body = [
        _header(recorder, summary, title, about),
        _tiles(summary),
        _story(summary),
        proof_section(summary.proof),
        "<h2>Markets</h2>",
        *(_market(recorder, summary, name) for name in summary.markets),
        _chains(summary),
        _latency(summary),
        _operators(recorder),
        _happenings(recorder),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _header(recorder: Recorder, summary: Summary, title: str, about: str) -> str:
    started = datetime.fromtimestamp(recorder.start_ns // 10**9, UTC)
    seed = "" if summary.seed is None else f", seed {summary.seed}"
    facts = f"{started:%Y-%m-%d %H:%M:%S} UTC, {summary.seconds:.0f} s{seed}. {_signers(recorder)}"
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="soft">{escape(facts)}</p>']
    if about:
        parts.append(f"<p>{escape(about)}</p>")
    failed, acts = sum(not act.ok for act in summary.story), len(summary.story)
    if failed:
        verdict = f"✗ {failed} of {acts} acts of the story did not happen as told"
        parts.append(f'<p class="verdict bad">{verdict}</p>')
    elif acts:
        parts.append(f'<p class="verdict">✓ All {acts} acts of the story happened as told</p>')
    return "\n".join(parts)


def _signers(recorder: Recorder) -> str:
    """Say who signed the newest report; nothing when there is none that decodes."""
    if recorder.newest_report is None:
        return ""
    try:
        signers = len(decode(recorder.newest_report.body).signatures)
    except Rejected:
        return ""
    if recorder.newest_report.shared_view:
        return (
            f"Reports carry {signers} signatures over one shared engine: "
            "a multi-signature, not a committee of independent nodes."
        )
    return f"Reports carry {signers} signatures of independent members."


def _tiles(summary: Summary) -> str:
    report, receipt = summary.latency_ms.tick_to_report, summary.latency_ms.tick_to_receipt
    tiles = [
        ("Ticks taken", f"{summary.ticks:,}", ""),
        ("Reports signed", f"{summary.reports:,}", ""),
        ("Tick to signed report", ms_text(report.p50), f"p99 {ms_text(report.p99)}"),
        ("Tick to receipt", ms_text(receipt.p50), f"p99 {ms_text(receipt.p99)}"),
        ("Updates on chain", f"{sum(chain.updates for chain in summary.chains):,}", ""),
    ]
    cells = (
        f"<div><dt>{name}</dt><dd>{figure} <small>{note}</small></dd></div>"
        for name, figure, note in tiles
    )
    return f'<dl class="tiles">{"".join(cells)}</dl>'


def _story(summary: Summary) -> str:
    if not summary.story:
        return ""
    rows = [
        (
            str(number),
            f"{act.t_s:.1f} s",
            act.event,
            act.observed,
            Html('<span class="good keep">✓ as told</span>')
            if act.ok
            else Html('<span class="bad keep">✗ not as told</span>'),
        )
        for number, act in enumerate(summary.story, 1)
    ]
    head = ("Act", "At", "What was done", "What was observed", "")
    return "<h2>The story</h2>" + table(head, rows, numbers={1})


def _market(recorder: Recorder, summary: Summary, name: str) -> str:
    market = summary.markets[name]
    stored = {chain: held.stored.get(name, ()) for chain, held in recorder.chains.items()}
    plot = MarketPlot(
        name,
        recorder.series[name],
        stored,
        recorder.story,
        start_ns=recorder.start_ns,
        end_s=max(summary.seconds, 1.0),
        perps=recorder.perps,
    )
    curves = [plot.index, plot.mark, plot.naive, *plot.sources, *plot.chains]
    legend = "".join(f"<li>{swatch(curve)}{escape(curve.name)}</li>" for curve in curves)
    decimals = decimals_for(market.index or 0.0)
    standing = (
        f"index {price_text(market.index, decimals)}, mark {price_text(market.mark, decimals)}, "
        f"{market.sources_used} sources used, breaker {market.state}"
    )
    caption = (
        f"At the end: {standing}. The plain mean of all sources, for comparison, was up to "
        f"{plot.naive_off_bps():,.1f} bps away from the index."
    )
    return (
        f'<section class="card"><h3>{escape(name)} {_validity(market.validity)}</h3><figure>'
        f'<ul class="legend">{legend}</ul><div class="scroll">{plot.svg()}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>{_refusals(market)}</section>"
    )


def _refusals(market: model.Market) -> str:
    rows = [
        (readable(source), reason.replace("_", " "), f"{seconds:.1f} s")
        for source, reasons in market.rejected_s.items()
        for reason, seconds in reasons.items()
    ]
    if not rows:
        return ""
    rows_table = table(("Source", "Why it did not count", "For"), rows, numbers={2})
    return f"<details><summary>{len(rows)} refusals during the run</summary>{rows_table}</details>"


def _chains(summary: Summary) -> str:
    rows: list[Row] = []
    place = {name: at for at, name in enumerate(summary.markets)}
    for chain in summary.chains:
        for name in sorted(chain.markets, key=lambda name: place.get(name, len(place))):
            held = chain.markets[name]
            ours = summary.markets[name].mark if name in summary.markets else None
            decimals = decimals_for(held.price or ours or 0.0)
            off = (held.price / ours - 1) * 1e4 if held.price and ours else None
            rows.append(
                (
                    chain.name,
                    name,
                    price_text(held.price, decimals),
                    price_text(ours, decimals),
                    bps_text(off),
                    age_text(held.age_s),
                    _validity(held.validity),
                )
            )
    head = ("Chain", "Market", "Held on chain", "Our mark", "Distance", "Age", "Validity there")
    totals: list[Row] = [
        (
            f"{chain.name} ({chain.kind} {chain.chain_id})",
            f"{chain.updates:,}",
            f"{chain.failed:,}",
            NOTHING if chain.gas_per_update is None else f"{chain.gas_per_update:,.0f}",
            ms_text(chain.tick_to_receipt_ms.p50),
            ms_text(chain.tick_to_receipt_ms.p99),
        )
        for chain in summary.chains
    ]
    head_totals = ("Chain", "Updates", "Refused", "Gas per update", "Receipt p50", "Receipt p99")
    caption = "Read back from each contract at the end, against our latest mark"
    return (
        "<h2>Chains</h2>"
        + table(head_totals, totals, numbers={1, 2, 3, 4, 5})
        + table(head, rows, numbers={2, 3, 4, 5}, caption=caption)
    )


def _latency(summary: Summary) -> str:
    rows: list[Row] = [
        (name, f"{found.samples:,}", ms_text(found.p50), ms_text(found.p99), ms_text(found.max))
        for name, found in (
            ("tick to signed report", summary.latency_ms.tick_to_report),
            ("tick to receipt", summary.latency_ms.tick_to_receipt),
        )
    ]
    return (
        "<h2>Latency</h2>"
        + table(("", "Samples", "p50", "p99", "Longest"), rows, numbers={1, 2, 3, 4})
        + '<p class="soft">From the moment a tick was received to the last needed signature of '
        "the first report that holds it, the wait for the report's slot included; and to the "
        "receipt of each transaction that carried that report. Reports that the relayer did not "
        "need to send have no receipt.</p>"
    )


def _operators(recorder: Recorder) -> str:
    rows: list[Row] = [
        (
            f"{recorder.t_s(entry.time_ns):.1f} s",
            entry.who,
            entry.action,
            entry.subject,
            entry.reason,
            NOTHING if entry.until_ns is None else f"{recorder.t_s(entry.until_ns):.1f} s",
        )
        for entry in recorder.audit
    ]
    if not rows:
        return ""
    head = ("At", "Who", "Did", "To", "Why", "Until")
    return "<h2>Operators</h2>" + table(head, rows, numbers={0, 5}, caption="From the audit log")


def _happenings(recorder: Recorder) -> str:
    rows: list[Row] = []
    for happening in recorder.narrator.told:
        sign, colour = TONE[happening.tone]
        mark = Html(f'<span class="{_COLOUR.get(colour, "bad")}">{sign}</span>')
        rows.append((clock_text(max(recorder.t_s(happening.time_ns), 0)), mark, happening.text))
    if not rows:
        return ""
    rows_table = table(("At", "", "What happened"), rows)
    return f"<h2>Happenings</h2><details><summary>{len(rows)} lines</summary>{rows_table}</details>"


def _validity(name: str) -> Html:
    sign, colour = SIGN[Validity[name]]
    style = _COLOUR.get(colour, "bad")
    return Html(f'<span class="{style} keep">{sign} {escape(name)}</span>')

"""From messages to answers. Age is taken when read: here a mark becomes STALE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from oracle.api import models
from oracle.model import messages
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.report import Report, decode
from oracle.report.word import GROUP_SIZE, Entry

if TYPE_CHECKING:
    from oracle.archive.history import Candle

MAX_FUTURE_MS: Final = 1_000
"""How far a time may be ahead of our clock before it counts as no time at all."""


class HeldReport(NamedTuple):
    """A signed report with its body decoded once."""

    signed: messages.SignedReport
    report: Report
    time_ms: int
    """The newest time of its groups."""
    prev_ms: int
    """The newest time of its groups in the report before."""


def hold(signed: messages.SignedReport) -> HeldReport:
    """Decode a report's body.

    Raises:
        Rejected: malformed.
    """
    report = decode(signed.body)
    return HeldReport(
        signed,
        report,
        max(leaf.decoded().time_ms for leaf in report.leaves),
        max(leaf.prev_ms for leaf in report.leaves),
    )


def staleness(time_ns: int, now_ns: int, max_age_ms: int) -> str:
    """Return why a time is too old, or ahead of our clock; empty when it is neither."""
    age_ms = _ms(now_ns - time_ns)
    if age_ms > max_age_ms:
        return f"stale: {age_ms / 1000:.1f} s old, at most {max_age_ms / 1000:g} s allowed"
    if age_ms < -MAX_FUTURE_MS:
        return f"stale: its time is {-age_ms / 1000:.1f} s ahead of this server's clock"
    return ""


def render_mark(mark: messages.Mark, now_ns: int, max_age_ms: int) -> models.Mark:
    """Return a mark as of `now_ns`. A stale one keeps its sources and loses its prices."""
    stale = staleness(mark.time_ns, now_ns, max_age_ms)
    validity = min(mark.validity, Validity.STALE) if stale else mark.validity
    return models.Mark(
        market=mark.market,
        number=mark.number,
        sequence=mark.sequence,
        time_ms=_ms(mark.time_ns),
        age_ms=_ms(now_ns - mark.time_ns),
        validity=validity,
        reason="; ".join(part for part in (mark.reason, stale) if part),
        state=mark.state,
        index=None if stale else _text(mark.index),
        mark=None if stale else _text(mark.mark),
        twap=None if stale else _text(mark.twap),
        conf_bps=None if stale else _bps(mark.conf_e8),
        premium_bps=None if stale else _bps(mark.premium_e8),
        sources=[
            models.Source(
                source=view.source, price=_text(view.price), used=view.used, reason=view.reason
            )
            for view in mark.sources
        ],
    )


def render_past(mark: messages.Mark) -> models.PastMark:
    """Return a mark as it was made."""
    return models.PastMark(
        sequence=mark.sequence,
        time_ms=_ms(mark.time_ns),
        validity=mark.validity,
        reason=mark.reason,
        state=mark.state,
        index=_text(mark.index),
        mark=_text(mark.mark),
        twap=_text(mark.twap),
        conf_bps=_bps(mark.conf_e8),
        premium_bps=_bps(mark.premium_e8),
    )


def render_candle(candle: Candle) -> models.Candle:
    """Return a candle, its prices as text."""
    return models.Candle(
        time_ms=_ms(candle.begin_ns),
        open=str(candle.open),
        high=str(candle.high),
        low=str(candle.low),
        close=str(candle.close),
        marks=candle.marks,
    )


def render_report(
    held: HeldReport, now_ns: int, max_age_ms: int, names: Mapping[int, str]
) -> models.Report:
    """Return a report, its bytes and parsed; `names` maps market numbers to markets."""
    signed, report = held.signed, held.report
    return models.Report(
        deployment=signed.deployment,
        epoch=report.epoch,
        slot=report.slot,
        time_ms=held.time_ms,
        signed_ms=_ms(signed.signed_ns),
        age_ms=_ms(now_ns) - held.time_ms,
        stale=bool(staleness(held.time_ms * 10**6, now_ns, max_age_ms)),
        shared_view=signed.shared_view,
        signers=report.members(),
        groups=[
            _group(leaf.group, leaf.prev_ms, leaf.decoded().time_ms, leaf.decoded().entries, names)
            for leaf in report.leaves
        ],
        body="0x" + signed.body.hex(),
    )


def render_receipt(receipt: messages.Receipt) -> models.Receipt:
    """Return a receipt, its times in ms."""
    return models.Receipt(
        chain=receipt.chain,
        chain_id=receipt.chain_id,
        slot=receipt.slot,
        reason=receipt.reason,
        transaction=receipt.transaction,
        accepted=receipt.accepted,
        error=receipt.error,
        block=receipt.block,
        gas_used=receipt.gas_used,
        groups=list(receipt.groups),
        signed_ms=_ms(receipt.signed_ns),
        sent_ms=_ms(receipt.sent_ns),
        received_ms=_ms(receipt.received_ns),
    )


def render_control(control: messages.Control) -> models.Control:
    """Return a control, its times in ms."""
    return models.Control(
        kind=control.kind,
        subject=control.subject,
        paused=control.paused,
        who=control.who,
        reason=control.reason,
        issued_ms=_ms(control.issued_ns),
        until_ms=_ms(control.until_ns),
    )


def _group(
    group: int, prev_ms: int, time_ms: int, entries: tuple[Entry, ...], names: Mapping[int, str]
) -> models.ReportGroup:
    """Return a group without the entries that no market of ours uses and that carry nothing."""
    numbered = [(group * GROUP_SIZE + at, entry) for at, entry in enumerate(entries)]
    return models.ReportGroup(
        group=group,
        time_ms=time_ms,
        prev_ms=prev_ms,
        entries=[
            models.ReportEntry(
                number=number,
                market=names.get(number),
                validity=entry.validity,
                price=_text(entry.price),
                conf_bps=entry.conf_e8 / 10**4,
                premium_bps=_bps(entry.premium_e8),
            )
            for number, entry in numbered
            if number in names or entry.validity is not Validity.HALTED
        ],
    )


def _ms(time_ns: int) -> int:
    return time_ns // 10**6


def _bps(relative_e8: int | None) -> float | None:
    return None if relative_e8 is None else relative_e8 / 10**4


def _text(price: Px | None) -> str | None:
    return None if price is None else str(price)

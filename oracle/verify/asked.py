"""Step 1, which report: of the slot or time that was asked for, and not an older one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from oracle.model.errors import PlumblineError
from oracle.report.report import Report, decode
from oracle.verify import signed
from oracle.verify.evidence import Source, Terms
from oracle.verify.findings import Differs, Unchecked
from oracle.verify.guarded import tried

_MS_NS: Final = 10**6
_AFTER_NS: Final = (60 * 10**9, 3_600 * 10**9)
"""How long after a time the next report is looked for, further only when none is nearer."""


def time_of(report: Report) -> int:
    """Return a report's time (unix ms)."""
    return max(leaf.decoded().time_ms for leaf in report.leaves)


def check_slot(report: Report, slot: int) -> str:
    """Check that a report is of the slot that was asked for.

    Raises:
        Differs: an archive gave another.
    """
    if report.slot != slot:
        raise Differs("the archived report", "slot", f"{slot}, as asked for", report.slot)
    return f"the report of slot {slot}"


def check_time(report: Report, at_ms: int, sources: Sequence[Source], terms: Terms) -> str:
    """Check that no report came between this one and a time: the next one says what it follows.

    Raises:
        Differs: it is of later.
        Unchecked: an archive may have held a newer one back.
    """
    time_ms = time_of(report)
    if time_ms > at_ms:
        raise Differs("the archived report", "time", f"not after {at_ms} ms", time_ms)
    if time_ms == at_ms:
        return f"the report of {at_ms} ms"
    after = _after(at_ms, sources, terms)
    ask = "ask for its slot, or give another archive"
    if after is None:
        raise Unchecked(
            f"no signed report after {at_ms} ms is at hand: whether another came between this one "
            f"of {time_ms} ms and then cannot be told; {ask}, or try again later"
        )
    follows_ms = after.leaves[0].prev_ms
    if follows_ms != time_ms:  # 0 says nothing of what came before
        raise Unchecked(
            f"the report of {time_of(after)} ms does not follow this one of {time_ms} ms but "
            f"{follows_ms}: one between is in no archive at hand, was never finished, or cannot be "
            f"told of; {ask}"
        )
    return f"the newest at {at_ms} ms: the one after, of {time_of(after)} ms, follows it"


def newest(bodies: Iterable[bytes], terms: Terms, fits: Callable[[Report], bool]) -> bytes | None:
    """Return the newest report that fits and that its committee signed; where none is, the first.

    So that one archive that lies does not stand before another that does not.
    """
    first: bytes | None = None
    best: tuple[int, bytes] | None = None
    for body in bodies:
        first = body if first is None else first
        report = _signed(body, terms)
        newer = report is not None and (best is None or time_of(report) > best[0])
        if report is not None and newer and fits(report):
            best = time_of(report), body
    return first if best is None else best[1]


def _after(at_ms: int, sources: Sequence[Source], terms: Terms) -> Report | None:
    begin_ns = (at_ms + 1) * _MS_NS
    for long_ns in _AFTER_NS:
        found = [
            report
            for source in sources
            for report in _between(source, begin_ns, begin_ns + long_ns, terms)
            if time_of(report) > at_ms
        ]
        if found:
            return min(found, key=time_of)
    return None


def _between(source: Source, from_ns: int, to_ns: int, terms: Terms) -> Iterator[Report]:
    """Return the first signed report of a time: only that can be the next."""
    held = tried(partial(source.evidence.reports_between, from_ns, to_ns))
    for one in () if isinstance(held, PlumblineError) else held:
        report = _signed(one.body, terms)
        if report is not None:
            yield report
            return


def _signed(body: bytes, terms: Terms) -> Report | None:
    """Return a report whose signatures are its committee's."""

    def made() -> Report:
        report = decode(body)
        signed.check_signatures(report, terms, None)
        return report

    found = tried(made)
    return None if isinstance(found, PlumblineError) else found

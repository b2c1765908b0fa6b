"""What happened, in sentences: made from the difference between one message and the next."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Final, NamedTuple

from oracle.cli.figures import bps_text, distance_bps, readable
from oracle.engine.reasons import Reason
from oracle.model.messages import Control, Mark, Receipt, SourceView
from oracle.model.validity import BreakerState, Validity

SETTLED_NS: Final = 400_000_000
"""How long a source's new standing must last before it is worth a line."""
KEPT: Final = 400
_JOINING: Final = Reason.NO_DATA.label
_NAMED: Final = 2
"""Sources that change together are named up to here, and counted beyond."""


class Tone(StrEnum):
    """What a happening means to whoever watches."""

    GOOD = "good"
    INFO = "info"
    WARN = "warn"
    BAD = "bad"


class Happening(NamedTuple):
    """One line of the log."""

    time_ns: int
    tone: Tone
    text: str


class Narrator:
    """Tells changes of validity, breaker, sources, controls and deliveries.

    Routine deliveries are not told: a chain's first one, those that a change of validity caused,
    and failures are.
    """

    def __init__(self) -> None:
        self.told: deque[Happening] = deque(maxlen=KEPT)
        self._marks: dict[str, Mark] = {}
        self._standing: dict[tuple[str, str], str] = {}  # (market, source) to the reason told
        self._changing: dict[tuple[str, str], tuple[str, int]] = {}  # to the new reason, since
        self._delivered: set[str] = set()

    def tell(self, time_ns: int, tone: Tone, text: str) -> None:
        """Add a line."""
        self.told.append(Happening(time_ns, tone, text))

    def mark(self, mark: Mark) -> None:
        """Tell what a mark changed."""
        before = self._marks.get(mark.market)
        self._marks[mark.market] = mark
        quiet = mark.state is BreakerState.NORMAL and mark.validity is Validity.VALID
        if before is not None and before.state is not mark.state and not quiet:
            self._tell_state(mark)
        if before is not None and before.validity is not mark.validity:
            self._tell_validity(before.validity, mark)
        self._note_sources(mark)

    def control(self, control: Control) -> None:
        """Tell a pause or a resume."""
        what = f"{control.kind} {control.subject}"
        if control.paused:
            lasts_s = (control.until_ns - control.issued_ns) / 1e9
            text = f"{control.who} paused {what} for {lasts_s:,.0f} s: {control.reason}"
        else:
            text = f"{control.who} resumed {what}: {control.reason}"
        self.tell(control.issued_ns, Tone.WARN if control.paused else Tone.GOOD, text)

    def receipt(self, receipt: Receipt) -> None:
        """Tell a delivery that is not routine."""
        first = receipt.chain not in self._delivered
        if not receipt.accepted:
            text = f"{receipt.chain} refused report {receipt.slot}: {receipt.error}"
            self.tell(receipt.received_ns, Tone.BAD, text)
            return
        self._delivered.add(receipt.chain)
        if first or receipt.reason == "validity":
            why = "its first report" if first else "a report with changed validity"
            text = f"{receipt.chain} stored {why} in block {receipt.block}"
            self.tell(receipt.received_ns, Tone.INFO, text)

    def _tell_state(self, mark: Mark) -> None:
        calm = mark.state in (BreakerState.NORMAL, BreakerState.RECOVERING)
        why = f": {_without_state(mark.reason)}" if mark.reason and not calm else ""
        tone = Tone.GOOD if calm else Tone.BAD if mark.state is BreakerState.HALTED else Tone.WARN
        self.tell(mark.time_ns, tone, f"{mark.market} breaker {mark.state.name}{why}")

    def _tell_validity(self, before: Validity, mark: Mark) -> None:
        if mark.validity is Validity.VALID:
            self.tell(mark.time_ns, Tone.GOOD, f"{mark.market} is VALID again")
        elif not mark.reason.startswith("breaker"):  # the breaker's own line has told it
            tone = Tone.BAD if mark.validity <= Validity.STALE else Tone.WARN
            tone = tone if mark.validity < before else Tone.INFO
            self.tell(mark.time_ns, tone, f"{mark.market} {mark.validity.name}: {mark.reason}")

    def _note_sources(self, mark: Mark) -> None:
        """Tell sources whose standing has changed and settled, those of one reason together."""
        settled: dict[str, list[SourceView]] = {}
        for view in mark.sources:
            at = (mark.market, view.source)
            if self._standing.setdefault(at, view.reason) == view.reason:
                self._changing.pop(at, None)
                continue
            reason, since_ns = self._changing.get(at, (None, mark.time_ns))
            if reason != view.reason:
                since_ns = mark.time_ns
                self._changing[at] = (view.reason, since_ns)
            if mark.time_ns - since_ns >= SETTLED_NS:
                joined = self._standing[at] == _JOINING and view.used
                self._standing[at] = view.reason
                del self._changing[at]
                if not joined:
                    settled.setdefault(view.reason, []).append(view)
        for reason, views in settled.items():
            tone = Tone.WARN if reason else Tone.GOOD
            self.tell(mark.time_ns, tone, _source_sentence(mark, reason, views))


def _source_sentence(mark: Mark, reason: str, views: list[SourceView]) -> str:
    names = ", ".join(readable(view.source) for view in views[:_NAMED])
    if len(views) > _NAMED:
        names += f" and {len(views) - _NAMED} more"
    if not reason:
        return f"{names} back in {mark.market}"
    why = reason.replace("_", " ")
    if len(views) == 1 and views[0].price is not None:
        why += f" ({bps_text(distance_bps(views[0].price, mark.index))})"
    left = "thrown out of" if reason == Reason.OUTLIER.label else "out of"
    return f"{names} {left} {mark.market}: {why}"


def _without_state(reason: str) -> str:
    """Drop `breaker HALTED: ` from the engine's reason, which the sentence already says."""
    return reason.partition(": ")[2] if reason.startswith("breaker ") else reason

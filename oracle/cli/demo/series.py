"""A market's history in bounded memory: the whole run, ever coarser the longer it gets."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Final, NamedTuple

from oracle.model.messages import Mark
from oracle.model.validity import BreakerState, Validity

SAMPLE_NS: Final = 100_000_000
KEPT_SAMPLES: Final = 1_200
KEPT_STANDINGS: Final = 1_000


class Standing(NamedTuple):
    """How a market stood from `time_ns` on, until the next one."""

    time_ns: int
    validity: Validity
    state: BreakerState
    reason: str


class Series:
    """Marks of one market, at most one every `SAMPLE_NS`.

    When `KEPT_SAMPLES` are there, every second one goes and the interval doubles. Standings and
    the time that sources were refused are taken from every mark, not from the samples.
    """

    def __init__(self) -> None:
        self.samples: list[Mark] = []
        self.standings: deque[Standing] = deque(maxlen=KEPT_STANDINGS)
        self.refused_ns: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        """For how long each source was refused, by source and reason."""
        self._interval_ns = SAMPLE_NS
        self._newest: Mark | None = None

    def add(self, mark: Mark) -> None:
        """Take the next mark."""
        if self._newest is not None:
            for view in self._newest.sources:
                if not view.used:
                    passed_ns = mark.time_ns - self._newest.time_ns
                    self.refused_ns[view.source][view.reason] += passed_ns
        self._newest = mark
        last = self.standings[-1] if self.standings else None
        if last is None or last[1:3] != (mark.validity, mark.state):
            self.standings.append(Standing(mark.time_ns, mark.validity, mark.state, mark.reason))
        if not self.samples or mark.time_ns >= self.samples[-1].time_ns + self._interval_ns:
            self.samples.append(mark)
        if len(self.samples) > KEPT_SAMPLES:
            del self.samples[1::2]
            self._interval_ns *= 2

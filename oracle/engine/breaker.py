"""The circuit breaker: what raises it, and how a market gets out again.

    NORMAL ──▶ GUARDED ──▶ HALTED ──▶ RECOVERING ──▶ NORMAL
       ▲          │           ▲            │
       └──────────┘           └────────────┘

Up is at once. Down takes calm (an index, and every figure below its release bound) for the dwell
time. HALTED asks only what can halt to be calm: what merely guards keeps a market GUARDED however
long it lasts, so it keeps it in RECOVERING, which allows the same. From there it takes a whole
recovery time of calm in which the sources agree: an attacker who has split them cannot end the
halt by waiting. Disturbance, be it silence, starts that time anew.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, Final

from oracle.engine.compiled import compiled
from oracle.engine.records import TRIGGERS
from oracle.engine.spec import MAX_DEVIATIONS
from oracle.model.validity import BreakerState


class Trigger(IntEnum):
    """What a breaker looks at. Figures of bps are held as ratios, times in ns."""

    DEVIATION_1 = 0
    DEVIATION_2 = 1
    DEVIATION_3 = 2
    DEVIATION_4 = 3
    DISPERSION = 4
    CONFIDENCE = 5
    SOURCES = 6
    ORIGINS = 7
    MISSING = 8
    STALE = 9
    CONVERSION = 10
    MARK = 11
    PEG = 12

    @property
    def label(self) -> str:
        """The name that people and metrics see."""
        return "deviation" if self < MAX_DEVIATIONS else self.name.lower()


NORMAL: Final = int(BreakerState.NORMAL)
GUARDED: Final = int(BreakerState.GUARDED)
HALTED: Final = int(BreakerState.HALTED)
RECOVERING: Final = int(BreakerState.RECOVERING)
_DISPERSION: Final = int(Trigger.DISPERSION)
_CONFIDENCE: Final = int(Trigger.CONFIDENCE)
_SOURCES: Final = int(Trigger.SOURCES)
_ORIGINS: Final = int(Trigger.ORIGINS)
_MISSING: Final = int(Trigger.MISSING)
_STALE: Final = int(Trigger.STALE)
_CONVERSION: Final = int(Trigger.CONVERSION)
MARK_GAP: Final = int(Trigger.MARK)
_PEG: Final = int(Trigger.PEG)


@compiled
def deviation(index: float, average: float) -> float:
    """Return how far the index is off its average, relative; 0 where there is no average yet."""
    return 0.0 if math.isnan(average) else abs(index / average - 1.0)


@compiled
def measure(tables: Any, rules: Any, market: Any, mark: Any, now_ns: int) -> None:
    """Put the figures of all triggers but the deviations into `work.figures`."""
    figures = tables.work[0].figures
    figures[_SOURCES] = float(rules.alarm_sources - mark.sources)
    figures[_ORIGINS] = float(rules.alarm_origins - mark.origins)
    # Since the index before this step's: one that is back after a gap has been missing.
    figures[_MISSING] = float(now_ns - market.last_index_ns) if market.last_index > 0.0 else 0.0
    if math.isnan(mark.index):
        figures[:_SOURCES] = math.nan
        figures[_STALE:] = math.nan
        return
    figures[_DISPERSION], figures[_CONFIDENCE] = mark.dispersion, mark.conf
    figures[_STALE] = float(now_ns - mark.newest_event_ns)
    figures[_CONVERSION] = 0.0
    if rules.guarded[_CONVERSION] < math.inf:
        figures[_CONVERSION] = _share_through_troubled(tables, rules)
    figures[_PEG] = abs(mark.index / rules.peg - 1.0) if rules.peg > 0.0 else 0.0


@compiled
def _share_through_troubled(tables: Any, rules: Any) -> float:
    """Return the share of the index's weight that converts through markets that are not NORMAL."""
    total, troubled = 0, 0
    for n in range(rules.sources):
        at = rules.first + n
        if math.isnan(tables.price[at]):
            continue
        weight, edge = tables.work[0].counts[0, n], tables.place_rules[at].edge
        total += weight
        if edge >= 0 and tables.mark[edge].state != NORMAL:
            troubled += weight
    return troubled / total if total > 0 else 0.0


@compiled
def move(tables: Any, rules: Any, market: Any, mark: Any, now_ns: int, slept_ns: int) -> None:
    """Move a market's breaker by its figures; say in `mark` what made it stand where it does.

    `slept_ns` is the time since the step before, in which nobody looked.
    """
    state = market.breaker
    mark.before = state
    level, trigger = _worst(tables, rules)
    calm = not math.isnan(mark.index) and _calm(tables, rules, state == HALTED)
    served = now_ns - market.since_ns >= rules.dwell_ns
    target = state
    if level == 2:
        target = HALTED
    elif state == NORMAL and level == 1:
        target = GUARDED
    elif state == GUARDED and calm and served:
        target = NORMAL
    elif state == HALTED and calm and served and (market.released or not rules.latch):
        target = RECOVERING
    elif state == RECOVERING:
        agreed = calm and tables.work[0].figures[_DISPERSION] <= rules.agree
        # No step vouches for more than half of the time: nobody looked in a longer sleep.
        looked_ns = min(slept_ns, rules.recovery_ns // 2)
        market.calm_ns = market.calm_ns + looked_ns if agreed else 0
        if agreed and market.calm_ns >= rules.recovery_ns // 2 * 2:
            target = NORMAL
    if target != state:
        market.since_ns, market.calm_ns, market.released = now_ns, 0, 0
    market.breaker = mark.state = target
    _explain(tables, rules, mark, level, trigger)


@compiled
def _worst(tables: Any, rules: Any) -> tuple[int, int]:
    """Return the highest level of any trigger (0 none, 1 guards, 2 halts), and which it is."""
    figures = tables.work[0].figures
    level, worst, trigger = 0, 0.0, -1
    for n in range(TRIGGERS):
        figure = figures[n]
        if figure >= rules.halted[n]:
            reached, bound = 2, rules.halted[n]
        elif figure >= rules.guarded[n]:
            reached, bound = 1, rules.guarded[n]
        else:
            continue
        if reached > level or (reached == level and figure / bound > worst):
            level, worst, trigger = reached, figure / bound, n
    return level, trigger


@compiled
def _calm(tables: Any, rules: Any, halts_only: bool) -> bool:
    """Whether every trigger, or every one that can halt, is below its release bound."""
    figures = tables.work[0].figures
    for n in range(TRIGGERS):
        if halts_only and rules.halted[n] == math.inf:
            continue
        bound = min(rules.guarded[n], rules.halted[n])
        if bound < math.inf and not figures[n] < bound * rules.release:
            return False
    return True


@compiled
def _explain(tables: Any, rules: Any, mark: Any, level: int, trigger: int) -> None:
    """Note the figure that raised the breaker; where none does any more, the last one stays."""
    if trigger >= 0:
        mark.trigger = trigger
        mark.limit = rules.halted[trigger] if level == 2 else rules.guarded[trigger]
        mark.figure = tables.work[0].figures[trigger]
    elif mark.state == NORMAL and mark.before == NORMAL:
        mark.trigger, mark.figure, mark.limit = -1, math.nan, math.nan
    elif mark.trigger >= 0 and not math.isnan(tables.work[0].figures[mark.trigger]):
        mark.figure = tables.work[0].figures[mark.trigger]


@compiled
def judge_peg(rules: Any, market: Any, mark: Any) -> None:
    """Begin or end a depeg: from `peg_cut` on, until back within half of it."""
    mark.depeg = 0
    if rules.peg <= 0.0:
        market.depegged = 0
        return
    if math.isnan(mark.index):
        return
    mark.peg_off = abs(mark.index / rules.peg - 1.0)
    if not market.depegged and mark.peg_off >= rules.peg_cut:
        market.depegged, mark.depeg = True, 1
    elif market.depegged and mark.peg_off < rules.peg_cut / 2.0:
        market.depegged, mark.depeg = False, -1

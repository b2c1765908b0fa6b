"""The engine's memory: one record a source, place, window and market, in plain arrays.

`..._RULES` never change after the layout; `..._STATE` is what a snapshot holds; `MARK` is what a
step says of a market. What is seldom looked at is apart (`..._REST`): the rest of a thousand
markets then stays in the processor's cache. Missing prices are NaN; times that never were are
`NEVER`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from oracle.engine.reasons import Reason

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]
Records = npt.NDArray[Any]

NEVER: Final = -(2**62)
BUCKETS: Final = 60
"""Of a TWAP: its far edge is exact to one sixtieth of the window."""
TRIGGERS: Final = 13
EMAS: Final = 2
MOST_PLACES: Final = 256
"""Sources and perps of one market."""
REASONS: Final = len(Reason)

LOWEST: Final = 1e-18
BEYOND: Final = 1e21
"""What a report can carry (docs/report-format.md): prices from LOWEST up to less than BEYOND."""
WIDEST: Final = 100.0
"""Relative figures (confidence, premium) end here, far beyond any that is acted upon."""


def _record(**fields: str | tuple[Any, ...]) -> np.dtype[Any]:
    columns = [
        (name, *kind) if isinstance(kind, tuple) else (name, kind) for name, kind in fields.items()
    ]
    return np.dtype((np.record, np.dtype(columns, align=True)))


SOURCE_RULES: Final = _record(
    max_age_ns="i8", max_future_ns="i8", max_spread="f8", weight_window_ns="i8"
)
SOURCE_STATE: Final = _record(
    bid="f8",
    ask="f8",
    quote_ns="i8",
    quote_sequence="i8",
    last="f8",
    last_ns="i8",
    last_sequence="i8",
    received_ns="i8",
)
SOURCE_REST: Final = _record(
    funding="f8",
    funding_ns="i8",
    funding_sequence="i8",
    refusal="i8",
    refused_ns="i8",
    volume="f8",
    volume_ns="i8",
    depth="f8",  # up to depth_ns
    depth_ns="i8",
    standing="f8",  # smaller side of the quote since then
)
PLACE_RULES: Final = _record(
    max_age_ns="i8",
    width_per_ns="f8",  # that a price gains with its age
    max_step="f8",
    source="i4",
    weight="i4",
    edge="i4",  # market that converts the source's quote currency, or -1
    origin="i4",  # number within the market
    group="i4",
)
PLACE_STATE: Final = _record(accepted="f8", accepted_ns="i8", reason="i8")
PLACE_REST: Final = _record(seen="f8", changed_ns="i8", changed_index="f8")
EMA: Final = _record(weighted="f8", weight="f8", seen_ns="i8")
WINDOW_RULES: Final = _record(
    window_ns="i8", bucket_ns="i8", geometric="i8", clamp="f8", gap_ns="i8"
)
WINDOW_STATE: Final = _record(
    held="f8",
    held_ns="i8",
    seen_ns="i8",
    bucket="i8",
    open_weighted="f8",  # value times ns in the bucket at hand
    open_covered="f8",  # and the ns, whole numbers
    closed_weighted="f8",  # in all other buckets
    closed_covered="f8",
)
MARKET_RULES: Final = _record(
    first="i8",  # place; sources first, then perps
    sources="i8",
    perps="i8",
    origins="i8",  # distinct ones of the sources
    all_origins="i8",  # and of the perps
    groups="i8",
    min_sources="i8",
    min_origins="i8",
    max_confidence="f8",
    max_scale="f8",
    leg_scale="f8",
    leg_tolerance="f8",
    confirm_ns="i8",
    scale_memory_ns="i8",
    max_unchanged_ns="i8",
    unchanged="f8",
    weight_by="i8",
    origin_cap="f8",
    group_cap="f8",
    mads="f8",
    outlier_floor="f8",
    outlier_ceiling="f8",
    method="i8",
    basis_ns="f8",
    second_ns="f8",
    max_basis="f8",
    own="i8",  # place, or -1
    min_perps="i8",
    needs_book="i8",  # whether more of the perps is looked at than their mids
    rate_interval_ns="i8",
    first_window="i8",  # the published TWAP, one a deviation, then the basis mean
    deviations="i8",
    volatile=("f8", (4,)),
    basis_window="i8",  # or -1
    funding_interval_ns="i8",  # 0: no funding
    sample_ns="i8",
    period_share="f8",
    linear="i8",
    interest="f8",
    funding_clamp="f8",
    funding_cap="f8",
    premium="i8",
    guarded=("f8", (TRIGGERS,)),
    halted=("f8", (TRIGGERS,)),
    alarm_sources="i8",
    alarm_origins="i8",
    peg="f8",
    peg_cut="f8",
    release="f8",
    dwell_ns="i8",
    recovery_ns="i8",
    agree="f8",
    latch="i8",
)
MARKET_STATE: Final = _record(
    last_index="f8",
    last_index_ns="i8",
    scale_ns="i8",  # since when the last index binds the scale of the next; NEVER: it does not
    breaker="i8",
    since_ns="i8",
    calm_ns="i8",  # of the recovery, that was looked at
    depegged="i8",
    released="i8",  # a person has lifted the latch
)
BASIS_STATE: Final = _record(ema=(EMA, (EMAS,)))
FUNDING_STATE: Final = _record(
    interval="i8",
    slot="i8",
    samples="f8",
    weighted="f8",
    weight="f8",
    settled="f8",
)
WORK: Final = _record(
    # the legs of the market at hand: of the contract itself, or the perps' medians in its place
    mid="f8",
    bid="f8",
    ask="f8",
    last="f8",
    funding="f8",
    others="f8",  # median mid of the other perps
    figures=("f8", (TRIGGERS,)),  # of the market at hand; NaN where not known
    values=("f8", (4, MOST_PLACES)),
    spare=("f8", (2, MOST_PLACES)),
    counts=("i8", (4, MOST_PLACES)),
    votes=("i8", (3, MOST_PLACES)),  # weights of the votes below, at and above each price
)
MARK: Final = _record(
    time_ns="i8",
    index="f8",
    mark="f8",
    twap="f8",
    conf="f8",
    premium="f8",
    funding="f8",
    settled_funding="f8",
    validity="i8",
    state="i8",
    newest_event_ns="i8",
    newest_received_ns="i8",
    sources="i8",  # that count
    origins="i8",
    dispersion="f8",
    before="i8",  # breaker state before this step
    trigger="i8",  # of the breaker's standing, or -1
    figure="f8",
    limit="f8",
    volatile="i8",  # deviation window that makes it TOO_VOLATILE, or -1
    volatile_by="f8",
    depeg="i8",  # +1: began in this step, -1: ended
    peg_off="f8",
)


class Tables(NamedTuple):
    """Everything a step reads and writes. Places of a market stand together."""

    source_rules: Records
    """The different ones; `rules_at` says which of them is each source's."""
    rules_at: Ints
    source: Records
    source_rest: Records
    place_rules: Records
    place: Records
    place_rest: Records
    window_rules: Records
    window: Records
    buckets: Floats
    """Shape (windows, BUCKETS, 2): what each closed bucket holds, value times ns and the ns."""
    market_rules: Records
    market: Records
    basis: Records
    funding: Records
    mark: Records
    edges: Ints
    """Markets that convert something."""
    price: Floats
    """Per place, converted; NaN where there is none."""
    width: Floats
    """Per place, relative half-width."""
    reason: Codes
    """Per place."""
    paused_source: npt.NDArray[np.bool_]
    paused_market: npt.NDArray[np.bool_]
    work: Records
    """One record: scratch of the market at hand."""
    counted: Ints
    """Shape (3, REASONS), of this step: ticks refused and places that began to be refused, by
    reason; then at [2, 0] the markets of which there is an event."""

    def inbox(self) -> Inbox:
        """Return the part of it that ticks go into."""
        return Inbox(*(getattr(self, name) for name in Inbox._fields))


class Inbox(NamedTuple):
    """What admission reads and writes of `Tables`: calls with less to pass are faster."""

    source_rules: Records
    rules_at: Ints
    source: Records
    source_rest: Records
    paused_source: npt.NDArray[np.bool_]
    counted: Ints

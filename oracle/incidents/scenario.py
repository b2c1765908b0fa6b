"""What a scenario is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from oracle.incidents.paths import Curve
from oracle.incidents.venues import Venue

if TYPE_CHECKING:
    from oracle.incidents.recording import Run

DEFAULT_SEED: Final = 1


def utc(text: str) -> datetime:
    """Return a time of ISO 8601 text without zone, taken as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Finding(NamedTuple):
    """Whether a claim holds, and the figure that says so."""

    ok: bool
    seen: str


@dataclass(frozen=True)
class Check:
    """One claim about a run, and how to find out."""

    name: str
    claim: str
    """One sentence."""
    judge: Callable[[Run], Finding]


class Note(NamedTuple):
    """What happened when, in the replay's own seconds."""

    t_s: float
    text: str


class Change(NamedTuple):
    """A new configuration, taken over with the engine's snapshot."""

    t_s: float
    config: str


class Rival(NamedTuple):
    """What another design published, for comparison."""

    name: str
    price: Curve


@dataclass(frozen=True)
class World:
    """What the venues say, and what each market was worth all the while."""

    venues: tuple[Venue, ...]
    worth: Mapping[str, Curve]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One incident. Times are seconds from `start`; figures are those of the published accounts."""

    id: str
    title: str
    start: datetime
    story: str
    """What happened, with its figures, in two or three sentences."""
    accounts: tuple[str, ...]
    """Who published the figures."""
    ours: str
    """What in the replay is not from the accounts."""
    config: str
    """The YAML of a careful operator."""
    markets: tuple[str, ...]
    """Which are shown, the one it is about first."""
    length_s: float
    step_s: float
    world: Callable[[Random], World]
    notes: tuple[Note, ...]
    checks: tuple[Check, ...]
    naive: tuple[Check, ...] = ()
    """What a plain aggregator would have done wrong: without that the replay proves nothing."""
    rules: tuple[str, ...] = ()
    """Headings of docs/engine.md that answer."""
    changes: tuple[Change, ...] = ()
    rival: Rival | None = None
    warm_s: float = 600.0
    """Calm time before `start`, so that the averages know the market."""

    @property
    def start_ns(self) -> int:
        """The start as ns since the epoch."""
        return int(self.start.timestamp()) * 10**9

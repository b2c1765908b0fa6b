"""Whether the chains of a deployment agree on who signs and what is signed: pure.

One set of signatures serves all chains. A chain with another committee refuses reports that the
others take; one with another meaning of a number takes a price for something that it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

NONE: Final = "nothing"


@dataclass(frozen=True)
class EpochState:
    """An epoch on one chain."""

    members: tuple[str, ...]
    threshold: int
    valid_until_s: int
    revoked: int
    """A bit for each member."""


@dataclass(frozen=True)
class Governed:
    """What must be alike on all chains of a deployment."""

    epoch: int
    epochs: Mapping[int, EpochState]
    """The current one, and the one before."""
    instruments: Mapping[int, tuple[str, int]]
    """By market number what it means, and since which epoch: an empty name and 0 for nothing."""


def differences(chains: Mapping[str, Governed]) -> list[str]:
    """Say in what chains differ, one sentence each; nothing where all are alike."""
    return [
        f"{what} is {'; '.join(f'{value} on {name}' for name, value in values.items())}"
        for what, values in _facts(chains)
        if len(set(values.values())) > 1
    ]


def _facts(chains: Mapping[str, Governed]) -> Iterator[tuple[str, dict[str, str]]]:
    yield "the current epoch", {name: str(one.epoch) for name, one in chains.items()}
    for epoch in sorted({epoch for one in chains.values() for epoch in one.epochs}):
        having = {name: one.epochs[epoch] for name, one in chains.items() if epoch in one.epochs}
        yield from _of_epoch(epoch, having)
    for number in sorted({number for one in chains.values() for number in one.instruments}):
        yield (
            f"market {number}",
            {name: _meaning(one.instruments.get(number)) for name, one in chains.items()},
        )


def _of_epoch(epoch: int, chains: Mapping[str, EpochState]) -> Iterator[tuple[str, dict[str, str]]]:
    of = f"of epoch {epoch}"
    members = {name: ", ".join(one.members) for name, one in chains.items()}
    yield f"the list of members {of}", members
    yield f"the threshold {of}", {name: str(one.threshold) for name, one in chains.items()}
    yield f"the end {of}", {name: f"unix {one.valid_until_s}" for name, one in chains.items()}
    yield f"who is revoked {of}", {name: _revoked(one) for name, one in chains.items()}


def _revoked(one: EpochState) -> str:
    found = [member for at, member in enumerate(one.members) if one.revoked >> at & 1]
    return ", ".join(found) or "nobody"


def _meaning(bound: tuple[str, int] | None) -> str:
    if bound is None or not bound[1]:
        return NONE
    name, epoch = bound
    return f"{name} since epoch {epoch}" if name else f"retired since epoch {epoch}"

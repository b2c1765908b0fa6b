"""From an engine step to what a member observes: which round it is for, and its words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from eth_hash.auto import keccak

from oracle.committee.assemble import entry_of
from oracle.committee.rounds.rules import Rules
from oracle.model.messages import Mark, StepManifest, encode
from oracle.report.word import EMPTY, GROUP_SIZE, encode_word, report_ms


class Round(NamedTuple):
    """One view of one slot: who leads follows from both."""

    slot: int
    view: int


class Seen(NamedTuple):
    """What one step says, as an observation carries it."""

    time_ns: int
    words: tuple[bytes, ...]
    inputs_root: bytes
    state_digest: bytes


def round_of(rules: Rules, time_ms: int) -> Round:
    """Return the round that a step at `time_ms` is of."""
    slot = rules.slot_of(time_ms)
    return Round(slot, (time_ms - slot) // rules.view_ms)


def seen(manifest: StepManifest, marks: Sequence[Mark]) -> Seen:
    """Return what a step's marks say.

    The state digest is over all that the step said of every market: marks, averages, breakers,
    sources and their refusals.
    """
    ordered = sorted(marks, key=lambda mark: mark.number)
    by_number = {mark.number: mark for mark in ordered}
    time_ms = report_ms(manifest.time_ns)
    words = []
    for first in range(0, ordered[-1].number + 1, GROUP_SIZE):
        numbers = range(first, first + GROUP_SIZE)
        entries = [entry_of(by_number[n]) if n in by_number else EMPTY for n in numbers]
        words.append(encode_word(time_ms, entries))
    return Seen(
        manifest.time_ns,
        tuple(words),
        keccak(encode(manifest)),
        keccak(b"".join(encode(mark) for mark in ordered)),
    )

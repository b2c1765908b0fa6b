"""From an engine step to what a member observes: which round it is for, and its words. Pure."""

from __future__ import annotations

from typing import NamedTuple

from eth_hash.auto import keccak

from oracle.committee.assemble import entry_of
from oracle.committee.rounds.rules import Rules
from oracle.committee.steps import View
from oracle.model.messages import committed, encode
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


def seen(view: View) -> Seen:
    """Return what a view says.

    The state digest is over all that the steps said of every market: marks, averages, breakers,
    sources and their refusals.
    """
    by_number = {mark.number: mark for mark in view.marks}
    time_ms = report_ms(view.time_ns)
    words = []
    for first in range(0, view.marks[-1].number + 1, GROUP_SIZE):
        numbers = range(first, first + GROUP_SIZE)
        entries = [entry_of(by_number[n]) if n in by_number else EMPTY for n in numbers]
        words.append(encode_word(time_ms, entries))
    return Seen(
        view.time_ns,
        tuple(words),
        view.inputs_root(),
        keccak(b"".join(committed(encode(mark)) for mark in view.marks)),
    )

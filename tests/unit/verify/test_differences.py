"""The first field that differs is named, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from oracle.engine.spec import EngineSpec
from oracle.model.fixed import Px
from oracle.model.messages import SourceView
from oracle.report.word import pack_word
from oracle.verify.differences import in_marks, in_specs, in_words, shown
from tests.engine_builders import market, source, spec
from tests.unit.archive.samples import mark

SPEC = spec([market("X-USD", [source("a:X"), source("b:X")]), market("Y-USD", [source("a:Y")])])


def _plain(value: EngineSpec) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value))


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Return every number and text in a specification, with where it is."""
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    if pairs:
        for key, held in pairs:
            yield from _leaves(held, (*path, key))
    elif isinstance(value, bool | int | float):
        yield path, value


PARAMETERS = [path for path, _ in _leaves(_plain(SPEC)) if path[0] == "markets"]


@pytest.mark.parametrize("path", PARAMETERS, ids=lambda path: ".".join(map(str, path)))
def test_every_parameter_is_named(path: tuple[Any, ...]):
    """Market, source and parameter of each number in a specification."""
    plain = _plain(SPEC)
    at = plain
    for step in path[:-1]:
        at = at[step]
    before = at[path[-1]]
    after = not before if isinstance(before, bool) else before + 1 if before < 1e9 else 7
    if path[-1] in ("method", "mean", "by"):
        after = 1 if before != 1 else 0
    at[path[-1]] = after
    named = in_specs(SPEC, msgspec.convert(plain, EngineSpec))
    assert named is not None
    assert str(path[-1]) in named.field or isinstance(path[-1], int)
    assert plain["markets"][path[1]]["name"] in named.field
    if path[2] == "sources":
        assert plain["markets"][path[1]]["sources"][path[3]]["source"] in named.field


def test_what_is_there_once_only_is_named():
    """A market or source of one of two specifications."""
    one = spec([market("X-USD", [source("a:X"), source("b:X")])])
    assert in_specs(SPEC, one) == ("market Y-USD", "there", "absent")
    fewer = spec([market("X-USD", [source("a:X")]), market("Y-USD", [source("a:Y")])])
    assert in_specs(SPEC, fewer) == ("X-USD, source b:X", "there", "absent")
    assert in_specs(SPEC, SPEC) is None


def test_a_source_within_a_mark_is_named():
    """By its place in the mark, with both values."""
    ours = mark(1)
    views = (ours.sources[0], SourceView("b:X/USD", Px(1, 0), False, "crossed"))
    named = in_marks([ours], [msgspec.structs.replace(ours, sources=views)])
    assert named == ("mark of ETH-USD, sources[1].price", "None", "1")


def test_every_bit_of_a_word_is_of_a_named_field():
    """Time, pause bits, and the five fields of four entries."""
    word = pack_word(1_790_000_000_000, [10**7 | 13 << 27 | 6 << 50] * 4)
    fields = set()
    for bit in range(256):
        other = (int.from_bytes(word, "big") ^ 1 << bit).to_bytes(32, "big")
        named = in_words(word, other)
        assert named is not None
        assert named.ours != named.theirs
        fields.add((named.entry, named.field))
    assert len(fields) == 2 + 4 * 5
    assert in_words(word, word) is None


def test_long_values_are_cut():
    """A line stays a line."""
    assert len(shown("x" * 10_000)) < 200

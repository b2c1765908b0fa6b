"""Lists of names are kept once, and not for ever."""

from __future__ import annotations

import msgspec
import pytest

from oracle.model.messages import decode, encode
from oracle.model.names import NameLists
from oracle.model.ticks import pack
from oracle.model.topics import Topic
from tests.engine_builders import trade


def _raw(*names: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(names))


def test_equal_lists_are_one_tuple():
    """Whether made here or decoded, the same names are the same object."""
    lists = NameLists()
    made = lists.one(("a:X", "b:X"))
    assert lists.decoded(_raw("a:X", "b:X")) is made
    assert lists.one(("a:X", "b:X")) is made
    assert lists.decoded(_raw("b:X", "a:X")) == ("b:X", "a:X")


def test_lists_are_forgotten_when_they_are_too_many():
    """Whoever sends ever new names fills no memory; what was forgotten is learned again."""
    lists = NameLists(most_names=10)
    for number in range(100):
        lists.decoded(_raw(f"s{number}", f"t{number}"))
    assert lists.one(("a", "b")) == ("a", "b")
    held = len(lists._by_names) + len(lists._by_bytes)
    assert held <= 10


def test_what_is_no_list_of_text_is_refused():
    """A list of numbers is no list of names."""
    with pytest.raises(msgspec.MsgspecError):
        NameLists().decoded(msgspec.Raw(msgspec.msgpack.encode([1, 2])))


def test_decoded_batches_share_their_names():
    """Two messages of one feed come with one tuple, which the engine knows by its identity."""
    one, two = (pack([trade("a:X", "1", sequence=n), trade("b:X", "1")]) for n in (1, 2))
    read = [decode(Topic.TICKS, encode(batch)) for batch in (one, two)]
    assert read[0].sources is read[1].sources
    assert read == [one, two]

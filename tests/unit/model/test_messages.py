"""Messages on the wire: round trips, and what any bytes do to a reader."""

from __future__ import annotations

import contextlib
import json
import typing

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oracle.model.errors import SchemaError
from oracle.model.messages import CLASS_OF, SCHEMA_VERSION, Control, Mark, Message, decode, encode
from oracle.model.topics import Topic
from oracle.model.validity import BreakerState, Validity
from tests.vectors import messages as vectors

topics = st.sampled_from(list(Topic))
plain_topics = st.sampled_from([topic for topic in Topic if topic is not Topic.TICKS])
i64 = st.integers(-(2**63), 2**63 - 1)


def _values(kind: object) -> st.SearchStrategy[object]:  # noqa: PLR0911 - a table of types
    """Build a strategy from a field's type."""
    arguments = [a for a in typing.get_args(kind) if a is not Ellipsis]
    if isinstance(kind, type) and issubclass(kind, (Validity, BreakerState)):
        return st.sampled_from(list(kind))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _structs(kind)
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return st.integers(-60, 60)
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=3)
    if arguments:
        return st.one_of([_values(a) for a in arguments])
    plain: dict[object, st.SearchStrategy[object]] = {
        int: i64,
        bool: st.booleans(),
        str: st.text(max_size=20),
        bytes: st.binary(max_size=40),
        type(None): st.none(),
    }
    return plain[kind]


def _structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[object]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return st.builds(kind, *(_values(hints[name]) for name in kind.__struct_fields__))


@given(plain_topics.flatmap(lambda topic: st.tuples(st.just(topic), _structs(CLASS_OF[topic]))))
def test_every_message_comes_back_equal(case: tuple[Topic, Message]) -> None:
    """Whatever the fields hold, encoding loses nothing; ticks are in test_ticks."""
    topic, message = case
    assert decode(topic, encode(message)) == message


@given(
    topics,
    st.binary(max_size=200) | st.binary(max_size=200).map(lambda b: bytes([SCHEMA_VERSION]) + b),
)
def test_any_bytes_decode_or_are_refused(topic: Topic, data: bytes) -> None:
    """A reader meets no other exception than SchemaError, whatever is on the topic."""
    with contextlib.suppress(SchemaError):
        assert isinstance(decode(topic, data), CLASS_OF[topic])


_json_like = st.recursive(
    st.none() | st.booleans() | i64 | st.floats() | st.text(max_size=5) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=16) | st.dictionaries(i64, inner, max_size=3),
    max_leaves=30,
)


@given(topics, _json_like)
def test_any_msgpack_decodes_or_is_refused(topic: Topic, value: object) -> None:
    """Well-formed msgpack of the wrong shape is no different."""
    with contextlib.suppress(SchemaError):
        decode(topic, bytes([SCHEMA_VERSION]) + msgspec.msgpack.encode(value))


@given(
    plain_topics.flatmap(lambda topic: st.tuples(st.just(topic), _structs(CLASS_OF[topic]))),
    st.data(),
)
def test_a_damaged_message_decodes_or_is_refused(
    case: tuple[Topic, Message], data: st.DataObject
) -> None:
    """One changed byte, or a cut, raises nothing but SchemaError."""
    topic, message = case
    raw = bytearray(encode(message))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    for damaged in (bytes(raw), bytes(raw[:at])):
        with contextlib.suppress(SchemaError):
            decode(topic, damaged)


@pytest.mark.parametrize("topic", list(Topic))
def test_an_empty_message_is_refused(topic: Topic) -> None:
    """No bytes, no body and no fields are no message of any topic."""
    for data in (b"", bytes([SCHEMA_VERSION]), bytes([SCHEMA_VERSION]) + b"\x90"):
        with pytest.raises(SchemaError):
            decode(topic, data)


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION - 2, SCHEMA_VERSION + 1, 255])
def test_another_version_is_refused_by_its_number(version: int) -> None:
    """A writer that was upgraded first is named, with what to do."""
    data = bytes([version]) + encode(_control())[1:]
    with pytest.raises(SchemaError, match=rf"schema version {version}.*upgrade"):
        decode(Topic.CONTROLS, data)


def test_a_field_too_many_is_refused() -> None:
    """Fields are added with a new version, never slipped in."""
    fields = [*msgspec.structs.astuple(_control()), "more"]
    with pytest.raises(SchemaError):
        decode(Topic.CONTROLS, bytes([SCHEMA_VERSION]) + msgspec.msgpack.encode(fields))


def test_text_that_is_not_utf8_is_refused() -> None:
    """A damaged string is a damaged message."""
    raw = encode(_control()).replace(b"market", b"mark\xff\xff")
    with pytest.raises(SchemaError):
        decode(Topic.CONTROLS, raw)


def test_messages_are_frozen_and_hashable_by_value() -> None:
    """A reader in the same process cannot change what another reads."""
    with pytest.raises(AttributeError):
        _control().who = "eve"  # type: ignore[misc]  # the point of the test
    assert _control() == _control()


def test_a_pause_ends_by_itself() -> None:
    """In force up to, not at, the end; a resume is never in force."""
    pause = _control()
    assert pause.in_force(pause.until_ns - 1)
    assert not pause.in_force(pause.until_ns)
    assert not msgspec.structs.replace(pause, paused=False).in_force(pause.issued_ns)


@given(st.sampled_from(list(Validity)), st.sampled_from(list(Validity)))
def test_the_smaller_validity_is_the_stricter(one: Validity, two: Validity) -> None:
    """`min` of two is the worse one, as the enum's order says."""
    assume(one != two)
    order = list(Validity)
    assert min(one, two) == order[min(order.index(one), order.index(two))]


def test_every_topic_has_its_one_class() -> None:
    """Nothing can be published that has no schema."""
    assert set(CLASS_OF) == set(Topic)
    assert len(set(CLASS_OF.values())) == len(Topic)
    assert CLASS_OF[Topic.MARKS] is Mark


def _control() -> Control:
    return Control("market", "BTC-USD", True, "ana", "wick", 10, 20)


def _vectors(version: int) -> list[tuple[Topic, bytes, dict[str, typing.Any]]]:
    kept = json.loads(vectors.FILE.read_text())[str(version)]
    return [(Topic(one["topic"]), bytes.fromhex(one["wire"]), one["fields"]) for one in kept]


def test_this_version_writes_what_it_always_wrote() -> None:
    """A changed format under the same number would be read wrong by a release that has it."""
    assert vectors.written() == json.loads(vectors.FILE.read_text())[str(SCHEMA_VERSION)], (
        "raise SCHEMA_VERSION (unless no release has this one), then: "
        "python -m tests.vectors.messages"
    )
    assert {topic for topic, _, _ in _vectors(SCHEMA_VERSION)} == set(Topic)


@pytest.mark.parametrize("version", [SCHEMA_VERSION - 1, SCHEMA_VERSION])
def test_bytes_of_this_version_and_the_one_before_are_read(version: int) -> None:
    """Each field has what that version's own code wrote; fields since then have their default."""
    cases = _vectors(version)
    assert cases
    for topic, wire, fields in cases:
        assert wire[0] == version
        message = decode(topic, wire)
        read = vectors.fields_of(message)
        assert {name: read.pop(name) for name in fields} == fields
        for field in msgspec.structs.fields(CLASS_OF[topic]):
            if field.name in read:
                made = field.default_factory
                default = field.default if made is msgspec.NODEFAULT else made()
                assert getattr(message, field.name) == default


def test_bytes_of_a_version_to_come_are_refused_on_every_topic() -> None:
    """However alike they look: what was added may change what the rest means."""
    for topic, wire, _ in _vectors(SCHEMA_VERSION):
        with pytest.raises(SchemaError, match="upgrade it before its writers"):
            decode(topic, bytes([SCHEMA_VERSION + 1]) + wire[1:])

"""Messages as rows of typed columns and back, by the fields of their class. Ticks are apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa
from msgspec import inspect

from oracle.model.errors import SchemaError
from oracle.model.fixed import Px
from oracle.model.messages import CLASS_OF, Message, decode, encode
from oracle.model.topics import Topic

MANTISSA, EXPONENT = "_mantissa", "_exponent"
_INT64: Final = range(-(2**63), 2**63)


class _Unfit(Exception):
    """A number that no column holds."""


class _Codec(NamedTuple):
    """How values of one type are stored."""

    kind: pa.DataType
    store: Callable[[Any], Any]
    load: Callable[[Any], Any]


class _Field(NamedTuple):
    name: str
    codec: _Codec
    is_price: bool
    """Prices are two columns: they are what people select."""


def _same(value: Any) -> Any:
    return value


def _int(value: int) -> int:
    if value not in _INT64:
        raise _Unfit
    return value


_SIMPLE: Final = {
    inspect.IntType: _Codec(pa.int64(), _int, _same),
    inspect.StrType: _Codec(pa.string(), _same, _same),
    inspect.BytesType: _Codec(pa.binary(), _same, _same),
    inspect.BoolType: _Codec(pa.bool_(), _same, _same),
}


def _codec(kind: inspect.Type) -> _Codec:
    """Return how a field's type is stored."""
    match kind:
        case inspect.EnumType():
            codec = _enum(kind.cls)
        case inspect.StructType():
            codec = _struct(kind)
        case inspect.VarTupleType():
            codec = _list(_codec(kind.item_type))
        case inspect.DictType():
            codec = _map(_codec(kind.key_type), _codec(kind.value_type))
        case inspect.UnionType():
            codec = _optional(kind)
        case _:
            codec = _SIMPLE[type(kind)]
    return codec


def _enum(cls: type[Enum]) -> _Codec:
    return _Codec(pa.string(), lambda value: value.name, lambda name: cls[name])


def _struct(kind: inspect.StructType) -> _Codec:
    codecs = [(field.name, _codec(field.type)) for field in kind.fields]
    cls = kind.cls
    return _Codec(
        pa.struct([(name, codec.kind) for name, codec in codecs]),
        lambda value: {name: codec.store(getattr(value, name)) for name, codec in codecs},
        lambda row: cls(**{name: codec.load(row[name]) for name, codec in codecs if name in row}),
    )


def _list(item: _Codec) -> _Codec:
    return _Codec(
        pa.list_(item.kind),
        lambda values: [item.store(value) for value in values],
        lambda values: tuple(item.load(value) for value in values),
    )


def _map(key: _Codec, value: _Codec) -> _Codec:
    return _Codec(
        pa.map_(key.kind, value.kind),
        lambda values: [(key.store(k), value.store(v)) for k, v in values.items()],
        lambda pairs: {key.load(k): value.load(v) for k, v in pairs},
    )


def _optional(kind: inspect.UnionType) -> _Codec:
    (some,) = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
    codec = _codec(some)
    return _Codec(
        codec.kind,
        lambda value: None if value is None else codec.store(value),
        lambda value: None if value is None else codec.load(value),
    )


@cache
def _fields(kind: Topic) -> tuple[_Field, ...]:
    described = inspect.type_info(CLASS_OF[kind])
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{kind} carries no struct")
    return tuple(
        _Field(field.name, _codec(field.type), _is_price(field.type)) for field in described.fields
    )


def _is_price(kind: inspect.Type) -> bool:
    some = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return any(isinstance(one, inspect.StructType) and one.cls is Px for one in some)


@cache
def schema_of(kind: Topic) -> pa.Schema:
    """Return the columns of a kind: where the message was, its fields, and `wire`.

    `wire` has the message's bytes where the columns cannot hold it; they are null then.
    """
    columns: list[tuple[str, pa.DataType]] = [("log", pa.string()), ("offset", pa.int64())]
    for field in _fields(kind):
        if field.is_price:
            columns.append((field.name + MANTISSA, pa.int64()))
            columns.append((field.name + EXPONENT, pa.int64()))
        else:
            columns.append((field.name, field.codec.kind))
    return pa.schema([*columns, ("wire", pa.binary())])


def price_fields(kind: Topic) -> list[str]:
    """Return the fields that are stored as mantissa and exponent."""
    return [field.name for field in _fields(kind) if field.is_price]


def table_of(kind: Topic, log: str, messages: Sequence[tuple[int, Message]]) -> pa.Table:
    """Return messages with their offsets as a table."""
    rows = [{"log": log, "offset": offset, **_row(kind, message)} for offset, message in messages]
    return pa.Table.from_pylist(rows, schema=schema_of(kind))


def _row(kind: Topic, message: Message) -> dict[str, Any]:
    row: dict[str, Any] = {}
    try:
        for field in _fields(kind):
            value = getattr(message, field.name)
            if not field.is_price:
                row[field.name] = field.codec.store(value)
            elif value is not None:
                row[field.name + MANTISSA] = _int(value.mantissa)
                row[field.name + EXPONENT] = _int(value.exponent)
    except _Unfit:
        return {"wire": encode(message)}
    return row


def messages_of(kind: Topic, table: pa.Table) -> list[tuple[int, Message]]:
    """Return a table's messages with their offsets.

    Raises:
        SchemaError: the table is none of this kind's.
    """
    try:
        return [(row["offset"], _message(kind, row)) for row in table.to_pylist()]
    except (KeyError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        raise SchemaError(f"rows of {kind} in the archive do not fit: {error!r}") from error


def _message(kind: Topic, row: dict[str, Any]) -> Message:
    if row["wire"] is not None:
        return decode(kind, row["wire"])
    values: dict[str, Any] = {}
    for field in _fields(kind):
        if field.is_price:
            mantissa = row[field.name + MANTISSA]
            price = None if mantissa is None else Px(mantissa, row[field.name + EXPONENT])
            values[field.name] = price
        elif field.name in row:  # a part of an older release lacks what came later
            values[field.name] = field.codec.load(row[field.name])
    message: Message = CLASS_OF[kind](**values)
    return message

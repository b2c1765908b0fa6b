"""Write messages.json: what each schema version's own code made of fixed messages.

    python -m tests.vectors.messages

rewrites the entry of this tree's version only; the entry of the version before stays as that
version's tree wrote it, so that reading it is proven on bytes that this tree cannot make.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from oracle.model.fixed import Px
from oracle.model.messages import (
    CLASS_OF,
    SCHEMA_VERSION,
    Control,
    MarketEvent,
    Message,
    SourceView,
    encode,
)
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from oracle.model.validity import BreakerState, Validity

FILE = Path(__file__).with_name("messages.json")
_NS = 1_790_000_000_000_000_000
_ORDER = Control("market", "BTC-USD", True, "ana", "drill", _NS, _NS + 1)
_VALUES: dict[str, Any] = {
    "validity": Validity.STALE,
    "state": BreakerState(1),
    "index": Px(6_512_345, -2),
    "mark": Px(6_512_400, -2),
    "twap": None,
    "sources": (
        SourceView("kraken:BTC/USD", Px(65_123, 0), True, ""),
        SourceView("okx:BTC/USDT", None, False, "stale"),
    ),
    "events": (MarketEvent("BTC-USD", "state", "ok", "halted", "spread 512 > 500 bps"),),
    "orders": (_ORDER,),
    "tick_offsets": {0: 2**40, 3: 7},
    "tick_starts": {0: 2**40 - 5, 3: 0},
    "control_offsets": {0: 12},
    "rejected": {"stale": 2},
    "groups": (0, 3),
    "accepted": True,
    "paused": True,
    "shared_view": False,
    "fresh": True,
    "steps": {0: 2**40, 3: 7},
    "equity": Px(-1_234_567, -3),
    "maintenance": Px(25, 0),
    "net": Px(-15, -1),
    "longs": Px(20, -1),
    "shorts": Px(5, -1),
    "hedge": Px(15, -1),
    "cost": Px(7, -2),
}
"""Fields that are told apart by name; the others by their type."""


def fields_of(message: Message) -> dict[str, Any]:
    """Return a message's fields as JSON has them."""
    named = {name: getattr(message, name) for name in message.__struct_fields__}
    shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(named))
    return shown


def _value(name: str, kind: object, at: int) -> Any:
    if name in _VALUES:
        return _VALUES[name]
    if kind is bytes:
        return bytes(range(at, at + 4))
    if kind is str:
        return f"{name} ä {at}"
    return _NS + at if name.endswith("_ns") else 1000 + at


def _samples(kind: type[Any]) -> list[Message]:
    if kind is CLASS_OF[Topic.TICKS]:
        quote = Tick("kraken:BTC/USD", 1, _NS, _NS + 5, bid=Px(65_123, 0), ask=Px(651_235, -1))
        trade = Tick("okx:BTC/USDT", 2, _NS, _NS + 6, last=Px(6_512_345, -2), last_size=Px(5, -1))
        return [pack([quote]), pack([quote, trade])]
    fields = list(enumerate(msgspec.structs.fields(kind)))
    whole = {field.name: _value(field.name, field.type, at) for at, field in fields}
    least = {field.name: whole[field.name] for _, field in fields if field.required}
    return [kind(**whole), kind(**least)]


def written() -> list[dict[str, Any]]:
    """Return this tree's messages with their bytes."""
    return [
        {"topic": str(topic), "wire": encode(message).hex(), "fields": fields_of(message)}
        for topic, kind in CLASS_OF.items()
        for message in _samples(kind)
    ]


if __name__ == "__main__":
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    kept[str(SCHEMA_VERSION)] = written()
    newest = sorted(kept, key=int)[-2:]
    FILE.write_text(json.dumps({version: kept[version] for version in newest}, indent=1) + "\n")

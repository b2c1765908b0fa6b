"""An order has its effect once: after a restart the whole log is read again."""

from __future__ import annotations

import pytest

from oracle.engine.engine import Engine
from oracle.engine.spec import EngineSpec
from oracle.model.errors import Rejected, SchemaError
from oracle.model.messages import Control
from oracle.model.validity import Validity
from tests.engine_builders import T0, S, engine, market, only, source, trades

NAMES = ("a:X", "b:X", "c:X")
SPEC = EngineSpec((market("X-USD", [source(name) for name in NAMES]),), (("X-USD",),))
RESUME = Control("market", "X-USD", False, "ann", "looked at it", T0 + S, T0 + S)


def _restarted() -> Engine:
    """Return an engine that was resumed once, ran on, and was restored an hour later."""
    made = engine(SPEC.markets)
    made.step(trades(dict.fromkeys(NAMES, "100"), 1), [], T0 + S)
    made.step(trades(dict.fromkeys(NAMES, "100"), 2), [RESUME], T0 + 2 * S)
    made.step(trades(dict.fromkeys(NAMES, "100"), 3), [], T0 + 3 * S)
    return Engine(SPEC, made.snapshot())


def test_an_old_resume_vouches_for_no_new_price():
    """Ten times the price after an outage is refused, though the log still holds the order."""
    later = 3600
    mark = only(
        _restarted().step(trades(dict.fromkeys(NAMES, "1000"), later), [RESUME], T0 + later * S)
    )
    assert mark.validity is Validity.MISSING


def test_a_new_resume_does():
    """A person who has looked at the new level lets it in."""
    later = 3600
    fresh = Control("market", "X-USD", False, "ann", "it split", T0 + later * S, T0 + later * S)
    mark = only(
        _restarted().step(
            trades(dict.fromkeys(NAMES, "1000"), later), [RESUME, fresh], T0 + later * S
        )
    )
    assert str(mark.index) == "1000.0000"


def test_a_damaged_snapshot_is_refused():
    """A flipped bit anywhere is found before any figure is used."""
    data = bytearray(engine(SPEC.markets).snapshot())
    for at in range(0, len(data), 97):
        data[at] ^= 4
        with pytest.raises(SchemaError):
            Engine(SPEC, bytes(data))
        data[at] ^= 4


def test_time_has_an_end():
    """A clock that is far off is refused by name, and steps nothing."""
    with pytest.raises(Rejected, match="before"):
        engine(SPEC.markets).step([], [], 2**62)

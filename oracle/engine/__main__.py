"""Compile the engine's step, so that no first start has to: `python -m oracle.engine`."""

from oracle.engine.engine import Engine
from oracle.engine.spec import BreakerSpec, EngineSpec, MarketSpec, SourceSpec

_SOURCE = SourceSpec("nobody:NOTHING/USD", "nobody", 1.0, 1)
Engine(
    EngineSpec((MarketSpec("NOTHING-USD", 0, (_SOURCE,), BreakerSpec(())),), (("NOTHING-USD",),))
)

"""The mark engine: pure, columnar, deterministic. `engine.Engine.step(ticks, controls, now_ns)`.

No clock, no I/O, no logging, no environment: time is an argument. Floats live here only, and
state-bearing arithmetic is + - * / in a fixed order, so that equal inputs give equal bits.
"""

"""Digests by which a step can be proven afterwards: what it computed, took and made. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from oracle.engine.spec import EngineSpec
from oracle.model.messages import Control, encode
from oracle.model.ticks import TickBatch

NO_HISTORY: Final = bytes(32)
"""The history before a shard's first step."""


def spec_digest(spec: EngineSpec) -> bytes:
    """Return the SHA-256 of what an engine computes: markets, sources and every parameter."""
    return sha256(msgspec.msgpack.encode(spec)).digest()


def inputs_digest(batches: Iterable[TickBatch]) -> bytes:
    """Return the SHA-256 of the ticks that a step took, batch by batch in the log's order."""
    digest = sha256()
    for batch in batches:
        wire = encode(batch)
        digest.update(len(wire).to_bytes(4, "big"))
        digest.update(wire)
    return digest.digest()


def marks_digest(encoded: Iterable[bytes]) -> bytes:
    """Return the SHA-256 of a step's marks, each as it is on the bus, by market number."""
    digest = sha256()
    for wire in encoded:
        digest.update(len(wire).to_bytes(4, "big"))
        digest.update(wire)
    return digest.digest()


def history_after(
    history: bytes,
    time_ns: int,
    spec: bytes,
    inputs: bytes,
    orders: Sequence[Control],
    marks: bytes,
) -> bytes:
    """Return the history after a step, from the one before it.

    The engine is a function of its specification and of what it took, so that this commits to its
    whole state without reading it.
    """
    digest = sha256(history + time_ns.to_bytes(8, "big") + spec + inputs + marks)
    for order in orders:
        digest.update(encode(order))
    return digest.digest()

"""Digests by which a step can be proven afterwards: what it computed, took and made. Pure.

They are over `committed` bytes: those of a message that a later release reads give the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from oracle.engine.spec import EngineSpec
from oracle.model.messages import Control, committed, encode
from oracle.model.ticks import TickBatch

NO_HISTORY: Final = bytes(32)
"""The history before a shard's first step."""


def spec_bytes(spec: EngineSpec) -> bytes:
    """Return what an engine computes as bytes that decode to themselves: 5 and 5.0 are one."""
    exact = msgspec.msgpack.decode(msgspec.msgpack.encode(spec), type=EngineSpec)
    return msgspec.msgpack.encode(exact)


def spec_digest(spec: EngineSpec) -> bytes:
    """Return the SHA-256 of what an engine computes: markets, sources and every parameter."""
    return sha256(spec_bytes(spec)).digest()


def snapshot_digest(state: bytes) -> bytes:
    """Return the SHA-256 of an engine's state after a step."""
    return sha256(state).digest()


def inputs_digest(batches: Iterable[TickBatch]) -> bytes:
    """Return the SHA-256 of the ticks that a step took, batch by batch in the log's order."""
    return _in_order(encode(batch) for batch in batches)


def marks_digest(encoded: Iterable[bytes]) -> bytes:
    """Return the SHA-256 of a step's marks, each as `encode` gives it, by market number."""
    return _in_order(encoded)


def _in_order(encoded: Iterable[bytes]) -> bytes:
    digest = sha256()
    for wire in encoded:
        digest.update(len(wire).to_bytes(4, "big"))
        digest.update(committed(wire))
    return digest.digest()


def history_after(
    history: bytes,
    time_ns: int,
    spec: bytes,
    inputs: bytes,
    orders: Sequence[Control],
    marks: bytes,
    snapshot: bytes = b"",
) -> bytes:
    """Return the history after a step, from the one before it.

    The engine is a function of its specification and of what it took, so that this commits to its
    whole state without reading it. `snapshot` is the digest of the state that came with the step,
    if any: whoever goes on from that state trusts it as far as a later history.
    """
    digest = sha256(history + time_ns.to_bytes(8, "big") + spec + inputs + marks)
    for order in orders:
        digest.update(committed(encode(order)))
    # Shorter than anything hashed above, so that neither reads as the other.
    return sha256(digest.digest() + snapshot).digest() if snapshot else digest.digest()

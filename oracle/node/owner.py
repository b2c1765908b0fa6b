"""An engine with its shard's log: each step is computed, proven and committed before the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from oracle.bus.shards import Made, ShardLog, Snapshot
from oracle.engine.result import MarkBatch
from oracle.model.messages import Control, Mark, MarketEvent, StepManifest, encode
from oracle.model.ticks import TickBatch
from oracle.node.proof import (
    history_after,
    inputs_digest,
    marks_digest,
    snapshot_digest,
    spec_digest,
)
from oracle.node.recovery import Recovered, recover
from oracle.node.sharding import Shard

SNAPSHOT_NS: Final = 10 * 10**9
"""Step time between two snapshots: what a restart has to step again."""


class Stepped(NamedTuple):
    """A step that was committed."""

    manifest: StepManifest
    marks: Sequence[Mark]
    refused: Mapping[str, int]
    """Sources that began to be refused, by reason."""


async def take_over(
    log: ShardLog, shard: Shard, now_ns: int, snapshot_ns: int = SNAPSHOT_NS
) -> Owner:
    """Go on where the owner before stopped, and shut it out; keep the state every `snapshot_ns`.

    Raises:
        Retryable: the log could not be read.
        ShardLost: yet another has taken over meanwhile.
    """
    at = await recover(log, shard.spec, shard.markets, now_ns)
    return Owner(log, shard, at, snapshot_ns)


class Owner:
    """Owns a shard until another takes it over. After an error it is of no more use."""

    def __init__(self, log: ShardLog, shard: Shard, at: Recovered, snapshot_ns: int) -> None:
        self._log, self._shard, self._snapshot_ns = log, shard, snapshot_ns
        self.engine, self._history = at
        self._spec_digest: Final = spec_digest(shard.spec)
        self._saved_ns: int | None = None

    async def step(
        self,
        ticks: Sequence[TickBatch],
        tick_start: int,
        orders: Sequence[Control],
        control_offsets: Mapping[int, int],
        now_ns: int,
    ) -> Stepped:
        """Take one step at `now_ns` with the ticks from `tick_start` to the log's position.

        Raises:
            ShardLost: another owns the shard.
            Retryable: it is not known whether the step was committed.
        """
        made = self.engine.step(ticks, orders, now_ns)
        marks = [mark for mark in made.messages() if mark.market in self._shard.markets]
        encoded = [encode(mark) for mark in marks]
        fresh = self._saved_ns is None
        state = self.engine.snapshot() if self._is_snapshot_due(made.time_ns) else b""
        manifest = self._manifest(made, ticks, tick_start, orders, control_offsets, encoded, state)
        self._history = manifest.history
        snapshot = self._snapshot(state, fresh=fresh) if state else None
        await self._log.commit(Made(manifest, marks, encoded), snapshot)
        return Stepped(manifest, marks, made.refused)

    async def keep(self) -> None:
        """Keep the state on the way out."""
        await self._log.keep(self._snapshot(self.engine.snapshot(), fresh=False))

    def _is_snapshot_due(self, time_ns: int) -> bool:
        """Whether the state goes with a step; it does with our first, so that proofs begin there.

        What was before it may be of another configuration, or in a log that nobody has.
        """
        due = self._saved_ns is None or time_ns - self._saved_ns >= self._snapshot_ns
        if due:
            self._saved_ns = time_ns
        return due

    def _manifest(
        self,
        made: MarkBatch,
        ticks: Sequence[TickBatch],
        tick_start: int,
        orders: Sequence[Control],
        control_offsets: Mapping[int, int],
        encoded: Sequence[bytes],
        state: bytes,
    ) -> StepManifest:
        shard, digest = self._shard.number, self._spec_digest
        inputs, marks = inputs_digest(ticks), marks_digest(encoded)
        kept = snapshot_digest(state) if state else b""
        return StepManifest(
            group=str(shard),
            sequence=made.sequence,
            time_ns=made.time_ns,
            ticks=sum(len(batch) for batch in ticks),
            tick_offsets={shard: self._log.position},
            control_offsets=dict(control_offsets),
            rejected=made.rejected,
            events=tuple(
                MarketEvent(event.market, event.kind, event.before, event.after, event.cause)
                for event in made.events
            ),
            tick_starts={shard: tick_start},
            orders=tuple(orders),
            spec_digest=digest,
            inputs_digest=inputs,
            marks_digest=marks,
            history=history_after(self._history, made.time_ns, digest, inputs, orders, marks, kept),
            snapshot_digest=kept,
        )

    def _snapshot(self, state: bytes, *, fresh: bool) -> Snapshot:
        return Snapshot(
            self.engine.sequence,
            self.engine.time_ns,
            self._history,
            self._log.position,
            self._log.step_offset,
            state,
            fresh,
        )

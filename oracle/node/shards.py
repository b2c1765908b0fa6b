"""Which shards this process steps, as the processes of a deployment divide them.

What the group says is advice: an owner goes on until another has taken its shard over, so that
there are marks while processes come and go, and the log keeps the two apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import structlog

from oracle.bus.interface import Bus
from oracle.bus.shards import ShardLost
from oracle.model.errors import Fatal, PlumblineError, Retryable
from oracle.node.metrics import NodeMetrics

GROUP: Final = "engines"
RETRY_S: Final = 1.0
_LOOK_S: Final = 0.5

Step = Callable[[int], Awaitable[None]]
"""Steps one shard until it is cancelled, taken over, or the bus is lost."""

_log = structlog.get_logger(__name__)
_numbers: Final = msgspec.json.Decoder(tuple[int, ...])


class ShardHost:
    """Steps the shards that fall to this process: `name` in the group, like no other's.

    A shard that goes to another process is stepped on until that one has taken it, or for
    `hand_over_s` at most.
    """

    def __init__(
        self,
        bus: Bus,
        name: str,
        shards: int,
        step: Step,
        metrics: NodeMetrics,
        hand_over_s: float = 10.0,
        retry_s: float = RETRY_S,
    ) -> None:
        self._bus, self._name, self._shards = bus, name, shards
        self._step, self._metrics = step, metrics
        self._hand_over_s: Final = hand_over_s
        self._retry_s: Final = retry_s
        self._wanted: frozenset[int] = frozenset()
        self._running: Final[dict[int, asyncio.Task[None]]] = {}
        metrics.expect(shards)

    async def run(self) -> None:
        """Take part until cancelled; a group that cannot be reached is joined again.

        Raises:
            Fatal: only a person can mend it.
        """
        try:
            while True:
                try:
                    await self._take_part()
                except Retryable as error:
                    _log.warning("group_unreachable", group=GROUP, error=str(error))
                await asyncio.sleep(self._retry_s)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _take_part(self) -> None:
        sharing = self._bus.share(
            GROUP, self._name, self._claim, lambda claims: divide(claims, self._shards)
        )
        async with sharing:
            while True:
                share = await sharing.next(timeout_s=_LOOK_S)
                if share is not None:
                    self._take(frozenset(_read(share) or ()))
                for task in [task for task in self._running.values() if task.done()]:
                    await task  # raises what only a person can mend

    def _claim(self) -> bytes:
        return msgspec.json.encode(sorted(self._running))

    def _take(self, wanted: frozenset[int]) -> None:
        _log.info("shards_divided", ours=sorted(wanted), before=sorted(self._wanted))
        self._wanted = wanted
        for shard in wanted - self._running.keys():
            task = asyncio.create_task(self._serve(shard), name=f"shard {shard}")
            self._running[shard] = task

    async def _serve(self, shard: int) -> None:
        """Step a shard for as long as it is ours."""
        self._metrics.owned.labels(str(shard)).set(1)
        try:
            while shard in self._wanted:
                stepping = asyncio.ensure_future(self._step(shard))
                try:
                    await self._until_given_away(shard, stepping)
                except ShardLost as lost:
                    _log.info("shard_taken_over", shard=shard, why=str(lost))
                except Fatal:
                    raise
                except PlumblineError as error:
                    self._metrics.interrupted.labels(str(shard)).inc()
                    _log.warning("shard_interrupted", shard=shard, error=str(error))
                except Exception:  # noqa: BLE001 - a defect in one shard must not stop the others
                    self._metrics.interrupted.labels(str(shard)).inc()
                    _log.exception("shard_failed", shard=shard)
                if shard in self._wanted:
                    await asyncio.sleep(self._retry_s)
        finally:
            self._metrics.passed_on(shard)
        del self._running[shard]  # after an error it stays, for `run` to raise

    async def _until_given_away(self, shard: int, stepping: asyncio.Future[None]) -> None:
        """Let a shard step; once it is another's, for `hand_over_s` at most."""
        left_s = self._hand_over_s
        try:
            while left_s > 0:
                done, _ = await asyncio.wait([stepping], timeout=_LOOK_S)
                if done:
                    return await stepping
                left_s = self._hand_over_s if shard in self._wanted else left_s - _LOOK_S
            _log.warning("shard_not_taken", shard=shard, waited_s=self._hand_over_s)
        finally:
            stepping.cancel()
            await asyncio.gather(stepping, return_exceptions=True)


def divide(claims: Mapping[str, bytes], shards: int) -> dict[str, bytes]:
    """Return each member's shards, given what each steps now: as few as can be move.

    A claim that does not decode (another version's) is of somebody who gets nothing.
    """
    holding = {name: _read(claim) for name, claim in sorted(claims.items())}
    members = [name for name, held in holding.items() if held is not None]
    given: dict[str, list[int]] = {name: [] for name in members}
    if members:
        most, over = divmod(shards, len(members))
        free = set(range(shards))
        for name in members:
            room = most + (over > 0)
            kept = [shard for shard in dict.fromkeys(holding[name] or ()) if shard in free][:room]
            over -= len(kept) > most
            given[name] = kept
            free -= set(kept)
        for shard in sorted(free):
            given[min(members, key=lambda name: len(given[name]))].append(shard)
    return {name: msgspec.json.encode(sorted(given.get(name, []))) for name in claims}


def _read(data: bytes) -> tuple[int, ...] | None:
    """Return the shards that a claim or share names; None when it does not decode."""
    try:
        return _numbers.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None

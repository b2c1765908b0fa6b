"""Shares work through a Kafka consumer group: its leader divides, its sessions say who is alive.

The members' claims and shares travel as the user data of the group protocol; no partition is
assigned. Membership is static: a process that is killed and comes back within the session has
its share at once, and nobody else was disturbed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import structlog

from oracle.bus.kafka_calls import aiokafka
from oracle.bus.kafka_consumer import OpenedConsumer
from oracle.bus.lease import Lease, Takeovers, awake_or_not_s
from oracle.bus.sharing import Declare, Divide
from oracle.model.errors import ConfigError

_ERRORS_S: Final = 0.02
_FENCED: Final = "UnknownError"
"""As the library calls Kafka's FENCED_INSTANCE_ID, a code it does not know."""

_log = structlog.get_logger(__name__)


class KafkaSharing(OpenedConsumer):
    """A member, by `name`, of a group that meets on `topic`.

    `connect` makes a consumer in that group, given its assignor.
    """

    def __init__(
        self,
        connect: Callable[[Any], Any],
        topic: str,
        name: str,
        declare: Declare,
        divide: Divide,
        bounded: Callable[[str], AbstractAsyncContextManager[None]],
        session_s: float,
    ) -> None:
        self._connect: Final = connect
        self._topic: Final = topic
        self._name: Final = name
        self._assignor: Final = _assignor(declare, divide, self._give)
        self._bounded: Final = bounded
        self._look_s: Final = session_s / 4
        self._share: bytes | None = None
        self._news: Final = asyncio.Event()
        self._lease: Final = Lease(session_s)
        self._takeovers: Final = Takeovers(session_s)

    async def _open(self) -> None:
        self._consumer = self._connect(self._assignor)
        async with self._bounded("join"):
            await self._consumer.start()
        self._watch_answers()
        self._watch_heartbeats()
        self._consumer.subscribe([self._topic])

    async def next(self, *, timeout_s: float = 1.0) -> bytes | None:
        """Return our newest share once there is another; None when the time is out."""
        deadline = time.monotonic() + timeout_s
        while not self._news.is_set():
            await self._surface_errors()
            left_s = min(deadline - time.monotonic(), self._look_s)
            if left_s <= 0:
                return None
            try:
                async with asyncio.timeout(left_s):
                    await self._news.wait()
            except TimeoutError:
                continue
        self._news.clear()
        return self._share

    def holds(self) -> bool:
        """Whether the broker cannot have given our share to another yet.

        With a newer share that nobody has taken from `next`, the one before is over.
        """
        return not self._news.is_set() and self._lease.holds(awake_or_not_s())

    def restate(self) -> None:
        """Have the work divided anew."""
        self._consumer._coordinator.request_rejoin()

    def _give(self, share: bytes) -> None:
        self._share = share
        self._news.set()

    async def _surface_errors(self) -> None:
        """Raise what went wrong in the library's own tasks."""
        if self._takeovers.twins:
            raise ConfigError(
                f"another process takes part as {self._name!r}: a relayer's name comes from its "
                "wallets, so give each relayer wallets of its own, or end one of the two"
            )
        async with self._bounded("share"):
            try:
                async with asyncio.timeout(_ERRORS_S):
                    await self._consumer.getmany(timeout_ms=0)
            except TimeoutError:
                pass
            except aiokafka().errors.KafkaError as error:
                if _FENCED not in str(error):
                    raise
                self._takeovers.add(awake_or_not_s())
                self._lease.end()
                self._consumer._coordinator.reset_generation()

    def _watch_answers(self) -> None:
        """Follow what the broker acknowledges, which the library tells nobody of."""
        from aiokafka.protocol.group import SyncGroupRequest  # noqa: PLC0415 - an optional library

        coordinator = self._consumer._coordinator
        send = coordinator._send_req

        async def watched(request: Any) -> Any:
            sent = awake_or_not_s()
            answer = await send(request)
            if isinstance(request, SyncGroupRequest) and answer.error_code == 0:
                self._lease.renew(sent)
            return answer

        coordinator._send_req = watched

    def _watch_heartbeats(self) -> None:
        """Follow the library's heartbeats: who answers that it does not know us?"""
        coordinator = self._consumer._coordinator
        beat = coordinator._do_heartbeat

        async def watched() -> bool:
            sent = awake_or_not_s()
            known: bool = await beat()
            if known:
                self._lease.renew(sent)
            elif coordinator.generation < 0:
                # Unknown within a session that was in force: another took our place.
                taken = self._lease.holds(now := awake_or_not_s())
                if taken:
                    self._takeovers.add(now)
                else:
                    self._takeovers.clear()
                self._lease.end()
                _log.warning("group_membership_lost", member=self._name, taken_over=taken)
            return known

        coordinator._do_heartbeat = watched

    async def _close(self) -> None:
        self._lease.end()
        if self._consumer is not None and self._consumer._coordinator is not None:
            # A static member stays in the group when it stops. To end in order is to leave, so
            # that the others need not wait for the session to run out.
            self._consumer._coordinator._group_instance_id = None
        await super()._close()


def _assignor(declare: Declare, divide: Divide, give: Callable[[bytes], None]) -> Any:
    """Return an assignor of the library's that assigns shares, and no partitions."""
    aiokafka()
    from aiokafka.coordinator.assignors.abstract import (  # noqa: PLC0415 - an optional dependency
        AbstractPartitionAssignor,
    )
    from aiokafka.coordinator.protocol import (  # noqa: PLC0415 - as above
        ConsumerProtocolMemberAssignment,
        ConsumerProtocolMemberMetadata,
    )

    class Shares(AbstractPartitionAssignor):  # type: ignore[misc]  # optional library
        name = "plumbline"

        @classmethod
        def metadata(cls, topics: Any) -> Any:
            return ConsumerProtocolMemberMetadata(0, list(topics), declare())

        @classmethod
        def assign(cls, _cluster: object, members: Any) -> Any:
            shares = divide({member: said.user_data or b"" for member, said in members.items()})
            return {
                member: ConsumerProtocolMemberAssignment(0, [], shares.get(member, b""))
                for member in members
            }

        @classmethod
        def on_assignment(cls, assignment: Any) -> None:
            give(assignment.user_data or b"")

    return Shares

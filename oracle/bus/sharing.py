"""Work that the members of a group share: one of them divides it, each hears its own share.

What is claimed and how it is divided is the members' own affair: the bus carries bytes, knows who
is there, and says for how long a share may be relied on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol, Self

Declare = Callable[[], bytes]
"""Returns what a member says of itself now; asked at each division."""
Divide = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
"""Returns each member's share, given what each declares. Pure; raises nothing."""


class Sharing(AbstractAsyncContextManager["Sharing", None], Protocol):
    """Membership of a group; use as `async with`. Leaving it lets the others divide anew."""

    async def next(self, *, timeout_s: float = 1.0) -> bytes | None:
        """Return our newest share once there is another; None when the time is out.

        Raises:
            Retryable: the group cannot be reached.
            ConfigError: another process has the same name in it.
        """
        ...

    def holds(self) -> bool:
        """Whether the last share is still ours for certain: nobody else may have been given it."""
        ...

    def restate(self) -> None:
        """Have the work divided anew, as our claim has changed."""
        ...


class MemoryGroup:
    """The members of a group in this process."""

    def __init__(self) -> None:
        self._members: Final[dict[str, MemorySharing]] = {}

    def join(self, name: str, member: MemorySharing) -> None:
        """Take a member; one of the same name before it hears no more."""
        self._members[name] = member
        self.divide()

    def leave(self, name: str, member: MemorySharing) -> None:
        """Let a member go."""
        if self._members.get(name) is member:
            del self._members[name]
            self.divide()

    def divide(self) -> None:
        """Have the first member divide the work, as Kafka has its leader."""
        if not self._members:
            return
        leader = next(iter(self._members.values()))
        shares = leader.divide({name: member.declare() for name, member in self._members.items()})
        for name, member in self._members.items():
            member.give(shares[name])


class MemorySharing:
    """A member of a `MemoryGroup`."""

    def __init__(self, group: MemoryGroup, name: str, declare: Declare, divide: Divide) -> None:
        self.declare: Final = declare
        self.divide: Final = divide
        self._group: Final = group
        self._name: Final = name
        self._share: bytes | None = None
        self._news: Final = asyncio.Event()
        self._in = False

    async def __aenter__(self) -> Self:
        self._in = True
        self._group.join(self._name, self)
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._in = False
        self._group.leave(self._name, self)

    def give(self, share: bytes) -> None:
        """Take a share."""
        self._share = share
        self._news.set()

    async def next(self, *, timeout_s: float = 1.0) -> bytes | None:
        """Return our newest share once there is another; None when the time is out."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        return self._share

    def holds(self) -> bool:
        """Whether the last share is still ours: in one process, until we leave."""
        return self._in

    def restate(self) -> None:
        """Have the work divided anew."""
        self._group.divide()

"""Follows the accounts and orders of one deployment by its events.

An event says only whom it touches; what that is now is read from the chain, at a block whose hash
is known. So a block that leaves the chain costs one thing: whom it touched is read again. Hashes of
the last blocks are kept, to find the one that both chains share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from relayer.evm.endpoint import Head
from relayer.evm.errors import NodeError, Reverted, Unreachable
from relayer.evm.node import Node
from relayer.keeper import abi
from relayer.keeper.chain import Heard, MovedOn, PerpReader
from relayer.keeper.margin import Account
from relayer.keeper.store import ACCOUNT, ORDER, Order, Store, Tip

KEPT_BLOCKS: Final = 4_096
"""Further back than that no reorganisation is told from another chain: all is read anew."""
READ_AT_ONCE: Final = 256
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step of following came to."""

    head: Head
    behind: int
    """Blocks that are not followed yet."""
    dirty: int
    """Accounts and orders that are not read yet."""
    rolled_back: bool

    @property
    def is_current(self) -> bool:
        """Whether what is known is of the head."""
        return not (self.behind or self.dirty)


class Follower:
    """Keeps the store level with the chain; `changed` hears each account that was read."""

    def __init__(
        self,
        reader: PerpReader,
        store: Store,
        changed: Callable[[Account], None],
        *,
        first_block: int,
        window: int,
    ) -> None:
        self._reader: Final = reader
        self._node: Final = Node(reader.rpc)
        self._store: Final = store
        self._changed: Final = changed
        self._first: Final = first_block
        self._most: Final = window
        self._window = window

    async def step(self) -> Progress:
        """Follow up to one window of blocks, and read up to one lot of what they touched.

        Raises:
            Retryable: the chain cannot be reached.
        """
        rolled_back = await self._reconcile()
        head = await self._reader.head()
        tip = self._store.tip()
        first = self._first if tip is None else tip.number + 1
        last = min(head.number, first + self._window - 1)
        if first <= last:
            await self._follow(first, last)
        tip = self._store.tip()
        behind = head.number - (tip.number if tip else self._first - 1)
        await self._read()
        return Progress(head, max(behind, 0), self._store.dirty_count(), rolled_back)

    async def audit(self, accounts: list[Account]) -> int:
        """Compare accounts with the chain; return how many differ. Those are read anew."""
        tip = await self._tip_head()
        if tip is None or not accounts:
            return 0
        found = await self._reader.accounts(tip, [account.number for account in accounts])
        waiting = set(self._store.dirty(ACCOUNT, 1_000_000))
        wrong = [
            now.number
            for was, now in zip(accounts, found, strict=True)
            if now != was and now.number not in waiting
        ]
        if wrong:
            _log.error("keeper_state_differs", accounts=[hex(number) for number in wrong[:8]])
            self._store.doubt(ACCOUNT, wrong)
        return len(wrong)

    async def _reconcile(self) -> bool:
        """Go back to the last block that is still in the chain."""
        for at, known in enumerate(self._store.blocks()):
            there = await self._reader.block(known.number)
            if there is not None and there.hash == known.hash:
                if at:
                    doubted = self._store.roll_back(known.number)
                    _log.warning("keeper_rolled_back", to_block=known.number, read_anew=doubted)
                return bool(at)
        if self._store.tip() is None:
            return False
        doubted = self._store.roll_back(None)
        _log.warning("keeper_starts_anew", read_anew=doubted)
        return True

    async def _follow(self, first: int, last: int) -> None:
        try:
            end, heard = await self._reader.logs(first, last)
        except (NodeError, Unreachable):
            if first == last:
                raise
            self._window = max((last - first + 1) // 2, 1)  # providers bound what they answer
            _log.info("keeper_window_halved", blocks=self._window)
            return
        self._window = min(2 * self._window, self._most)
        touched = [entry for one in heard for entry in _touched(one)]
        self._store.advance(Tip(end.number, end.hash), touched, end.number - KEPT_BLOCKS)

    async def _read(self) -> None:
        tip = await self._tip_head()
        if tip is None:
            return
        accounts = self._store.dirty(ACCOUNT, READ_AT_ONCE)
        try:
            found = await self._reader.accounts(tip, accounts) if accounts else []
        except MovedOn:
            return  # the next step finds where the chain parts
        self._store.put_accounts(found)
        for account in found:
            self._changed(account)
        for id_ in self._store.dirty(ORDER, READ_AT_ONCE):
            self._store.put_order(id_, await self._order(id_, tip))

    async def _order(self, id_: int, at: Head) -> Order | None:
        orders = self._reader.contracts.orders
        try:
            data = await self._node.call(orders, abi.GET_ORDER.call(id_), block=at.number)
        except Reverted:
            return None
        ((account, size, _, market, kind, due, expires, reward, _, trigger),) = abi.GET_ORDER.read(
            data
        )
        return Order(id_, account, size, market, kind, due, expires, reward, trigger)

    async def _tip_head(self) -> Head | None:
        tip = self._store.tip()
        return None if tip is None else Head(tip.number, tip.hash, 0, None)


def _touched(one: Heard) -> list[tuple[int, str, int]]:
    topic = one.log.topics[0] if one.log.topics else ""
    if topic in abi.ORDER_TOPICS:
        return [(one.block, ORDER, id_) for id_ in abi.numbers(one.log, (1,))]
    places = abi.ACCOUNT_TOPICS.get(topic, ())
    return [
        (one.block, ACCOUNT, number)
        for number in abi.numbers(one.log, places)
        if not abi.is_system(number)
    ]

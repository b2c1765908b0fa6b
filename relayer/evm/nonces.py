"""The nonces of one wallet, with one owner: gaps are repaired, none in flight is given twice."""

from __future__ import annotations

import heapq
from typing import Final


class Nonces:
    """Hands out nonces, starting with those in the pool: an earlier process left them there.

    A nonce is *in flight* from `reserve` until `settle` (spent on the chain) or `release` (given
    up). A released one is handed out again before any new one, so that no gap stays; it may still
    be in a pool, so whoever gets it has to outbid what was sent under it.
    """

    def __init__(self, confirmed: int, pending: int) -> None:
        self.in_flight: Final[set[int]] = set()
        self._next = pending
        self._free = list(range(confirmed, pending))

    @property
    def next(self) -> int:
        """The nonce that `reserve` would give now."""
        return self._free[0] if self._free else self._next

    @property
    def has_released(self) -> bool:
        """Whether that is one that was given up, and may be spent meanwhile."""
        return bool(self._free)

    def reserve(self) -> int:
        """Take the lowest nonce that is neither spent nor in flight."""
        nonce = heapq.heappop(self._free) if self._free else self._next
        if nonce == self._next:
            self._next += 1
        self.in_flight.add(nonce)
        return nonce

    def settle(self, nonce: int) -> None:
        """Note that a transaction with this nonce is in a block."""
        self.in_flight.remove(nonce)

    def release(self, nonce: int) -> None:
        """Give a nonce up: never sent, or not seen in a block."""
        self.in_flight.remove(nonce)
        heapq.heappush(self._free, nonce)

    def synchronise(self, confirmed: int, pending: int) -> None:
        """Take the node's counts after a doubt: transactions in blocks, and those plus its pool.

        Nonces that the node lost (restarted, reorganised) are free again; those that are spent,
        by whomever, are not.
        """
        lost = range(pending, self._next)
        free = {n for n in (*self._free, *lost) if n >= confirmed} - self.in_flight
        self._next = max(self._next, pending)
        self._free = sorted(free)

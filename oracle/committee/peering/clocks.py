"""How far the clocks of the others are from ours, as their answers say."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import median_low
from typing import Final

SAMPLES: Final = 16
"""The newest of each peer that count."""


class PeerClocks:
    """Offsets of the peers' clocks against ours, by member number.

    Of a request sent at `sent_ns` whose answer of `peer_ns` came at `received_ns`, the offset is
    `peer_ns` less the middle of the two, as NTP has it: off by at most half of the round trip.
    """

    def __init__(self) -> None:
        self._samples: Final[dict[int, deque[int]]] = {}

    def add(self, member: int, sent_ns: int, peer_ns: int, received_ns: int) -> None:
        """Take the clock of one signed answer."""
        if received_ns < sent_ns:
            return  # our own clock was set meanwhile
        offset_ns = peer_ns - (sent_ns + received_ns) // 2
        self._samples.setdefault(member, deque(maxlen=SAMPLES)).append(offset_ns)

    def offset_ns(self, member: int) -> int | None:
        """Return how far a peer's clock is ahead of ours; None before its first answer."""
        samples = self._samples.get(member)
        return median_low(samples) if samples else None

    def offsets_ns(self) -> Mapping[int, int]:
        """Return the offset of every peer that has answered."""
        return {member: median_low(samples) for member, samples in self._samples.items()}

    def ours_ns(self) -> int:
        """Return how far our clock is ahead of the members' median, our own counted as one."""
        return -median_low([0, *self.offsets_ns().values()])

    def beyond(self, bound_ns: int) -> list[int]:
        """Return the members whose clocks are further than `bound_ns` from ours."""
        return sorted(m for m, ns in self.offsets_ns().items() if abs(ns) > bound_ns)

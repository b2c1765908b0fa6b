"""Signed reports without a committee's processes: keys in memory, prices as given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

import coincurve

from oracle.report.digest import deployment_salt
from oracle.report.report import Leaf, Unsigned, sign_complete
from oracle.report.signature import address_of, compact
from oracle.report.word import EMPTY, GROUP_SIZE, Entry, encode_word

MEMBERS: Final = 7
THRESHOLD: Final = 5


class Signers:
    """Seven fresh keys that sign whatever they are given, five to a report, one after the other."""

    def __init__(self, salt: bytes, epoch: int = 1) -> None:
        keys = [coincurve.PrivateKey() for _ in range(MEMBERS)]
        self._keys = sorted(keys, key=_address)
        self._salt, self._epoch = salt, epoch
        self._last_ms = 0

    @classmethod
    def of(cls, network: str, home_governor: str, nonce: int) -> Self:
        """Make the signers of a deployment."""
        return cls(deployment_salt(network, bytes.fromhex(home_governor[2:]), nonce))

    @property
    def members(self) -> list[str]:
        """Return the addresses, rising."""
        return ["0x" + _address(key).hex() for key in self._keys]

    def sign(self, entries: Mapping[int, Entry], time_ms: int) -> bytes:
        """Return a report of these market numbers at a time (unix ms), after the one before."""
        groups = max(entries) // GROUP_SIZE + 1
        leaves = []
        for group in range(groups):
            numbers = range(GROUP_SIZE * group, GROUP_SIZE * (group + 1))
            word = encode_word(time_ms, [entries.get(number, EMPTY) for number in numbers])
            leaves.append(Leaf(group, self._last_ms, word))
        report = Unsigned(self._epoch, time_ms, bytes(32), tuple(leaves))
        self._last_ms = time_ms
        digest = report.digest(self._salt)
        signatures = {
            at: compact(key.sign_recoverable(digest, hasher=None))
            for at, key in enumerate(self._keys[:THRESHOLD])
        }
        return sign_complete(report, signatures, THRESHOLD)


def _address(key: coincurve.PrivateKey) -> bytes:
    return address_of(key.public_key.format(compressed=False))

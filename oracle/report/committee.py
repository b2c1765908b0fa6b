"""A committee as those see it who check its signatures."""

from __future__ import annotations

from typing import NamedTuple

from oracle.report.report import Report, verify


class Committee(NamedTuple):
    """One epoch of a deployment: who may sign and how many must."""

    salt: bytes
    epoch: int
    threshold: int
    members: tuple[bytes, ...]
    """20-byte addresses, rising."""

    def verify(self, body: bytes) -> Report:
        """Decode a body and check that this committee signed it.

        Raises:
            Rejected: malformed, another epoch, the wrong number of signers, or a wrong signature.
        """
        return verify(body, self.salt, self.epoch, self.members, self.threshold)

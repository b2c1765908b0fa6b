"""What a member's signed statements share: a header that begins with a version, and a signer."""

from __future__ import annotations

from struct import Struct
from typing import Any, NamedTuple

from eth_hash.auto import keccak

from oracle.model.errors import Rejected
from oracle.report.signature import COMPACT_BYTES, recover


class Shape(NamedTuple):
    """How one kind of statement looks."""

    name: str
    """With its article: it begins a sentence."""
    version: int
    header: Struct
    most_bytes: int

    def read_header(self, data: bytes) -> tuple[Any, ...]:
        """Return the header's fields after the version.

        Raises:
            Rejected: too short, too long, or another version.
        """
        least = self.header.size + COMPACT_BYTES
        if not least <= len(data) <= self.most_bytes:
            raise Rejected(
                f"{self.name} has {least} to {self.most_bytes} bytes, this has {len(data)}"
            )
        version, *fields = self.header.unpack_from(data)
        if version != self.version:
            raise Rejected(
                f"{self.name} of version {version} is not known; this knows {self.version}"
            )
        return tuple(fields)


def check_signer(message: bytes, signature: bytes, address: bytes, what: str) -> None:
    """Check that the holder of a 20-byte address signed a message.

    Raises:
        Rejected: no signature, or somebody else's.
    """
    if recover(keccak(message), signature) != address:
        raise Rejected(f"{what} is not signed by 0x{address.hex()}")

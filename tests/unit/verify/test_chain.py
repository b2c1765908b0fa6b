"""What a transaction's events say that a contract stored."""

from __future__ import annotations

from eth_abi.abi import encode

from oracle.cli.verify_chain import _stored
from relayer.evm.abi import UPDATED_TOPIC
from relayer.evm.results import Log, Mined

ORACLE = "0x" + "ab" * 20


def updated(slot: int, *groups: int, by: str = ORACLE) -> Log:
    """Return an event of a contract that stored some groups."""
    packed = b"".join(group.to_bytes(2, "big") + bytes([slot]) * 32 for group in groups)
    return Log(by, (UPDATED_TOPIC,), encode(["uint64", "bytes"], [slot, packed]))


def test_two_reports_in_one_transaction_are_not_mixed():
    """Somebody's call may bring two: the last one's words are of its slot, and of no other."""
    logs = (updated(7, 0, 1), updated(9, 0), updated(8, 2, by="0x" + "cd" * 20))
    mined = Mined("0x" + "01" * 32, True, 3, "0x" + "02" * 32, 1, None, logs)
    assert _stored(mined, ORACLE) == (9, {0: bytes([9]) * 32})

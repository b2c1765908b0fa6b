"""Keys of one process: the threshold's fastest sign; the dead and the slow hold up nobody."""

from __future__ import annotations

import asyncio

import pytest
from eth_hash.auto import keccak
from structlog.testing import capture_logs

from oracle.committee.shared.key_set import KeySet
from oracle.keys.signer import LocalSigner
from oracle.model.errors import ConfigError, PlumblineError, Retryable
from oracle.report.signature import recover


class Odd(LocalSigner):
    """A key that fails as it is told, or hangs."""

    error: PlumblineError | None = None
    cancelled = False
    works = False

    async def sign(self, message: bytes) -> bytes:
        if self.works:
            return await super().sign(message)
        if self.error is not None:
            raise self.error
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return b""


def _local(member: int) -> LocalSigner:
    return LocalSigner(bytes(31) + bytes((member + 1,)))


def _odd(member: int, error: PlumblineError | None = None) -> Odd:
    made = Odd(bytes(31) + bytes((member + 1,)))
    made.error = error
    return made


async def test_all_sign():
    """Each signature is its member's."""
    signers = {member: _local(member) for member in range(3)}
    signatures = await KeySet(signers, 2).sign(b"message")
    assert len(signatures) >= 2
    for member, signature in signatures.items():
        assert recover(keccak(b"message"), signature) == signers[member].address


async def test_one_hangs_and_one_fails():
    """The others make the threshold at once, and the hanging request is given up."""
    hanging, wrong = _odd(0), _odd(1, ConfigError("another key"))
    signers = {0: hanging, 1: wrong, **{member: _local(member) for member in (2, 3, 4)}}
    async with asyncio.timeout(30):
        signatures = await KeySet(signers, 3).sign(b"message")
    assert sorted(signatures) == [2, 3, 4]
    await asyncio.sleep(0)  # let the cancellation arrive
    assert hanging.cancelled


async def test_too_few_sign():
    """The error names each member that does not, and why."""
    signers = {0: _local(0), 1: _odd(1, Retryable("KMS is down")), 2: _odd(2, Retryable("hm"))}
    with pytest.raises(Retryable, match="1 of 3 keys sign, 2 must: member 1: KMS is down"):
        await KeySet(signers, 2).sign(b"message")


async def test_a_failing_key_is_told_once():
    """Four slots a second must not fill a disk; that it signs again is told too."""
    odd = _odd(1, Retryable("down"))
    keys = KeySet({0: _local(0), 1: odd}, 1)
    with capture_logs() as logs:
        for _ in range(3):
            await keys.sign(b"message")
        odd.works = True
        await keys.sign(b"message")
    assert [entry["event"] for entry in logs] == ["key_fails", "key_signs_again"]


async def test_one_of_them_signs_what_one_must():
    """The first that works, its own message; neither a dead key nor a silent one is waited for."""
    dead, silent, well = _odd(0, Retryable("away")), _odd(1), _local(2)
    keys = KeySet({0: dead, 1: silent, 2: well}, 1)
    member, signature = await keys.sign_one(lambda number: b"message %d" % number)
    assert member == 2
    assert recover(keccak(b"message 2"), signature) == well.address
    await asyncio.sleep(0)
    assert silent.cancelled


async def test_where_none_signs_it_is_said_why():
    """Each key with its own reason."""
    keys = KeySet({0: _odd(0, Retryable("away")), 1: _odd(1, Retryable("sealed"))}, 1)
    with pytest.raises(Retryable, match=r"none of the 2 keys signs: member 0: away; member 1: sea"):
        await keys.sign_one(lambda number: b"message %d" % number)

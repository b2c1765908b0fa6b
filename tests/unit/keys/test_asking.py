"""Keys that others hold: what they answer is normalised, verified and bounded in time."""

from __future__ import annotations

import asyncio

import coincurve
import pytest
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from oracle.keys.asking import HeldSigner, Raw, normalised
from oracle.keys.metrics import KeyMetrics
from oracle.keys.signer import LocalSigner
from oracle.model.errors import ConfigError, PlumblineError, Retryable
from oracle.report.signature import ORDER, recover

SECRET = bytes(range(1, 33))
LOCAL = LocalSigner(SECRET)


class Hand:
    """A holder that answers as it is told."""

    kind = "hand"

    def __init__(self, answer: Raw | PlumblineError | None) -> None:
        self.answer = answer
        self.closed = False

    async def ask(self, message: bytes) -> Raw:
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, PlumblineError):
            raise self.answer
        assert self.answer is not None
        return self.answer

    async def aclose(self) -> None:
        self.closed = True


def _raw(message: bytes, secret: bytes = SECRET, *, high: bool = False) -> Raw:
    made = coincurve.PrivateKey(secret).sign_recoverable(keccak(message), hasher=None)
    r, s = int.from_bytes(made[:32], "big"), int.from_bytes(made[32:64], "big")
    return Raw(r, ORDER - s if high else s)


def _signer(answer: Raw | PlumblineError | None, timeout_s: float = 30) -> tuple[HeldSigner, Hand]:
    hand = Hand(answer)
    return HeldSigner(LOCAL.address, hand, timeout_s, KeyMetrics(REGISTRY)), hand


REGISTRY = CollectorRegistry()


@pytest.fixture(autouse=True)
def _registry():
    global REGISTRY  # noqa: PLW0603 - a registry a test, as counters would add up
    REGISTRY = CollectorRegistry()


def _count(outcome: str) -> float:
    labels = {"address": f"0x{LOCAL.address.hex()}", "holder": "hand", "outcome": outcome}
    return REGISTRY.get_sample_value("plumbline_key_signatures_total", labels) or 0


@given(message=st.binary(min_size=1, max_size=100), high=st.booleans())
@settings(deadline=None)
def test_either_half_of_s_becomes_the_same_signature(message: bytes, high: bool):
    """High s is turned over with its parity: the result is what a local key gives."""
    signature = normalised(keccak(message), _raw(message, high=high), LOCAL.address)
    assert signature == asyncio.run(LOCAL.sign(message))
    assert recover(keccak(message), signature) == LOCAL.address


@given(r=st.integers(0, 2**256 - 1), s=st.integers(0, 2**256 - 1))
@settings(deadline=None)
def test_numbers_that_are_no_signature_are_refused(r: int, s: int):
    """Anything but a signature by the address raises one error."""
    with pytest.raises(ConfigError, match="not by 0x"):
        normalised(keccak(b"m"), Raw(r, s), LOCAL.address)


async def test_a_signature_of_another_message_is_refused():
    """A holder that signs something else than it was given gets nothing past."""
    signer, _ = _signer(_raw(b"another"))
    with pytest.raises(ConfigError, match="signs something else"):
        await signer.sign(b"message")
    assert _count("wrong_key") == 1


async def test_a_signature_by_another_key_is_refused():
    """The address is the configuration's, whatever the holder says."""
    signer, _ = _signer(_raw(b"message", bytes(31) + b"\x07"))
    with pytest.raises(ConfigError, match=f"not by 0x{LOCAL.address.hex()}"):
        await signer.sign(b"message")


async def test_a_holder_that_hangs_holds_up_nobody():
    """It is given up after its time, and another signer is done meanwhile."""
    hanging, _ = _signer(None, timeout_s=0.05)
    given_up = asyncio.ensure_future(hanging.sign(b"message"))
    assert await LOCAL.sign(b"message")
    with pytest.raises(Retryable, match=r"no signature in 0\.05 s"):
        await given_up
    assert _count("timeout") == 1


async def test_a_failure_is_counted_and_passed_on():
    """Retryable stays Retryable."""
    signer, _ = _signer(Retryable("refused"))
    with pytest.raises(Retryable, match="refused"):
        await signer.sign(b"message")
    assert (_count("failed"), _count("signed")) == (1, 0)


async def test_closing_closes_the_holder():
    """Connections do not outlive their signer."""
    signer, hand = _signer(_raw(b"message"))
    assert await signer.sign(b"message") == await LOCAL.sign(b"message")
    await signer.aclose()
    assert hand.closed
    assert _count("signed") == 1

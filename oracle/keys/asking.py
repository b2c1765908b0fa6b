"""A key that somebody else holds: asked within a time, and believed only what verifies."""

from __future__ import annotations

import asyncio
import time
from typing import Final, NamedTuple, Protocol

import structlog
from eth_hash.auto import keccak

from oracle.keys.metrics import KeyMetrics
from oracle.model.errors import ConfigError, Rejected, Retryable
from oracle.report.signature import ORDER, compact, recover

_log = structlog.get_logger(__name__)


class Raw(NamedTuple):
    """An ECDSA signature as holders give it: s in either half, no recovery id to rely on."""

    r: int
    s: int


class Holder(Protocol):
    """Who holds a key. Whatever fails is raised as Retryable, a wrong key as ConfigError."""

    @property
    def kind(self) -> str:
        """Name of the kind, as metrics have it."""
        ...

    async def ask(self, message: bytes) -> Raw:
        """Return a signature of `keccak256(message)`."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class HeldSigner:
    """A `Signer` over a holder.

    Until its first signature a wrong answer is a wrong configuration. After it the configuration
    has been right: the holder is reloading, or in somebody else's hands, and is asked again by
    whoever needs a signature; nothing that it says wrongly gets further, nor ends this process.
    """

    def __init__(
        self, address: bytes, holder: Holder, timeout_s: float, metrics: KeyMetrics
    ) -> None:
        self._address: Final = address
        self._name: Final = f"key 0x{address.hex()} ({holder.kind})"
        self._holder: Final = holder
        self._timeout_s: Final = timeout_s
        labels = (f"0x{address.hex()}", holder.kind)
        self._seconds: Final = metrics.seconds.labels(*labels)
        self._failing: Final = metrics.failing.labels(*labels)
        self._failing.set(0)
        self._proven = False
        self._outcome = "signed"
        self._outcomes: Final = {
            outcome: metrics.signatures.labels(*labels, outcome)
            for outcome in ("signed", "timeout", "failed", "wrong_key")
        }

    def __repr__(self) -> str:
        return f"HeldSigner(0x{self._address.hex()}, {self._holder.kind})"

    @property
    def address(self) -> bytes:
        """The key's 20-byte address."""
        return self._address

    async def sign(self, message: bytes) -> bytes:
        """Return the compact signature of `keccak256(message)`, verified."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                raw = await self._holder.ask(message)
            signature = normalised(keccak(message), raw, self._address)
        except TimeoutError:
            text = f"{self._name}: no signature in {self._timeout_s:g} s"
            self._note("timeout", text)
            raise Retryable(text) from None
        except ConfigError as error:
            self._note("wrong_key", str(error))
            if not self._proven:
                raise
            raise Retryable(f"{self._name} signed before, and now: {error}") from error
        except Retryable as error:
            self._note("failed", str(error))
            raise
        self._proven = True
        self._note("signed")
        self._seconds.observe(time.monotonic() - begun)
        return signature

    async def aclose(self) -> None:
        """Close connections."""
        await self._holder.aclose()

    def _note(self, outcome: str, error: str = "") -> None:
        """Count, and log each change once."""
        self._outcomes[outcome].inc()
        self._failing.set(outcome != "signed")
        before, self._outcome = self._outcome, outcome
        if outcome == before:
            return
        if error:
            _log.warning("key_holder_fails", key=self._name, outcome=outcome, error=error)
        else:
            _log.info("key_holder_signs_again", key=self._name)


def normalised(digest: bytes, raw: Raw, address: bytes) -> bytes:
    """Return the compact signature: s in the lower half, the recovery id found by trying both.

    Raises:
        ConfigError: it is no signature of this digest by this address.
    """
    low = min(raw.s, ORDER - raw.s)
    if 0 < raw.r < ORDER and low > 0:
        both = raw.r.to_bytes(32, "big") + low.to_bytes(32, "big")
        for parity in (0, 1):
            signature = compact(both + bytes((parity,)))
            if _recovers(digest, signature, address):
                return signature
    raise ConfigError(
        f"a signature came that is not by 0x{address.hex()}: the holder has another key, or signs "
        "something else than it was given"
    )


def _recovers(digest: bytes, signature: bytes, address: bytes) -> bool:
    try:
        return recover(digest, signature) == address
    except Rejected:
        return False

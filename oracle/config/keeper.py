"""Keepers: which perp contracts they serve, with which wallet, and what they may spend."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from oracle.config.base import Section
from oracle.config.keys import Address, HttpUrl, KeyConfig
from oracle.config.units import PositiveNs, RatioBps

LONGEST_WEBHOOK_NS = 30 * 10**9
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class WebhookConfig(Section):
    """Where margin calls are posted, signed with a shared secret; never the secret itself."""

    url: HttpUrl
    secret_file: Path | None = None
    secret_env: str | None = None
    timeout: PositiveNs = 5 * 10**9
    attempts: int = Field(default=5, ge=1, le=10)
    allow_private: bool = False
    """Whether the url may lead to a loopback, private or link-local address."""

    @field_validator("timeout")
    @classmethod
    def _check_timeout(cls, value: int) -> int:
        if value > LONGEST_WEBHOOK_NS:
            raise ValueError(f"timeout of {value / 10**9:g}s is longer than 30s")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        parts = urlsplit(self.url)
        if parts.username or parts.password or parts.fragment:
            raise ValueError("url must hold no password and no fragment")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError(f"{parts.hostname} would get accounts in the clear: use https")
        if (self.secret_file is None) == (self.secret_env is None):
            raise ValueError("give exactly one of secret_file and secret_env")
        return self

    def place_in(self, folder: Path) -> None:
        """Take relative paths as relative to `folder`."""
        self.secret_file = folder / self.secret_file if self.secret_file else None


class KeeperConfig(Section):
    """A keeper of the perp contracts on one chain."""

    chain: str
    """A name under `chains`: its endpoints, fees and oracle are the keeper's too."""
    key: KeyConfig
    """A wallet of the keeper's own: two senders of one wallet take each other's nonces."""
    engine: Address
    vault: Address
    orders: Address
    liquidator: Address
    risk: Address
    """RiskParameters."""
    first_block: int = Field(default=0, ge=0)
    """Where the contracts were deployed: nothing before it is looked at."""
    window: int = Field(default=2_000, ge=1, le=100_000)
    """Blocks in one question for events; halved where an endpoint refuses."""
    reports_api: HttpUrl | None = None
    """An API of this deployment, for reports that came before the keeper did."""
    coin_market: str | None = None
    """The market that prices the chain's coin: rewards are compared with gas at it."""
    profit: float = Field(default=1.2, ge=0, le=100)
    """A reward must be so many times its gas; 0: rewards are not compared with gas."""
    coins_per_day: float = Field(gt=0)
    """Fees of 24 hours never pass this, in the chain's coin."""
    unpaid_coins_per_day: float = Field(default=0.0, ge=0)
    """Of them, for calls that pay nothing: funding, margin calls, debts, deleveraging."""
    accrue: PositiveNs = 1800 * 10**9
    """A market with open interest whose funding was not accrued for so long is poked."""
    hysteresis: RatioBps = 500.0
    """Of maintenance: so far above the warning level a margin call ends."""
    repeat: PositiveNs = 3600 * 10**9
    """A margin call that goes on is said again after so long."""
    audit: PositiveNs = 60 * 10**9
    """How often a sample of accounts is compared with the chain."""
    webhook: WebhookConfig | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.unpaid_coins_per_day > self.coins_per_day:
            raise ValueError("unpaid_coins_per_day is more than coins_per_day, of which it is part")
        if self.profit and self.coin_market is None:
            raise ValueError(
                "to compare rewards with gas takes coin_market; or say profit: 0, and only "
                "coins_per_day bounds what is spent"
            )
        return self

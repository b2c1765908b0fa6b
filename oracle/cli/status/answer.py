"""What `plumb status` says, and what of it alarms. Pure; `--json` is these classes as JSON."""

from __future__ import annotations

import msgspec

from relayer.held import FUTURE_S
from relayer.purse import DAY_S, LEAST_UPDATES, Purse, purse


class MarketStatus(msgspec.Struct, frozen=True):
    """A market on a chain."""

    market: str
    price: float | None
    validity: str
    age_s: float | None
    """Since its last accepted update; null: there never was one."""
    limit_s: float
    """From here it is overdue."""
    ours: float | None
    """Our own mark now; null: unknown, or without a price."""
    deviation_bps: float | None

    @property
    def overdue(self) -> bool:
        """Whether it alarms."""
        return self.age_s is None or self.age_s > self.limit_s

    @property
    def ahead(self) -> bool:
        """Whether it is stamped so far in the future that a clock must be wrong; it alarms."""
        return self.age_s is not None and self.age_s < -FUTURE_S


class LastUpdate(msgspec.Struct, frozen=True):
    """The newest transaction that stored anything, of whoever sent it."""

    transaction: str
    block: int
    age_s: float
    sender: str
    by_us: bool
    gas_used: int
    paid_wei: int


class Spending(msgspec.Struct, frozen=True):
    """What our updates cost."""

    spent_wei: int
    over_s: float
    """Of the last 24 hours, as far as the endpoint tells."""
    updates: int
    useless: int
    """Transactions since the first of them that stored nothing, taken to cost what they do."""
    wei_per_day: float | None
    runway_days: float | None


class ChainStatus(msgspec.Struct, frozen=True):
    """A chain. Without `markets`, `error` says why it could not be read."""

    chain: str
    chain_id: int
    error: str = ""
    block: int | None = None
    block_age_s: float | None = None
    taken_by: str = ""
    """The relayer that took it last, as far as the bus tells."""
    wallet: str = ""
    balance_wei: int | None = None
    gas_price_wei: int | None = None
    spending: Spending | None = None
    last: LastUpdate | None = None
    notes: tuple[str, ...] = ()
    """What is not known, and why."""
    markets: tuple[MarketStatus, ...] = ()


class Status(msgspec.Struct, frozen=True):
    """Everything. `alarms` is empty when nothing alarms."""

    time_ns: int
    ours: str
    """Where our own marks came from."""
    ours_error: str
    """Empty while it answers."""
    chains: tuple[ChainStatus, ...]
    alarms: tuple[str, ...]


def alarms_of(chains: tuple[ChainStatus, ...], ours_error: str, runway_days: float) -> list[str]:
    """Return a sentence for each thing that alarms."""
    found = [f"our own marks are unknown: {ours_error}"] if ours_error else []
    for chain in chains:
        if chain.error:
            found.append(f"{chain.chain}: cannot be read: {chain.error}")
        found += [f"{chain.chain}: {_overdue(m)}" for m in chain.markets if m.overdue]
        found += [f"{chain.chain}: {_ahead(m)}" for m in chain.markets if m.ahead]
        found += [f"{chain.chain}: {text}" for text in _poor(chain, runway_days)]
    return found


def _overdue(market: MarketStatus) -> str:
    if market.age_s is None:
        return f"{market.market} was never updated"
    return (
        f"{market.market} had no accepted update for {market.age_s:.0f} s; "
        f"the limit is {market.limit_s:g} s"
    )


def _ahead(market: MarketStatus) -> str:
    return (
        f"{market.market} is stamped {-(market.age_s or 0):.0f} s in the future: either this "
        "machine's clock is behind, or the committee's are ahead"
    )


def _poor(chain: ChainStatus, runway_days: float) -> list[str]:
    if chain.balance_wei is None:
        return []
    spending, lasts = chain.spending, chain.spending.runway_days if chain.spending else None
    wei_per_day = (spending.wei_per_day if spending else None) or 0.0
    price_wei = chain.gas_price_wei or 0
    stands = purse(chain.balance_wei, wei_per_day, price_wei, runway_days * DAY_S)
    if stands is Purse.TOO_POOR:
        return [
            f"wallet {chain.wallet} has {chain.balance_wei} wei: at the present gas price that is "
            f"less than {LEAST_UPDATES} updates cost"
        ]
    if stands is Purse.RUNS_OUT and lasts is not None:
        return [
            f"wallet {chain.wallet} lasts {lasts:.1f} days at the last day's rate; "
            f"the limit is {runway_days:g} days"
        ]
    return []

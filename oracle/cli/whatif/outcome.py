"""What became of a run: read back from the contracts' events and rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from web3.contract import AsyncContract

from oracle.cli.whatif.lab import DEFICIT, INSURANCE, POOL, RESERVE, Lab

_E18: Final = 10**18


@dataclass(frozen=True)
class Outcome:
    """Figures of one run; amounts in the settlement token."""

    accounts: int
    opened: int
    open_interest: float
    margin_calls: int
    accounts_liquidated: int
    liquidations: int
    notional_liquidated: float
    penalties: float
    keeper_rewards: float
    bad_debt: float
    bad_debt_by_reserve: float
    bad_debt_by_insurance: float
    bad_debt_by_pool: float
    bad_debt_unborne: float
    deleveraged: int
    shared_loss: float
    insurance_lowest: float
    insurance_after: float
    reserve_after: float
    pool_before: float
    pool_after: float
    deficit_after: float
    funding_paid: float
    traders_equity_after: float

    def as_data(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


async def read(lab: Lab, pool_before: float) -> Outcome:
    """Add up what the contracts said and hold."""
    perp = lab.perp
    numbers = {account.number for account in lab.accounts}
    fills = [e for e in await _events(perp.engine, "Filled") if e["account"] in numbers]
    opened = {fill["account"]: fill for fill in reversed(fills)}
    liquidated = await _events(perp.liquidator, "Liquidated")
    backstopped = await _events(perp.liquidator, "BackstopUsed")
    debts = await _events(perp.liquidator, "BadDebt")
    cash = await lab.rows()
    funding = await _funding(lab, await _events(perp.engine, "FundingSettled"))
    margins = await lab.margins()
    shared = await _events(perp.liquidator, "DeficitShared")
    return Outcome(
        accounts=len(lab.accounts),
        opened=len(opened),
        open_interest=sum(
            abs(fill["sizeDeltaE18"]) * fill["priceE18"] / _E18 for fill in opened.values()
        )
        / _E18,
        margin_calls=len({e["account"] for e in await _events(perp.liquidator, "MarginCall")}),
        accounts_liquidated=len({e["account"] for e in (*liquidated, *backstopped)}),
        liquidations=len(liquidated) + len(backstopped),
        notional_liquidated=sum(e["sizeE18"] * e["priceE18"] / _E18 for e in liquidated) / _E18,
        penalties=_sum(liquidated, "penaltyE18"),
        keeper_rewards=_sum(liquidated, "rewardE18"),
        bad_debt=sum(
            _sum(debts, name) for name in ("reserveE18", "insuranceE18", "poolE18", "deficitE18")
        ),
        bad_debt_by_reserve=_sum(debts, "reserveE18"),
        bad_debt_by_insurance=_sum(debts, "insuranceE18"),
        bad_debt_by_pool=_sum(debts, "poolE18"),
        bad_debt_unborne=_sum(debts, "deficitE18"),
        deleveraged=len(await _events(perp.liquidator, "Deleveraged")),
        shared_loss=_sum(shared, "amountE18") + _sum(shared, "byPoolE18"),
        insurance_lowest=min(sight.insurance for sight in lab.sights),
        insurance_after=cash[INSURANCE],
        reserve_after=cash[RESERVE],
        pool_before=pool_before,
        pool_after=cash[POOL],
        deficit_after=cash[DEFICIT],
        funding_paid=funding,
        traders_equity_after=sum(max(margin[0], 0) for margin in margins) / _E18,
    )


async def _events(contract: AsyncContract, name: str) -> list[Any]:
    return [log["args"] for log in await contract.events[name]().get_logs(from_block=0)]


def _sum(events: list[Any], name: str) -> float:
    total: int = sum(event[name] for event in events)
    return total / _E18


async def _funding(lab: Lab, settled: list[Any]) -> float:
    """What those who paid have paid, settled or still owed."""
    paid = dict.fromkeys((account.number for account in lab.accounts), 0.0)
    for event in settled:
        paid[event["account"]] = paid.get(event["account"], 0.0) + event["paidE18"] / _E18
    engine = lab.perp.engine.functions
    for account in lab.accounts:
        market = lab.perp.markets[account.trader.market]
        size, _, index = await engine.position(account.number, market).call()
        state = await engine.marketState(market).call()
        now = state[4] if size > 0 else state[5]
        paid[account.number] += abs(size) * (now - index) / _E18 / _E18
    return sum(amount for amount in paid.values() if amount > 0)

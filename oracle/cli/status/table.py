"""`plumb status` for people: what alarms first, then the markets, then the chains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from oracle.cli.figures import NOTHING, age_text, bps_text, price_text
from oracle.cli.status.answer import ChainStatus, MarketStatus, Status

ALARM: Final = "!"
"""Beside what alarms, so that it is seen without colour."""
_COIN: Final = 10**18
_GOOD: Final = {"VALID", "GUARDED"}


def rendered(status: Status) -> RenderableType:
    """Return everything."""
    parts: list[RenderableType] = [_markets(status.chains), _chains(status.chains)]
    notes = [f"{chain.chain}: {note}" for chain in status.chains for note in chain.notes]
    parts += [Text(note, style="dim") for note in notes]
    if status.alarms:
        parts += [Text(f"{ALARM} {alarm}", style="bold red") for alarm in status.alarms]
    else:
        parts.append(Text("nothing alarms", style="green"))
    return Group(*parts)


def _markets(chains: Iterable[ChainStatus]) -> Table:
    made = Table(title="markets", title_justify="left")
    made.add_column("chain")
    made.add_column("market", no_wrap=True)
    for column in ("on chain", "validity", "age", "from ours"):
        made.add_column(column, justify="right", no_wrap=True)
    for chain in chains:
        if chain.error:
            made.add_row(chain.chain, Text(f"{ALARM} cannot be read", style="red"))
        for market in chain.markets:
            made.add_row(
                chain.chain,
                market.market,
                price_text(market.price),
                Text(market.validity, style="" if market.validity in _GOOD else "yellow"),
                _age(market),
                bps_text(market.deviation_bps) if market.ours is not None else "unknown",
            )
    return made


def _age(market: MarketStatus) -> Text:
    text = "never" if market.age_s is None else age_text(market.age_s)
    if market.ahead and market.age_s is not None:
        text = f"{age_text(-market.age_s)} ahead"
    alarms = market.overdue or market.ahead
    return Text(f"{ALARM} {text}", style="bold red") if alarms else Text(text)


def _chains(chains: Iterable[ChainStatus]) -> Table:
    made = Table(title="chains", title_justify="left", show_lines=True)
    made.add_column("chain", no_wrap=True)
    for column in ("wallet", "spent", "last update"):
        made.add_column(column)
    for chain in chains:
        name = f"{chain.chain}\n{chain.chain_id}"
        if chain.block is not None:
            name += f"\n#{chain.block}, {age_text(chain.block_age_s)}"
        made.add_row(name, _wallet(chain), _spent(chain), _last(chain))
    return made


def _wallet(chain: ChainStatus) -> str:
    lines = [_short(chain.wallet) or "unknown"]
    if chain.balance_wei is not None:
        lines.append(f"{_coins(chain.balance_wei)} coins")
    if chain.taken_by:
        lines.append(f"taken by {_short(chain.taken_by)}")
    return "\n".join(lines)


def _spent(chain: ChainStatus) -> str:
    spending = chain.spending
    if spending is None:
        return NOTHING
    wasted = f"\n{spending.useless} for nothing" if spending.useless else ""
    runway = spending.runway_days
    lasts = (
        NOTHING if runway is None else f"{runway:,.1f} days" if runway < 10_000 else "> 27 years"
    )
    return (
        f"{_coins(spending.spent_wei)} in {spending.over_s / 3600:.1f} h\n"
        f"{spending.updates} updates{wasted}\nlasts {lasts}"
    )


def _last(chain: ChainStatus) -> str:
    last = chain.last
    if last is None:
        return NOTHING
    by = "us" if last.by_us else _short(last.sender)
    return (
        f"{age_text(last.age_s)} ago by {by}\n{last.gas_used:,} gas, {_coins(last.paid_wei)}\n"
        f"{_short(last.transaction)}"
    )


def _coins(wei: int) -> str:
    coins = wei / _COIN
    return f"{coins:,.4f}" if coins >= 0.001 or not wei else f"{coins:.2e}"


def _short(text: str) -> str:
    return f"{text[:6]}…{text[-4:]}" if len(text) > 12 else text

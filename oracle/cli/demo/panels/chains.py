"""Chains: what each contract holds for every market, how old, and how far from our mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.text import Text

from oracle.cli.demo.panels.lines import SIGN, Lines, Part, fit, line, shared_decimals
from oracle.cli.demo.recorder import ChainInfo
from oracle.cli.figures import NOTHING, age_text, bps_text, distance_bps, price_text
from oracle.model.messages import Mark
from oracle.model.validity import Validity
from relayer.held import HeldMark


class ChainView(NamedTuple):
    """One chain as the view shows it."""

    info: ChainInfo
    updates: int
    failed: int
    gas_per_update: float | None
    held: Mapping[str, HeldMark]


def chain_rows(
    chains: Sequence[ChainView], marks: Sequence[Mark], now_ms: int, width: int
) -> Lines:
    """Show a stored mark a line, under each chain."""
    rows = []
    for chain in chains:
        rows.append(line(width, _chain_title(chain)))
        for mark in marks:
            held = chain.held.get(mark.market)
            rows.append(line(width, [("  ", ""), *_held_parts(held, mark, now_ms, roomy=True)]))
    return rows


def chain_columns(
    chains: Sequence[ChainView], marks: Sequence[Mark], now_ms: int, width: int
) -> Lines:
    """Show a market a line, and a chain a column."""
    each = (width - 10) // max(len(chains), 1)
    titles = [line(each, _chain_title(chain, brief=True)) for chain in chains]
    rows = [_joined([Text(" " * 10), *titles], width)]
    for mark in marks:
        cells = [
            line(each, _held_parts(c.held.get(mark.market), mark, now_ms, roomy=False)[1:])
            for c in chains
        ]
        rows.append(_joined([Text(fit(mark.market, 10), "bold"), *cells], width))
    return rows


def _chain_title(chain: ChainView, *, brief: bool = False) -> list[Part]:
    gas = NOTHING if chain.gas_per_update is None else f"{chain.gas_per_update:,.0f}"
    failed = (f", {chain.failed} refused", "yellow") if chain.failed else ("", "")
    if brief:
        return [(chain.info.name, "bold"), (f" {chain.updates} updates", "dim"), failed]
    what = f"  {chain.info.kind} {chain.info.chain_id}  {chain.updates} updates, gas {gas}"
    return [(chain.info.name, "bold"), (what, "dim"), failed]


def _held_parts(held: HeldMark | None, mark: Mark, now_ms: int, *, roomy: bool) -> list[Part]:
    """Show the market's name, then price, age and validity with the distance from our mark."""
    name = (fit(mark.market, 10), "")
    if held is None:
        return [name, ("nothing stored yet", "dim")]
    sign, style = SIGN[held.validity]
    price = fit(price_text(held.price, shared_decimals(mark)), 10, right=True)
    age = fit(age_text((now_ms - held.time_ms) / 1e3), 8, right=True)
    off = bps_text(distance_bps(held.price, mark.mark))
    if roomy:
        told = fit(f"{sign} {held.validity.name}", 14)
        off_ours = fit(off, 10, right=True)
        return [name, (price, ""), (f"{age}  ", "dim"), (told, style), (off_ours, "")]
    told = f"✓ {off}" if held.validity is Validity.VALID else f"{sign} {held.validity.name}"
    return [name, (price, ""), (age, "dim"), (f" {told}", style)]


def _joined(texts: Sequence[Text], width: int) -> Text:
    whole = Text.assemble(*texts)
    whole.truncate(width, pad=True)
    return whole

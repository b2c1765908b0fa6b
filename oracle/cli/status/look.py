"""Looks at one chain, within a bound, with connections of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oracle.cli.figures import distance_bps
from oracle.cli.status.answer import ChainStatus, LastUpdate, MarketStatus, Spending
from oracle.config.deployment import EvmChainConfig
from oracle.keys.addresses import address_of
from oracle.model.errors import ConfigError, PlumblineError, Retryable
from oracle.model.fixed import Px, float_nearest
from relayer.evm.history import DAY_S, History, HistoryReader
from relayer.evm.reader import NOBODY, MarkReader
from relayer.held import HeldMark, Sight, age_s


@dataclass(frozen=True, slots=True)
class Ours:
    """Our own marks, by market; `error` says why there are none."""

    where: str
    marks: Mapping[str, Px]
    error: str = ""


class ChainLook:
    """Reads one chain again and again; use `aclose` at the end."""

    def __init__(
        self,
        chain: EvmChainConfig,
        numbers: Mapping[str, int],
        limits_s: Mapping[str, float],
        salt: bytes,
    ) -> None:
        self.chain: Final = chain
        self._numbers: Final = numbers
        self._limits_s: Final = limits_s
        self._reader: Final = MarkReader(chain, salt=salt)
        self._history: Final = HistoryReader(self._reader.rpc, chain.oracle)
        self._wallet, self._notes = _wallet(chain)

    async def look(self, ours: Ours, bound_s: float) -> ChainStatus:
        """Return what the chain says now; never raises for what is the chain's own affair."""
        try:
            async with asyncio.timeout(bound_s):
                sight = await self._reader.look(self._numbers, self._wallet or NOBODY)
        except TimeoutError:
            return self._failed(f"no answer within {bound_s:g} s")
        except PlumblineError as error:
            return self._failed(str(error))
        spending, last, notes = await self._spending(sight, bound_s)
        now_ns = time.time_ns()
        return ChainStatus(
            chain=self.chain.name,
            chain_id=self.chain.chain_id,
            block=sight.block,
            block_age_s=round(now_ns / 1e9 - sight.block_time_s, 1),
            wallet=self._wallet,
            balance_wei=sight.balance_wei if self._wallet else None,
            gas_price_wei=sight.gas_price_wei,
            spending=spending,
            last=last,
            notes=(*self._notes, *notes),
            markets=tuple(
                _market(name, mark, self._limits_s[name], ours.marks.get(name), now_ns)
                for name, mark in sight.marks.items()
            ),
        )

    async def aclose(self) -> None:
        """Close connections."""
        await self._reader.aclose()

    def _failed(self, error: str) -> ChainStatus:
        return ChainStatus(
            self.chain.name,
            self.chain.chain_id,
            error=error,
            wallet=self._wallet,
            notes=self._notes,
        )

    async def _spending(
        self, sight: Sight, bound_s: float
    ) -> tuple[Spending | None, LastUpdate | None, tuple[str, ...]]:
        """Read events apart from the marks: many endpoints refuse them or take long."""
        try:
            async with asyncio.timeout(bound_s):
                history = await self._history.read(sight.block, sight.block_time_s)
                useless = await self._history.useless_of(history, self._wallet)
        except (TimeoutError, Retryable) as error:
            why = str(error) or f"no answer within {bound_s:g} s"
            return None, None, (f"last update and spending are unknown: {why}",)
        last = _last(history, self._wallet)
        return (_spent(history, self._wallet, sight, useless) if self._wallet else None), last, ()


def _wallet(chain: EvmChainConfig) -> tuple[str, tuple[str, ...]]:
    try:
        return address_of(chain.key), ()
    except ConfigError as error:
        return "", (f"the wallet is unknown: {error}",)


def _market(
    name: str, mark: HeldMark, limit_s: float, ours: Px | None, now_ns: int
) -> MarketStatus:
    age, deviation = age_s(mark, now_ns), distance_bps(mark.price, ours)
    return MarketStatus(
        market=name,
        price=None if mark.price is None else float_nearest(mark.price),
        validity=mark.validity.name,
        age_s=None if age is None else round(age, 1),
        limit_s=limit_s,
        ours=None if ours is None else float_nearest(ours),
        deviation_bps=None if deviation is None else round(deviation, 2),
    )


def _last(history: History, wallet: str) -> LastUpdate | None:
    if not history.updates:
        return None
    newest = history.updates[0]
    return LastUpdate(
        transaction=newest.transaction,
        block=newest.block,
        age_s=round(time.time() - newest.time_s, 1),
        sender=newest.sender,
        by_us=newest.sender == wallet,
        gas_used=newest.gas_used,
        paid_wei=newest.paid_wei,
    )


def _spent(history: History, wallet: str, sight: Sight, useless: int) -> Spending:
    rate = history.wei_per_day(wallet, sight.block_time_s, useless)
    return Spending(
        spent_wei=history.spent_wei(wallet),
        over_s=min(history.over_s, DAY_S),
        updates=len(history.of(wallet)),
        useless=useless,
        wei_per_day=rate,
        runway_days=None if not rate else round(sight.balance_wei / rate, 2),
    )

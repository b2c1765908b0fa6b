"""Watches each chain from outside: alarms on what the chain does not hold, whatever was sent.

It has its own connections, and no lane, no sender and no part in the sharing of chains: it goes on
while any of them is dead or another relayer has the chain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from oracle.model.errors import PlumblineError
from relayer.base import Clock
from relayer.held import FUTURE_S, Sight
from relayer.metrics import RelayerMetrics
from relayer.purse import Purse, purse

_log = structlog.get_logger(__name__)


class Reader(Protocol):
    """Reads what one chain holds."""

    @property
    def name(self) -> str:
        """The chain's name."""
        ...

    async def look(self, numbers: Mapping[str, int], wallet: str) -> Sight:
        """Return what it holds for each market, and what a wallet has there.

        Raises:
            PlumblineError: it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Wallet:
    """Our wallet on a chain, what it spent there in 24 hours, and for how long it should last."""

    address: str
    spent_day_wei: Callable[[], int]
    runway_s: float


@dataclass(frozen=True, slots=True)
class Watched:
    """A chain, from which age its markets are overdue, and what pays there."""

    reader: Reader
    numbers: Mapping[str, int]
    """Market to its number."""
    limits_s: Mapping[str, float]
    """Market to that age."""
    wallet: Wallet


@dataclass
class _Alarms:
    """What alarms now; each change is logged once."""

    on: set[tuple[str, str]] = field(default_factory=set)

    def set(self, event: str, subject: str, alarm: bool, **details: object) -> None:
        """Take a state."""
        key = (event, subject)
        if alarm and key not in self.on:
            self.on.add(key)
            _log.error(event, **details)
        elif not alarm and key in self.on:
            self.on.remove(key)
            _log.info(f"{event}_over", **details)


class Watchdog:
    """Looks at every chain each `every_s`, and at the reports that come.

    `newest_report_ns` is when the newest report was signed, None before the first.
    """

    def __init__(
        self,
        watched: Sequence[Watched],
        newest_report_ns: Callable[[], int | None],
        metrics: RelayerMetrics,
        clock: Clock,
        *,
        every_s: float,
        silence_s: float,
    ) -> None:
        self._watched: Final = watched
        self._newest_report_ns: Final = newest_report_ns
        self._metrics: Final = metrics
        self._clock: Final = clock
        self._every_s: Final = every_s
        self._silence_s: Final = silence_s
        self._alarms: Final = _Alarms()

    async def run(self) -> None:
        """Watch until cancelled. A chain that hangs delays no other."""
        began_ns = self._clock()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_reports(began_ns))
            for watched in self._watched:
                tasks.create_task(self._watch_chain(watched, began_ns))

    async def _watch_chain(self, watched: Watched, began_ns: int) -> None:
        newest_ms = dict.fromkeys(watched.numbers, began_ns // 10**6)
        chain = watched.reader.name
        while True:
            try:
                sight = await watched.reader.look(watched.numbers, watched.wallet.address)
                self._judge_wallet(chain, watched.wallet, sight)
            except PlumblineError as error:
                self._unreadable(chain, str(error))
            except Exception as error:  # noqa: BLE001 - a defect here must not blind us to the rest
                _log.exception("watchdog_failed", chain=chain)
                self._unreadable(chain, type(error).__name__)
            else:
                self._unreadable(chain, "")
                self._metrics.watched.labels(chain).set(self._clock() / 1e9)
                # As the chain says now: after a reorganisation that may be older than before.
                marks = sight.marks.items()
                newest_ms |= {name: mark.time_ms for name, mark in marks if mark.time_ms}
            for market, time_ms in newest_ms.items():
                self._judge(chain, market, time_ms, watched.limits_s[market])
            await asyncio.sleep(self._every_s)

    def _judge(self, chain: str, market: str, time_ms: int, limit_s: float) -> None:
        age_s = self._clock() / 1e9 - time_ms / 1e3
        overdue = age_s > limit_s
        self._metrics.update_age.labels(chain, market).set(age_s)
        self._metrics.update_overdue.labels(chain, market).set(overdue)
        self._alarms.set(
            "update_overdue",
            f"{chain}/{market}",
            overdue,
            chain=chain,
            market=market,
            age_s=round(age_s, 1),
            limit_s=limit_s,
        )
        self._alarms.set(
            "mark_in_future",
            f"{chain}/{market}",
            age_s < -FUTURE_S,
            chain=chain,
            market=market,
            ahead_s=round(-age_s, 1),
        )

    def _judge_wallet(self, chain: str, wallet: Wallet, sight: Sight) -> None:
        """Also where another relayer has the chain: it may be ours the next second."""
        spent_wei = wallet.spent_day_wei()
        stands = purse(sight.balance_wei, spent_wei, sight.gas_price_wei, wallet.runway_s)
        self._metrics.balance_wei.labels(chain).set(sight.balance_wei)
        self._metrics.wallet_poor.labels(chain).set(stands)
        for event, alarm in (
            ("wallet_runs_out", stands is Purse.RUNS_OUT),
            ("wallet_too_poor", stands is Purse.TOO_POOR),
        ):
            self._alarms.set(
                event,
                chain,
                alarm,
                chain=chain,
                wallet=wallet.address,
                balance_wei=sight.balance_wei,
                spent_day_wei=spent_wei,
            )

    def _unreadable(self, chain: str, error: str) -> None:
        self._metrics.unreadable.labels(chain).set(bool(error))
        self._alarms.set("chain_unreadable", chain, bool(error), chain=chain, error=error)

    async def _watch_reports(self, began_ns: int) -> None:
        while True:
            signed_ns = self._newest_report_ns()
            age_s = (self._clock() - (began_ns if signed_ns is None else signed_ns)) / 1e9
            silent = age_s > self._silence_s
            self._metrics.report_age.set(age_s)
            self._metrics.reports_silent.set(silent)
            self._alarms.set("reports_silent", "", silent, age_s=round(age_s, 1))
            self._alarms.set("reports_in_future", "", age_s < -FUTURE_S, ahead_s=round(-age_s, 1))
            await asyncio.sleep(min(self._every_s, self._silence_s / 4))

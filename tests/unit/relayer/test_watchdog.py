"""What the watchdog says of chains that it is told of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from oracle.model.errors import Retryable
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from relayer.held import HeldMark, Sight
from relayer.metrics import RelayerMetrics
from relayer.watchdog import Wallet, Watchdog, Watched
from tests.unit.relayer.test_service import until

NUMBERS = {"BTC-USD": 0, "ETH-USD": 4}
START_S = 1_800_000_000
WALLET = "0x" + "ab" * 20


class FakeReader:
    """Holds what it is told, for the time it is told."""

    def __init__(self, name: str = "alpha") -> None:
        self.name = name
        self.times_s: dict[str, float] = dict.fromkeys(NUMBERS, START_S)
        self.error: Exception | None = None
        self.balance_wei, self.gas_price_wei = 10**18, 10**9
        self.open = asyncio.Event()
        self.open.set()

    async def look(self, numbers: Mapping[str, int], wallet: str) -> Sight:
        """Answer, fail or hang."""
        await self.open.wait()
        if self.error is not None:
            raise self.error
        assert wallet == WALLET
        marks = {
            name: HeldMark(Px(1, 0), round(self.times_s[name] * 1000), Validity.VALID)
            for name in numbers
        }
        return Sight(1, START_S, marks, self.balance_wei, self.gas_price_wei)


class Bench:
    """A watchdog over readers, a clock, and its metrics. Overdue after 180 s, silent after 30 s."""

    def __init__(self, *readers: FakeReader) -> None:
        self.now_s = float(START_S)
        self.asked = 0
        self.report_ns: int | None = START_S * 10**9
        self.spent_day_wei = 0
        wallet = Wallet(WALLET, lambda: self.spent_day_wei, runway_s=7 * 86_400.0)
        limits = dict.fromkeys(NUMBERS, 180.0)
        self.registry = CollectorRegistry()
        self.watchdog = Watchdog(
            [Watched(reader, NUMBERS, limits, wallet) for reader in readers],
            lambda: self.report_ns,
            RelayerMetrics(self.registry),
            self._clock,
            every_s=0.001,
            silence_s=30.0,
        )

    def _clock(self) -> int:
        self.asked += 1
        return round(self.now_s * 1e9)

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample, -1 where there is none."""
        value = self.registry.get_sample_value(f"plumbline_relayer_{name}", labels)
        return -1 if value is None else value

    def overdue(self, market: str, chain: str = "alpha") -> float:
        """Return the alarm of a market."""
        return self.metric("update_overdue", chain=chain, market=market)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[list[dict[str, object]]]:
    """Watch until the block ends; yield the log."""
    with capture_logs() as logs:
        task = asyncio.create_task(bench.watchdog.run())
        await until(lambda: bench.asked > 1)
        yield logs
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _events(logs: list[dict[str, object]], event: str) -> list[dict[str, object]]:
    return [entry for entry in logs if entry["event"] == event]


async def test_alarms_once_by_what_the_chain_holds_and_says_when_it_is_over() -> None:
    """One market of two: the other's updates do not hide it."""
    reader = FakeReader()
    bench = Bench(reader)
    async with running(bench) as logs:
        bench.now_s += 180
        await until(
            lambda: bench.metric("update_age_seconds", chain="alpha", market="BTC-USD") == 180
        )
        assert bench.overdue("BTC-USD") == 0
        reader.times_s["ETH-USD"] = bench.now_s
        bench.now_s += 1
        await until(lambda: bench.overdue("BTC-USD") == 1)
        assert bench.overdue("ETH-USD") == 0
        bench.now_s += 1
        await until(
            lambda: bench.metric("update_age_seconds", chain="alpha", market="BTC-USD") == 182
        )
        reader.times_s["BTC-USD"] = bench.now_s
        await until(lambda: bench.overdue("BTC-USD") == 0)
    (alarm,) = _events(logs, "update_overdue")
    assert (alarm["market"], alarm["age_s"], alarm["limit_s"]) == ("BTC-USD", 181.0, 180.0)
    assert len(_events(logs, "update_overdue_over")) == 1


async def test_a_market_that_never_was_on_the_chain_alarms_too() -> None:
    """Counted from when watching began."""
    reader = FakeReader()
    reader.times_s["BTC-USD"] = 0
    bench = Bench(reader)
    async with running(bench):
        await until(lambda: bench.overdue("BTC-USD") == 0)
        bench.now_s += 181
        await until(lambda: bench.overdue("BTC-USD") == 1)


async def test_a_chain_that_cannot_be_read_grows_old_all_the_same() -> None:
    """What was last seen is all that is known; a failure must not look like freshness."""
    reader = FakeReader()
    bench = Bench(reader)
    async with running(bench) as logs:
        await until(lambda: bench.metric("watched_timestamp_seconds", chain="alpha") == START_S)
        reader.error = Retryable("chain alpha: no RPC endpoint answers")
        await until(lambda: bench.metric("chain_unreadable", chain="alpha") == 1)
        bench.now_s += 181
        await until(lambda: bench.overdue("BTC-USD") == 1)
        assert bench.metric("watched_timestamp_seconds", chain="alpha") == START_S
        reader.error = ZeroDivisionError("bug")
        await until(lambda: any(entry["event"] == "watchdog_failed" for entry in logs))
        reader.error, reader.times_s = None, dict.fromkeys(NUMBERS, bench.now_s)
        await until(lambda: bench.overdue("BTC-USD") == 0)
    assert len(_events(logs, "chain_unreadable")) == 1
    assert len(_events(logs, "chain_unreadable_over")) == 1


async def test_a_chain_that_goes_back_is_believed() -> None:
    """After a reorganisation the newest update may be an older one."""
    reader = FakeReader()
    bench = Bench(reader)
    async with running(bench):
        await until(lambda: bench.overdue("BTC-USD") == 0)
        reader.times_s = dict.fromkeys(NUMBERS, START_S - 200.0)
        await until(lambda: bench.overdue("BTC-USD") == 1)


async def test_a_chain_that_hangs_delays_no_other() -> None:
    """Each is watched by itself."""
    hung, alive = FakeReader("hung"), FakeReader("alive")
    hung.open.clear()
    bench = Bench(hung, alive)
    async with running(bench):
        bench.now_s += 181
        await until(lambda: bench.overdue("BTC-USD", "alive") == 1)
        assert bench.overdue("BTC-USD", "hung") == -1


async def test_silence_of_reports_alarms() -> None:
    """Nothing to push is as bad as not pushing; at the start as well as later."""
    bench = Bench(FakeReader())
    bench.report_ns = None
    async with running(bench) as logs:
        bench.now_s += 31
        await until(lambda: bench.metric("reports_silent") == 1)
        bench.report_ns = round(bench.now_s * 1e9)
        await until(lambda: bench.metric("reports_silent") == 0)
    assert len(_events(logs, "reports_silent")) == 1


async def test_what_is_stamped_in_the_future_alarms() -> None:
    """Its age is below zero, and by that it would never be overdue: a clock is wrong."""
    reader = FakeReader()
    bench = Bench(reader)
    reader.times_s["BTC-USD"] = START_S + 30
    reader.times_s["ETH-USD"] = START_S + 30.001
    bench.report_ns = (START_S + 31) * 10**9
    async with running(bench) as logs:
        await until(lambda: bool(_events(logs, "mark_in_future")))
        await until(lambda: bool(_events(logs, "reports_in_future")))
        bench.now_s += 1
        await until(lambda: bool(_events(logs, "mark_in_future_over")))
        await until(lambda: bool(_events(logs, "reports_in_future_over")))
    assert [entry["market"] for entry in _events(logs, "mark_in_future")] == ["ETH-USD"]
    assert len(_events(logs, "reports_in_future")) == 1


async def test_a_poor_wallet_alarms() -> None:
    """When it does not last, and when it can hardly pay once more: that in 10 updates' gas."""
    reader = FakeReader()
    bench = Bench(reader)

    def poor() -> float:
        return bench.metric("wallet_poor", chain="alpha")

    async with running(bench) as logs:
        await until(lambda: poor() == 0)
        bench.spent_day_wei = 10**18 // 6
        await until(lambda: poor() == 1)
        reader.gas_price_wei = 10**12 + 1
        await until(lambda: poor() == 2)
        reader.balance_wei, bench.spent_day_wei = 10**19, 0
        await until(lambda: poor() == 0)
        assert bench.metric("balance_wei", chain="alpha") == 10**19
    said = [e["event"] for e in logs if str(e["event"]).startswith("wallet")]
    assert said == [
        "wallet_runs_out",
        "wallet_runs_out_over",
        "wallet_too_poor",
        "wallet_too_poor_over",
    ]

"""The pool's position in each market, and what flattening it would cost at perp venues' quotes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from oracle.bus.interface import Bus, Start
from oracle.model.errors import Retryable
from oracle.model.fixed import Px
from oracle.model.messages import Exposure
from oracle.model.ticks import Tick, TickBatch
from oracle.model.topics import Topic
from relayer.base import Clock
from relayer.keeper.metrics import KeeperMetrics
from relayer.keeper.notify import px_e18
from relayer.keeper.params import E18
from relayer.keeper.world import MarketState, Quote, Rules

OLD_NS: Final = 30 * 10**9
_RETRY_S: Final = 1.0
_log = structlog.get_logger(__name__)


class Book(NamedTuple):
    """The best bid and ask of a perp; sizes in base units, None where the venue does not say."""

    bid: float
    ask: float
    bid_size: float | None
    ask_size: float | None
    received_ns: int


class Hedge(NamedTuple):
    """Where to flatten a position, and at what cost as a share of its value."""

    venue: str
    share: float | None
    why_unknown: str


@dataclass(frozen=True, slots=True)
class PerpMarket:
    """A market's name and its perp sources."""

    name: str
    perps: tuple[str, ...]


def net_of_pool(state: MarketState) -> int:
    """Return the pool's position: what traders are short of, less what they are long of."""
    return state.short - state.long


def cheapest(size: float, books: Mapping[str, Book], now_ns: int) -> Hedge:
    """Return where to trade `size` base units, above zero to buy.

    The cost is half the spread. Beyond the best bid or ask nothing is known: such a hedge has a
    cost for its first part only, which is said.
    """
    found: list[tuple[bool, float, str, str]] = []
    for venue, book in books.items():
        if now_ns - book.received_ns > OLD_NS or not 0 < book.bid <= book.ask:
            continue
        share = (book.ask - book.bid) / (book.ask + book.bid)
        depth = book.ask_size if size > 0 else book.bid_size
        why = "depth not known" if depth is None else ""
        if depth is not None and abs(size) > depth:
            why = f"beyond the best quote: {depth:g} of {abs(size):g}"
        found.append((bool(why), share, venue, why))
    if not found:
        return Hedge("", None, "no perp venue quotes now")
    _, share, venue, why = min(found)
    return Hedge(venue, share, why)


class Exposures:
    """Publishes exposures; keeps the perps' newest quotes for that."""

    def __init__(
        self,
        chain: str,
        bus: Bus,
        markets: Mapping[int, PerpMarket],
        metrics: KeeperMetrics,
        clock: Clock,
    ) -> None:
        self.newest: dict[int, Exposure] = {}
        self._chain: Final = chain
        self._bus: Final = bus
        self._markets: Final = markets
        self._metrics: Final = metrics
        self._clock: Final = clock
        self._wanted: Final = {perp for market in markets.values() for perp in market.perps}
        self._books: Final[dict[str, Book]] = {}

    async def run(self) -> None:
        """Read quotes until cancelled; a log that cannot be reached is tried again."""
        while self._wanted:
            try:
                async with self._bus.subscribe(Topic.TICKS, start=Start.TAIL) as reader:
                    while True:
                        for record in await reader.take():
                            if isinstance(record.message, TickBatch):
                                self.take(record.message)
            except Retryable as error:
                _log.warning("ticks_unreadable", error=str(error))
                await asyncio.sleep(_RETRY_S)

    def take(self, batch: TickBatch) -> None:
        """Keep the quotes of the perps that are wanted."""
        if self._wanted.isdisjoint(batch.sources):
            return
        for tick in batch.ticks():
            if tick.source in self._wanted and (book := _book(tick)) is not None:
                self._books[tick.source] = book

    async def publish(self, rules: Rules, quotes: Mapping[int, Quote]) -> None:
        """Say the exposure in every open market, and the end of those that closed."""
        made = list(self._exposures(rules, quotes))
        self.newest = {exposure.number: exposure for exposure in made}
        for exposure in made:
            self._measure(exposure)
        await self._bus.publish(Topic.EXPOSURES, [(one.key, one) for one in made])

    def _exposures(self, rules: Rules, quotes: Mapping[int, Quote]) -> Iterable[Exposure]:
        now_ns = self._clock()
        gone = self.newest.keys() - rules.states.keys()
        flat = MarketState(0, 0, 0, 0, 0, 0, 0, 0)
        for number, state in (*rules.states.items(), *((one, flat) for one in sorted(gone))):
            market = self._markets.get(number, PerpMarket(f"#{number}", ()))
            net, quote = net_of_pool(state), quotes.get(number)
            price = quote.price if quote else 0
            hedge = self._hedge(-net / E18, market.perps, now_ns) if net else Hedge("", 0.0, "")
            known = hedge.share is not None and price
            cost = int(abs(net) * price // E18 * (hedge.share or 0.0)) if known else None
            yield Exposure(
                chain=self._chain,
                market=market.name,
                number=number,
                block=rules.head.number,
                time_ns=now_ns,
                net=px_e18(net),
                longs=px_e18(state.long),
                shorts=px_e18(state.short),
                mark=px_e18(price) if price else None,
                hedge=px_e18(-net),
                venue=hedge.venue,
                cost=None if cost is None else px_e18(cost),
                why_unknown=hedge.why_unknown or ("" if price or not net else "no mark"),
            )

    def _hedge(self, size: float, perps: Sequence[str], now_ns: int) -> Hedge:
        books = {perp: self._books[perp] for perp in perps if perp in self._books}
        return cheapest(size, books, now_ns)

    def _measure(self, exposure: Exposure) -> None:
        labels, net = (self._chain, exposure.market), _float(exposure.net)
        mark = _float(exposure.mark) if exposure.mark else float("nan")
        self._metrics.exposure.labels(*labels).set(net)
        self._metrics.exposure_value.labels(*labels).set(net * mark if net else 0.0)
        whole = exposure.cost is not None and not exposure.why_unknown
        cost = _float(exposure.cost) if exposure.cost and whole else float("nan")
        self._metrics.hedge_cost.labels(*labels).set(cost)


def _book(tick: Tick) -> Book | None:
    if tick.bid is None or tick.ask is None:
        return None
    return Book(
        _float(tick.bid),
        _float(tick.ask),
        None if tick.bid_size is None else _float(tick.bid_size),
        None if tick.ask_size is None else _float(tick.ask_size),
        tick.received_ns,
    )


def _float(value: Px) -> float:
    return float(value.mantissa * 10.0**value.exponent)

"""One chain over several endpoints: fail-over, quorum, broadcast."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, TypeVar

import httpx
import structlog

from oracle.model.errors import ConfigError
from relayer.evm.endpoint import Endpoint, Head, Silent
from relayer.evm.errors import NodeError
from relayer.evm.pool import Parse, Pool
from relayer.evm.quorum import GRACE_S, Quorum
from relayer.evm.wire import Query
from relayer.metrics import RelayerMetrics

ROUNDS: Final = 2
"""Times that all endpoints are tried before a request fails."""
PAUSE_S: Final = (0.05, 0.15)
"""Between two rounds, at random."""
_ONCE: Final = frozenset({"timeout", "rate_limited", "wrong_chain"})
"""Not tried again at once: it takes long, or makes it worse."""

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
_log = structlog.get_logger(__name__)
_jitter: Final = random.SystemRandom()


def known(heads: Sequence[Head], quorum: int) -> Head:
    """Return the newest block that so many know, or all where they are fewer."""
    newest_first = sorted(heads, key=lambda head: -head.number)
    return newest_first[min(quorum, len(heads)) - 1]


class JsonRpc:
    """Reads from `urls`, `quorum` of which must agree where it matters; sends to `send_urls`, or
    to all when there are none."""

    def __init__(
        self,
        chain: str,
        chain_id: int,
        urls: Sequence[str],
        timeout_s: float,
        metrics: RelayerMetrics,
        *,
        send_urls: Sequence[str] = (),
        quorum: int = 1,
        max_lag_blocks: int = 5,
        max_lag_s: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        self._grace_s: Final = grace_s
        self.chain: Final = chain
        self.chain_id: Final = chain_id
        self.quorum: Final = quorum
        self._pool: Final = Pool(chain, chain_id, urls, send_urls, timeout_s, metrics, transport)
        self._max_lag: Final = (max_lag_blocks, max_lag_s)
        self._quorum: Final = Quorum(chain, self._pool, quorum, metrics)

    @property
    def several(self) -> bool:
        """Whether there is more than one endpoint to read from."""
        return len(self._pool.readers) > 1

    async def check(self) -> None:
        """Ask every endpoint for its chain; those of another are not used.

        Raises:
            ConfigError: all that answer are of another chain.
            Unreachable: none answers.
        """
        answers = await asyncio.gather(
            *(self._pool.confirm(endpoint) for endpoint in self._pool.readers),
            return_exceptions=True,
        )
        said = [str(answer) for answer in answers if isinstance(answer, Silent)]
        wrong = [a for a in answers if isinstance(a, Silent) and a.kind == "wrong_chain"]
        if len(said) < len(answers):
            for silent in wrong:
                _log.error("endpoint_of_another_chain", chain=self.chain, error=str(silent))
            return
        if wrong:
            raise ConfigError(f"chain {self.chain}: {wrong[0]}; mend chain_id or rpc")
        raise self._pool.unreachable(self._pool.readers, said)

    async def call(self, method: str, *params: Any) -> Any:
        """Return one result, of one endpoint.

        Raises:
            Unreachable: no endpoint answers.
            NodeError: the node answered with an error.
        """
        return (await self.batch([(method, list(params))]))[0]

    async def batch(self, calls: Sequence[Query]) -> list[Any]:
        """Return the results in the order of `calls`, sent together to one endpoint.

        Raises:
            Unreachable: no endpoint answers.
            NodeError: the node answered one of them with an error.
        """
        _, results = await self._first(calls, list)
        return results

    async def first(self, calls: Sequence[Query], parse: Parse[T]) -> T:
        """Return what one endpoint's results parse to; one whose do not is passed over.

        Raises:
            Unreachable, NodeError: as `batch`.
        """
        return (await self._first(calls, parse))[1]

    async def each(
        self, calls: Sequence[Query], parse: Parse[T], enough: Callable[[list[T]], bool]
    ) -> list[T]:
        """Return what endpoints say: a quorum of them, and others until `enough`.

        When fewer than a quorum answer, theirs has to do: who answers could at worst keep us
        silent, and so would not asking them.

        Raises:
            Unreachable: none answers.
            NodeError: none answers without an error.
        """
        return [said for _, said in await self._each(calls, parse, enough)]

    async def agreed(
        self, calls: Sequence[Query], parse: Parse[H], settle: Callable[[list[H]], H] | None = None
    ) -> H:
        """Return what a quorum of endpoints say alike; those that say otherwise are counted.

        `settle` chooses when no quorum does.

        Raises:
            Unreachable, NodeError: as `each`.
            QuorumFailed: no quorum says the same, and nothing settles it.
        """

        def enough(said: list[H]) -> bool:
            return max(Counter(said).values()) >= self.quorum

        answers = await self._each(calls, parse, enough, grace_s=self._grace_s)
        return self._quorum.agreed(answers, calls[-1][0], settle)

    async def head(self, parse: Parse[Head]) -> Head:
        """Return the newest block that a quorum of endpoints know, and measure who is behind.

        Raises:
            Unreachable, NodeError: as `each`.
        """
        calls: list[Query] = [("eth_getBlockByNumber", ["latest", False])]
        readers = self._pool.askable(self._pool.readers)
        answers = await self._each(calls, parse, self.near, readers, grace_s=self._grace_s)
        agreed = known([head for _, head in answers], self.quorum)
        for endpoint, head in answers:
            behind = max(agreed.number - head.number, 0)
            endpoint.measure(head, behind, lagging=self._lags(head, agreed))
        return agreed

    def near(self, heads: Sequence[Head]) -> bool:
        """Tell whether the block that a quorum knows is about as new as any of these.

        Else one that lies of its own may be of that quorum, and has it go back as far as it likes.
        """
        newest = max(heads, key=lambda head: head.number)
        return not self._lags(known(heads, self.quorum), newest)

    def _lags(self, head: Head, ahead: Head) -> bool:
        blocks, seconds = self._max_lag
        return ahead.number - head.number > blocks or ahead.time_s - head.time_s > seconds

    async def broadcast(self, raw: bytes) -> None:
        """Send a signed transaction to every endpoint; return once one has taken it.

        Raises:
            Unreachable: none answers. It may have arrived.
            NodeError: those that answer refuse it.
        """
        calls: list[Query] = [("eth_sendRawTransaction", ["0x" + raw.hex()])]
        senders = self._pool.senders
        tasks = {
            asyncio.create_task(self._pool.ask(endpoint, calls, list)): endpoint
            for endpoint in self._pool.askable(senders)
        }
        self._pool.leave(tasks)  # once one has taken it, the others are told all the same
        said, refused = list[str](), list[NodeError]()
        for done in asyncio.as_completed(tasks):
            try:
                await done
            except Silent as error:
                said.append(str(error))
            except NodeError as error:
                refused.append(error)
            else:
                return
        raise refused[0] if refused else self._pool.unreachable(senders, said)

    async def aclose(self) -> None:
        """Close connections."""
        await self._pool.aclose()

    async def _first(self, calls: Sequence[Query], parse: Parse[T]) -> tuple[Endpoint, T]:
        silent: list[Silent] = []
        for round_ in range(ROUNDS):
            if round_:
                await asyncio.sleep(_jitter.uniform(*PAUSE_S))
            for endpoint in self._pool.askable(self._pool.readers):
                try:
                    return endpoint, await self._pool.ask(endpoint, calls, parse)
                except Silent as error:
                    silent.append(error)
            if any(error.kind in _ONCE for error in silent):
                break
        raise self._pool.unreachable(self._pool.readers, [str(error) for error in silent])

    async def _each(
        self,
        calls: Sequence[Query],
        parse: Parse[T],
        enough: Callable[[list[T]], bool],
        readers: Sequence[Endpoint] = (),
        *,
        grace_s: float = 0.0,
    ) -> list[tuple[Endpoint, T]]:
        if not self.several or (self.quorum == 1 and not readers):
            return [await self._first(calls, parse)]
        tasks = self._pool.begin(readers or self._pool.voters(self.quorum), calls, parse)
        try:
            return await self._quorum.collect(tasks, enough, grace_s)
        finally:
            self._pool.leave(tasks)

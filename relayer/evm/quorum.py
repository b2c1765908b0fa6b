"""Who is believed, when several endpoints of a chain are asked the same."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, TypeVar

import structlog

from relayer.evm.endpoint import Endpoint, Silent
from relayer.evm.errors import NodeError, QuorumFailed
from relayer.evm.pool import Pool
from relayer.faults import Faults
from relayer.metrics import RelayerMetrics

GRACE_S: Final = 0.05
"""How long the others are waited for once enough endpoints have answered: to see who lags or
contradicts."""
QUIET_S: Final = 60.0
"""A quorum that failed is said to be back after so long without another failure."""

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
_log = structlog.get_logger(__name__)


class Quorum:
    """`size` of the endpoints of `pool` have to answer, and to agree where it matters."""

    def __init__(self, chain: str, pool: Pool, size: int, metrics: RelayerMetrics) -> None:
        self.size: Final = size
        self._chain: Final = chain
        self._pool: Final = pool
        self._faults: Final = Faults(chain, metrics)
        self._failed_s: float | None = None

    async def collect(
        self,
        tasks: Mapping[asyncio.Task[T], Endpoint],
        enough: Callable[[list[T]], bool],
        grace_s: float,
    ) -> list[tuple[Endpoint, T]]:
        """Return what endpoints answer: a quorum of them, and others until `enough`.

        Raises:
            Unreachable: none answers.
            NodeError: none answers without an error, or a quorum answers with one.
        """
        said: list[tuple[Endpoint, T]] = []
        silent, refused = list[str](), list[NodeError]()
        waiting, left_s = set(tasks), None
        while waiting:
            done, waiting = await asyncio.wait(
                waiting, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
            for task in done:
                try:
                    said.append((tasks[task], task.result()))
                except Silent as error:
                    silent.append(str(error))
                except NodeError as error:
                    refused.append(error)
            if len(said) >= self.size and enough([answer for _, answer in said]):
                left_s = grace_s
            elif said and not any(tasks[task].sound for task in waiting):
                left_s = GRACE_S  # those that failed before are not waited for
        if len(said) >= self.size:
            self._held()
        elif said and len(refused) < self.size:
            self._failed(answers=len(said), silent=silent)
        elif refused:
            raise refused[0]
        else:
            raise self._pool.unreachable(self._pool.readers, silent)
        return said

    def agreed(
        self,
        answers: Sequence[tuple[Endpoint, H]],
        asked: str,
        settle: Callable[[list[H]], H] | None,
    ) -> H:
        """Return what a quorum says alike; those that say otherwise are counted.

        Raises:
            QuorumFailed: no quorum does, and `settle` is not there to choose.
        """
        ((most, votes),) = Counter(said for _, said in answers).most_common(1)
        if votes < min(self.size, len(answers)):
            error = QuorumFailed(
                f"chain {self._chain}: of {len(answers)} endpoints ("
                f"{', '.join(endpoint.label for endpoint, _ in answers)}) no {self.size} say the "
                f"same to {asked}"
            )
            if settle is None:
                raise error
            self._failed(error=str(error))
            return settle([said for _, said in answers])
        for endpoint, said in answers:
            if said != most:
                endpoint.disagreed(asked)
            elif votes > 1:
                endpoint.agreed()
        return most

    def _failed(self, **details: object) -> None:
        self._failed_s = time.monotonic()
        self._faults.note("quorum_failed", **details)

    def _held(self) -> None:
        """Take note that one request had its quorum: the next may not."""
        if self._failed_s is not None and time.monotonic() - self._failed_s >= QUIET_S:
            _log.info("quorum_recovered", chain=self._chain)
            self._faults.cleared("quorum_failed")
            self._failed_s = None

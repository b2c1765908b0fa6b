"""HTTP to one endpoint, bounded in time and size: one request for several calls, or one for each
where the endpoint takes no batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import httpx

from relayer.evm.wire import BatchRefused, read_answers, retry_after_s

RATE_LIMITED_S: Final = 1.0
"""How long one is left alone that refuses for too many requests and names no time."""
SINGLY_S: Final = 60.0
"""A batch is tried again after so long."""
AT_ONCE: Final = 8
"""Single requests instead of a batch that are under way together."""
_TOO_MANY: Final = 429
_REFUSING: Final = frozenset({400, 403, 405, 406, 413, 414, 415, 422, 431, 500, 501})
"""Statuses that providers refuse a batch with; each may mean something else, so one call is tried
by itself."""

logging.getLogger("httpx").setLevel(logging.WARNING)  # INFO names whole URLs, keys included

Requests = Sequence[dict[str, Any]]


class Broken(Exception):
    """No usable answer came; the endpoint wants to be left alone for `bar_s`."""

    def __init__(self, why: str, kind: str, bar_s: float = 0.0) -> None:
        super().__init__(why)
        self.kind: Final = kind
        self.bar_s: Final = bar_s


class Connection:
    """To one URL. `asked` is called for each HTTP request."""

    def __init__(
        self,
        url: str,
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None,
        asked: Callable[[], object],
    ) -> None:
        self._url: Final = url
        self._timeout_s: Final = timeout_s
        self._asked: Final = asked
        # What the environment says of proxies is not the operator's configuration.
        self._client: Final = httpx.AsyncClient(
            timeout=timeout_s, transport=transport, trust_env=False
        )
        self.singly = False
        """Whether it takes no batches, as far as is known."""
        self._batch_again_s = 0.0

    async def exchange(self, requests: Requests) -> list[dict[str, Any]]:
        """Return an answer for each request, in their order.

        Raises:
            Broken: it gives none that can be used.
        """
        if len(requests) == 1:
            return await self._within(self._post(requests, requests[0]))
        if self.singly and time.monotonic() < self._batch_again_s:
            return await self._within(self._one_by_one(requests))
        self._batch_again_s = time.monotonic() + SINGLY_S  # whatever else comes of this try
        try:
            answers = await self._within(self._post(requests, list(requests)))
            self.singly = False
        except BatchRefused:
            answers = await self._within(self._one_by_one(requests))
            self.singly = True
        return answers

    async def aclose(self) -> None:
        """Close it."""
        await self._client.aclose()

    async def _one_by_one(self, requests: Requests) -> list[dict[str, Any]]:
        """Ask the first alone: only if that is answered it was the batch that was refused."""
        answers = await self._post(requests[:1], requests[0])
        for start in range(1, len(requests), AT_ONCE):
            part = requests[start : start + AT_ONCE]
            found = await asyncio.gather(
                *(self._post([request], request) for request in part), return_exceptions=True
            )
            for one in found:
                if isinstance(one, BaseException):
                    raise one
                answers += one
        return answers

    async def _post(self, requests: Requests, body: object) -> list[dict[str, Any]]:
        self._asked()
        async with self._client.stream("POST", self._url, json=body) as response:
            if len(requests) > 1 and response.status_code in _REFUSING:
                raise BatchRefused(f"HTTP {response.status_code}")
            response.raise_for_status()
            return await read_answers(response, requests)

    async def _within(self, exchange: Any) -> list[dict[str, Any]]:
        """Wait for an exchange as long as may be: httpx bounds each read, not their sum."""
        try:
            async with asyncio.timeout(self._timeout_s):
                answers: list[dict[str, Any]] = await exchange
                return answers
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Broken(f"no answer in {self._timeout_s:g} s", "timeout") from error
        except httpx.HTTPStatusError as error:
            raise _status(error.response) from error
        except httpx.HTTPError as error:
            raise Broken(str(error) or type(error).__name__, "connection") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Broken("answer is no JSON-RPC", "malformed") from error


def _status(response: httpx.Response) -> Broken:
    wait_s, text = retry_after_s(response), f"HTTP {response.status_code}"
    if response.status_code != _TOO_MANY:
        return Broken(text, "http_status", wait_s or 0.0)
    return Broken(text, "rate_limited", RATE_LIMITED_S if wait_s is None else wait_s)

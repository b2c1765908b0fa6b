"""JSON-RPC over an array of endpoints: time-outs, fail-over, and never another chain's node.

An endpoint that does not answer, answers no JSON-RPC or is of another chain is passed over; a
node that answers with an error has answered.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Sequence
from typing import Any, Final

import httpx
import structlog

from oracle.model.errors import ConfigError
from relayer.evm.errors import NodeError, Unreachable
from relayer.metrics import RelayerMetrics

BATCH: Final = 100
"""Requests in one HTTP request; public endpoints refuse much larger batches."""
MAX_ANSWER_BYTES: Final = 4 * 2**20
MAX_BRACKETS: Final = 10_000
"""Far more than any answer has. `py_ecc`, which eth_account imports, raises Python's recursion
limit to 100,000: beyond some 50,000 levels of nesting, parsing JSON ends the process."""
_RATE_LIMITED: Final = frozenset({-32005, -32029, 429})

Call = tuple[str, list[Any]]
"""A method and its parameters."""

_log = structlog.get_logger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # INFO names whole URLs, keys included


class _Silent(Exception):
    """An endpoint gave no usable answer."""


class JsonRpc:
    """The endpoints of one chain, in the operator's order of preference.

    A request goes to the endpoint that answered last and, when that fails, to each of the others
    once. An endpoint has to name the right chain before its first use and after each failure.
    """

    def __init__(
        self,
        chain: str,
        chain_id: int,
        urls: Sequence[str],
        timeout_s: float,
        metrics: RelayerMetrics,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.chain: Final = chain
        self.chain_id: Final = chain_id
        self._endpoints: Final = [
            _Endpoint(
                url,
                # What the environment says of proxies is not the operator's configuration.
                httpx.AsyncClient(timeout=timeout_s, transport=transport, trust_env=False),
            )
            for url in urls
        ]
        self._timeout_s: Final = timeout_s
        self._metrics: Final = metrics
        self._at = 0

    async def check(self) -> None:
        """Ask every endpoint for its chain.

        Raises:
            ConfigError: one of them is of another chain.
            Unreachable: none answers.
        """
        answers = await asyncio.gather(
            *(self._chain_of(endpoint) for endpoint in self._endpoints), return_exceptions=True
        )
        for endpoint, answer in zip(self._endpoints, answers, strict=True):
            if isinstance(answer, int) and answer != self.chain_id:
                raise ConfigError(
                    f"chain {self.chain}: {endpoint.label} serves chain {answer}, the "
                    f"configuration says {self.chain_id}; mend chain_id or rpc"
                )
        if not any(isinstance(answer, int) for answer in answers):
            raise self._unreachable([str(answer) for answer in answers])

    async def call(self, method: str, *params: Any) -> Any:
        """Return one result.

        Raises:
            Unreachable: no endpoint answers.
            NodeError: the node answered with an error.
        """
        return (await self.batch([(method, list(params))]))[0]

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Return the results in the order of `calls`, sent together.

        Raises:
            Unreachable: no endpoint answers.
            NodeError: the node answered one of them with an error.
        """
        results: list[Any] = []
        for start in range(0, len(calls), BATCH):
            part = calls[start : start + BATCH]
            for (method, _), answer in zip(part, await self._answers(part), strict=True):
                if "error" in answer:
                    raise NodeError(self.chain, method, answer["error"])
                results.append(answer["result"])
        return results

    async def aclose(self) -> None:
        """Close connections."""
        for endpoint in self._endpoints:
            await endpoint.client.aclose()

    async def _answers(self, calls: Sequence[Call]) -> list[dict[str, Any]]:
        silent: list[str] = []
        for step in range(len(self._endpoints)):
            at = (self._at + step) % len(self._endpoints)
            endpoint = self._endpoints[at]
            try:
                await self._confirm(endpoint)
                answers = await self._post(endpoint, calls)
            except _Silent as error:
                endpoint.confirmed = False
                silent.append(str(error))
                continue
            if step:
                _log.warning("rpc_failed_over", chain=self.chain, to=endpoint.label, tried=silent)
            self._at = at
            return answers
        raise self._unreachable(silent)

    async def _confirm(self, endpoint: _Endpoint) -> None:
        if endpoint.confirmed:
            return
        found = await self._chain_of(endpoint)
        if found != self.chain_id:
            raise self._silent(
                endpoint, f"serves chain {found}, not {self.chain_id}", "wrong_chain"
            )
        endpoint.confirmed = True

    async def _chain_of(self, endpoint: _Endpoint) -> int:
        (answer,) = await self._post(endpoint, [("eth_chainId", [])])
        try:
            return int(answer["result"], 16)
        except (KeyError, TypeError, ValueError) as error:
            raise self._silent(endpoint, "does not name its chain", "malformed") from error

    async def _post(self, endpoint: _Endpoint, calls: Sequence[Call]) -> list[dict[str, Any]]:
        requests = [
            {"jsonrpc": "2.0", "id": next(endpoint.ids), "method": method, "params": params}
            for method, params in calls
        ]
        try:
            async with asyncio.timeout(self._timeout_s):  # httpx bounds each read, not their sum
                body = requests if len(requests) > 1 else requests[0]
                async with endpoint.client.stream("POST", endpoint.url, json=body) as response:
                    response.raise_for_status()
                    answers = _matched(requests, json.loads(await _bounded(response)))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise self._silent(
                endpoint, f"no answer in {self._timeout_s:g} s", "timeout"
            ) from error
        except httpx.HTTPStatusError as error:
            raise self._silent(
                endpoint, f"HTTP {error.response.status_code}", "http_status"
            ) from error
        except httpx.HTTPError as error:
            raise self._silent(
                endpoint, str(error) or type(error).__name__, "connection"
            ) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._silent(endpoint, "answer is no JSON-RPC", "malformed") from error
        if any(answer.get("error", {}).get("code") in _RATE_LIMITED for answer in answers):
            raise self._silent(endpoint, "rate limited", "rate_limited")
        return answers

    def _silent(self, endpoint: _Endpoint, why: str, kind: str) -> _Silent:
        self._metrics.rpc_errors.labels(self.chain, endpoint.label, kind).inc()
        return _Silent(f"{endpoint.label}: {why}")

    def _unreachable(self, silent: Sequence[str]) -> Unreachable:
        return Unreachable(
            f"chain {self.chain}: no RPC endpoint answers ({'; '.join(silent)}); start the node or "
            "mend rpc in the configuration"
        )


class _Endpoint:
    """One URL. Its label leaves out path and query, where providers put keys."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url: Final = url
        self.client: Final = client
        self.ids: Final = itertools.count(1)
        self.label: Final = httpx.URL(url).netloc.decode().rpartition("@")[2]
        self.confirmed = False


async def _bounded(response: httpx.Response) -> bytes:
    """Read a body.

    Raises:
        ValueError: it is larger, or may be deeper, than any answer to what we ask.
    """
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError(f"more than {MAX_ANSWER_BYTES} bytes")
    if body.count(b"[") + body.count(b"{") > MAX_BRACKETS:
        raise ValueError(f"more than {MAX_BRACKETS} lists and objects")
    return bytes(body)


def _matched(requests: Sequence[dict[str, Any]], answer: Any) -> list[dict[str, Any]]:
    """Put answers into the order of requests; each must carry a result or an error object.

    An error of null, which some nodes send beside a result, is none.

    Raises:
        ValueError, KeyError, TypeError: they do not fit.
    """
    answers = answer if isinstance(answer, list) else [answer]
    by_id = {item["id"]: item for item in answers}
    ordered = [by_id[request["id"]] for request in requests]
    for item in ordered:
        error = item.pop("error", None)
        if isinstance(error, dict) and isinstance(error.get("code", 0), int):
            item["error"] = error
        elif error is not None or "result" not in item:
            raise ValueError("neither result nor error")
    return ordered

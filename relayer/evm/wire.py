"""JSON-RPC as bytes: read a bounded answer, match it to its requests, and name the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

MAX_ANSWER_BYTES: Final = 4 * 2**20
MAX_BRACKETS: Final = 10_000
"""Far more than any answer has: deeper nesting than Python's recursion limit is not parsed."""
MAX_RETRY_AFTER_S: Final = 60.0

Query = tuple[str, list[Any]]
"""A method and its parameters."""

_RATE_LIMITED: Final = frozenset({"-32005", "-32029", "429"})


class BatchRefused(Exception):
    """An endpoint answers a batch as a whole with an error, or only a part of it."""


def is_rate_limit(answer: dict[str, Any]) -> bool:
    """Tell whether an answer is an error for too many requests."""
    error = answer.get("error")
    return isinstance(error, dict) and str(error.get("code")) in _RATE_LIMITED


async def read_answers(
    response: httpx.Response, requests: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Read the body and put its answers into the order of requests.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: it is no answer to them.
        BatchRefused: one error answers several, or some have no answer.
    """
    return _matched(requests, json.loads(await _bounded(response)))


def retry_after_s(response: httpx.Response) -> float | None:
    """Return how long an endpoint asks to be left alone, within bounds; None when it does not."""
    value = response.headers.get("retry-after", "")
    try:
        wait_s = float(value)
    except ValueError:
        try:
            wait_s = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S) if wait_s == wait_s else None  # noqa: PLR0124 (NaN)


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError(f"more than {MAX_ANSWER_BYTES} bytes")
    if body.count(b"[") + body.count(b"{") > MAX_BRACKETS:
        raise ValueError(f"more than {MAX_BRACKETS} lists and objects")
    return bytes(body)


def _matched(requests: Sequence[dict[str, Any]], answer: Any) -> list[dict[str, Any]]:
    """Each answer must carry a result or an error. An error of null, which some nodes send beside
    a result, is none; one that is a bare text, or has a code of text, is still the node's."""
    answers = answer if isinstance(answer, list) else [answer]
    if len(requests) > 1 and len(answers) == 1 and answers[0].get("error"):
        if is_rate_limit(answers[0]):
            return [dict(answers[0]) for _ in requests]
        raise BatchRefused(str(answers[0]["error"]))
    by_id = {item["id"]: item for item in answers}
    if isinstance(answer, list) and 0 < len(by_id) < len(requests):
        raise BatchRefused(f"{len(by_id)} of {len(requests)} answered")
    ordered = [by_id[request["id"]] for request in requests]
    for item in ordered:
        error = item.pop("error", None)
        if isinstance(error, dict | str) and error:
            item["error"] = error if isinstance(error, dict) else {"message": error}
        elif error is not None or "result" not in item:
            raise ValueError("neither result nor error")
    return ordered

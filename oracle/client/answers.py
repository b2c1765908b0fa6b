"""From HTTP to values or to our errors: the one place that knows httpx's exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn, TypeVar

import httpx
import msgspec

from oracle.client.quotes import (
    ControlQuote,
    Dropped,
    MarkQuote,
    ReceiptQuote,
    ReportQuote,
    StreamEvent,
)
from oracle.client.sse import SentEvent
from oracle.model.errors import Rejected, Retryable, SchemaError

Answer = TypeVar("Answer")

_TOO_MANY, _SERVER_FAULT = 429, 500
_NOT_YET: Final = {"urn:plumbline:no-report-yet", "urn:plumbline:no-mark-yet"}
_EVENTS: Final[dict[str, type[StreamEvent]]] = {
    "mark": MarkQuote,
    "report": ReportQuote,
    "receipt": ReceiptQuote,
    "control": ControlQuote,
    "dropped": Dropped,
}


class _Problem(msgspec.Struct, frozen=True):
    type: str = "about:blank"
    detail: str = ""


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn httpx's errors into ours.

    Raises:
        Retryable: the server was not reached, or did not answer in time.
        Rejected: the URL is none, or the answer is not HTTP that we read.
    """
    try:
        yield
    except httpx.TimeoutException as error:
        raise Retryable(f"{url} did not answer in time ({type(error).__name__})") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise Rejected(f"{url!r} is no URL of an API: {error}; write http://host:port") from error
    except httpx.TransportError as error:
        raise Retryable(f"{url} was not reached: {error or type(error).__name__}") from error
    except httpx.HTTPError as error:
        raise Rejected(f"{url} answered what this client does not read: {error}") from error


def asked(
    market: str,
    from_ms: int | None,
    to_ms: int | None,
    *,
    interval: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> dict[str, str]:
    """Return what a path of the past is asked for."""
    given = {
        "market": market,
        "interval": interval,
        "from": from_ms,
        "to": to_ms,
        "limit": limit,
        "cursor": cursor,
    }
    return {name: str(value) for name, value in given.items() if value is not None}


def read(response: httpx.Response, answer: type[Answer]) -> Answer:
    """Return the answer in a response that has been read.

    Raises:
        Retryable: the server says later: not yet, busy, or failing.
        Rejected: the server says no.
        SchemaError: the answer is not what this client knows.
    """
    if response.status_code != httpx.codes.OK:
        refuse(response)
    try:
        return msgspec.json.decode(response.content, type=answer)
    except msgspec.MsgspecError as error:
        raise SchemaError(f"{response.url} answered what this client does not know: {error}") from (
            error
        )


def refuse(response: httpx.Response) -> NoReturn:
    """Raise what a response other than 200 means."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:  # a proxy's page
        problem = _Problem()
    later = (
        response.status_code == _TOO_MANY
        or response.status_code >= _SERVER_FAULT
        or problem.type in _NOT_YET
    )
    text = f"{response.url}: {problem.detail or response.reason_phrase} ({response.status_code})"
    raise (Retryable if later else Rejected)(text)


def read_event(event: SentEvent) -> StreamEvent | None:
    """Return an event; None for a heartbeat and for kinds that a newer server may send.

    Raises:
        SchemaError: a known kind that is not what this client knows.
    """
    kind = _EVENTS.get(event.kind)
    if kind is None:
        return None
    try:
        return msgspec.json.decode(event.data, type=kind)
    except msgspec.MsgspecError as error:
        raise SchemaError(f"event {event.kind} is not what this client knows: {error}") from error

"""What the client makes of answers, good and bad, without a network."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from oracle.api.render import hold, render_mark, render_report
from oracle.client import (
    BreakerState,
    MarkQuote,
    PlumblineClient,
    PlumblineError,
    Rejected,
    Retryable,
    Validity,
)
from oracle.model.errors import SchemaError
from tests.unit.api.samples import MARKETS, NOW_MS, mark, signed_report


def client(answer: Callable[[httpx.Request], httpx.Response]) -> PlumblineClient:
    """Return a client whose server is a function."""
    return PlumblineClient("http://api", transport=httpx.MockTransport(answer))


def quoted(validity: Validity = Validity.VALID, **changed: Any) -> MarkQuote:
    """Return the sample mark as a client has it."""
    rendered = render_mark(mark(validity=validity), NOW_MS * 10**6, 5_000).model_dump_json()
    return msgspec.structs.replace(msgspec.json.decode(rendered, type=MarkQuote), **changed)


def test_a_mark_arrives_exact() -> None:
    """What the server renders is what the client holds: decimals, enums, reasons."""
    quote = quoted()
    assert quote.mark == Decimal("65123.40")
    assert (quote.validity, quote.state) == (Validity.VALID, BreakerState.NORMAL)
    assert quote.sources[1].reason == "crossed"


def test_a_report_arrives_with_its_bytes() -> None:
    """The body is what was signed."""
    signed = signed_report()
    names = {number: name for name, number in MARKETS.items()}
    rendered = render_report(hold(signed), NOW_MS * 10**6, 5_000, names).model_dump_json()
    with client(lambda _: httpx.Response(200, text=rendered)) as api:
        assert api.latest_report().body == signed.body


def test_a_price_is_given_only_fresh_and_valid() -> None:
    """The age is taken from the consumer's clock, not from the server's answer."""
    quote = quoted()
    assert quote.require_mark(now_ms=NOW_MS + 1_000, max_age_ms=1_000) == Decimal("65123.40")
    assert quote.require_index(now_ms=NOW_MS, max_age_ms=1_000) == Decimal("65123.40")
    with pytest.raises(Rejected, match="mark of BTC-USD is stale: 1001 ms old"):
        quote.require_mark(now_ms=NOW_MS + 1_001, max_age_ms=1_000)
    with pytest.raises(Rejected, match="ahead of this clock"):
        quote.require_index(now_ms=NOW_MS - 2_001, max_age_ms=1_000)


def test_a_worse_validity_must_be_asked_for() -> None:
    """GUARDED has a price for who says so; HALTED has none for anybody."""
    guarded = quoted(Validity.GUARDED)
    with pytest.raises(Rejected, match=r"is GUARDED \(made GUARDED by a test\); VALID is required"):
        guarded.require_mark(now_ms=NOW_MS, max_age_ms=1_000)
    assert guarded.require_mark(now_ms=NOW_MS, max_age_ms=1_000, at_least=Validity.GUARDED)
    with pytest.raises(Rejected, match="is missing"):
        quoted(Validity.HALTED).require_mark(
            now_ms=NOW_MS, max_age_ms=1_000, at_least=Validity.HALTED
        )


@pytest.mark.parametrize(
    ("status", "problem", "expected"),
    [
        (404, {"type": "urn:plumbline:no-report-yet", "detail": "none yet"}, Retryable),
        (404, {"type": "urn:plumbline:not-held", "detail": "too old"}, Rejected),
        (404, {"type": "urn:plumbline:unknown-market", "detail": "known: X"}, Rejected),
        (422, {"detail": "given -1"}, Rejected),
        (429, {}, Retryable),
        (500, {}, Retryable),
        (503, {"type": "urn:plumbline:busy", "detail": "64 streams"}, Retryable),
        (301, {}, Rejected),
    ],
)
def test_a_refusal_says_whether_to_come_again(
    status: int, problem: dict[str, str], expected: type[PlumblineError]
) -> None:
    """The text of the server comes through."""
    with client(lambda _: httpx.Response(status, json=problem)) as api:
        with pytest.raises(expected) as error:
            api.report_after(1)
        assert problem.get("detail", str(status)) in str(error.value)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"body":"0xzz"}', b"\xff", b"null"],
)
def test_an_answer_of_something_else_is_a_schema_error(body: bytes) -> None:
    """A proxy's page or another version is never taken for a price."""
    with client(lambda _: httpx.Response(200, content=body)) as api:
        for call in (api.marks, api.latest_report, api.markets, lambda: api.mark("BTC-USD")):
            with pytest.raises(SchemaError):
                call()


def test_a_validity_of_a_newer_server_is_not_guessed() -> None:
    """An unknown name is refused, not read as something near."""
    text = msgspec.json.encode(quoted()).replace(b'"VALID"', b'"SPLENDID"')
    with (
        client(lambda _: httpx.Response(200, content=text)) as api,
        pytest.raises(SchemaError, match="SPLENDID"),
    ):
        api.mark("BTC-USD")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (httpx.ConnectError("refused"), Retryable),
        (httpx.ReadTimeout("slow"), Retryable),
        (httpx.RemoteProtocolError("cut"), Retryable),
        (httpx.DecodingError("bad gzip"), Rejected),
    ],
)
def test_a_failing_network_is_one_of_our_errors(
    raised: httpx.HTTPError, expected: type[PlumblineError]
) -> None:
    """A consumer catches PlumblineError and nothing of httpx."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise raised

    with client(fail) as api, pytest.raises(expected, match="http://api"):
        api.marks()


@pytest.mark.parametrize("url", ["localhost:8645", "ftp://api", "http://[::1", ""])
def test_a_url_that_is_none_is_refused_with_an_example(url: str) -> None:
    """The mistake of a configuration is not tried again."""
    with (
        pytest.raises(Rejected, match="write http://host:port"),
        PlumblineClient(url) as api,
    ):
        api.marks()


def test_a_market_name_cannot_leave_its_path() -> None:
    """Names are quoted, so that none reaches another path."""
    paths: list[bytes] = []

    def keep(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(404)

    with client(keep) as api, pytest.raises(Rejected):
        api.mark("../../ready?x=1")
    assert paths == [b"/v1/marks/..%2F..%2Fready%3Fx%3D1"]

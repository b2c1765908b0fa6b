"""Posts to somebody's server, over real sockets."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from oracle.model.errors import ConfigError
from oracle.model.fixed import Px
from oracle.model.messages import MarginCall
from relayer.keeper.webhook import Webhook, is_public

SECRET = b"0123456789abcdef"
CALL = MarginCall("home", 1, "0xe", "0xa", "warned", 3, 7, 10**18, Px(635, -1), Px(57, 0))


class Receiver:
    """A server that answers with the statuses it is given, the last for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.location = ""
        self.url = ""


@contextmanager
def receiver(*statuses: int) -> Iterator[Receiver]:
    """Serve on loopback."""
    made = Receiver(*statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.heard.append((dict(self.headers), body))
            status = made.statuses.pop(0) if len(made.statuses) > 1 else made.statuses[0]
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if made.location:
                self.send_header("Location", made.location)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://localhost:{server.server_address[1]}/calls?team=risk"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def posted(url: str, **settings: Any) -> list[str]:
    """Post one call; return what came of it."""
    ends: list[str] = []
    options = {"allow_private": True, "first_wait_s": 0.01} | settings
    webhook = Webhook(url, SECRET, ends.append, **options)
    webhook.put(CALL)
    await webhook.delivered()
    await webhook.aclose()
    return ends


async def test_a_call_is_posted_with_a_signature_over_time_id_and_body() -> None:
    """A receiver that has the secret can tell that it is ours, and how old it is."""
    with receiver(204) as server:
        assert await posted(server.url) == ["done"]
    ((headers, body),) = server.heard
    fields = dict(part.split("=", 1) for part in headers["Plumbline-Signature"].split(","))
    signed = f"{fields['t']}.{fields['id']}.".encode() + body
    assert fields["v1"] == hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    assert abs(time.time() - int(fields["t"])) < 60
    said = json.loads(body)
    assert (said["level"], said["sequence"], said["equity"]) == ("warned", 3, "63.5")
    assert headers["Host"].startswith("localhost:")


async def test_a_server_that_fails_is_tried_again_with_the_same_id() -> None:
    """Two failures and a success: three tries of one delivery."""
    with receiver(500, 429, 200) as server:
        assert await posted(server.url) == ["done"]
    ids = {headers["Plumbline-Signature"].split(",")[1] for headers, _ in server.heard}
    assert len(server.heard) == 3
    assert len(ids) == 1


async def test_tries_are_bounded() -> None:
    """A server that always fails is left alone after as many as were agreed."""
    with receiver(503) as server:
        assert await posted(server.url, attempts=3) == ["failed"]
    assert len(server.heard) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 413])
async def test_a_refusal_is_not_tried_again(status: int) -> None:
    """What the receiver does not take now it will not take later."""
    with receiver(status) as server:
        assert await posted(server.url) == ["refused"]
    assert len(server.heard) == 1


async def test_a_redirect_is_never_followed() -> None:
    """Wherever it points: the second server hears nothing."""
    with receiver(200) as inner, receiver(307) as outer:
        outer.location = inner.url
        assert await posted(outer.url) == ["refused"]
        assert inner.heard == []


async def test_a_private_address_is_refused_unless_it_is_meant() -> None:
    """A name that leads to this machine: nothing is connected to."""
    with receiver(200) as server:
        assert await posted(server.url, allow_private=False) == ["refused"]
    assert server.heard == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::1", "fe80::1", "fd00::1",
     "::ffff:127.0.0.1", "0.0.0.0", "224.0.0.1", "100.64.0.1"],
)  # fmt: skip
def test_an_address_of_this_network_is_not_public(address: str) -> None:
    """Loopback, private, link-local, mapped, multicast, shared."""
    assert not is_public(address)
    assert is_public("1.1.1.1")


def test_a_short_secret_is_refused() -> None:
    """And is not repeated in the refusal."""
    with pytest.raises(ConfigError, match="has 6 bytes") as refused:
        Webhook("https://example.org", b"secret", lambda _: None)
    assert "secret'" not in str(refused.value)

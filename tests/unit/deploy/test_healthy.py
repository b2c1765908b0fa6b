"""The health check of the images: 200 is well, all else is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.compose import healthy


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready" else 503)
        self.end_headers()
        self.wfile.write(b'{"reasons": ["engines failed"]}')

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    """A server that is ready, and at any other path is not."""
    server = HTTPServer(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_ready_is_healthy(url: str) -> None:
    """Exit code 0."""
    assert healthy.main(f"{url}/ready") == 0


def test_unready_is_not_and_says_why(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`docker inspect` shows what a check printed."""
    assert healthy.main(f"{url}/live") == 1
    assert "engines failed" in capsys.readouterr().err


def test_nobody_there_is_not_healthy(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A process that has not come so far, or is gone."""
    assert healthy.main("http://127.0.0.1:1/ready") == 1
    assert "refused" in capsys.readouterr().err

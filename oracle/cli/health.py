"""What a process without an API tells its watchers: metrics, whether it is alive, and ready.

Served by threads: they answer while the event loop is stuck, which is what they are there to say.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from oracle.model.errors import ConfigError, PlumblineError

LIVE_WITHIN_S: Final = 30.0
"""An event loop that has not turned for so long is stuck: no step, no compilation takes that."""
_TURN_S: Final = 0.5
_ASK_S: Final = 2.0
_REQUEST_S: Final = 5.0

_log = structlog.get_logger(__name__)


class Health:
    """Whether the event loop turns, which services run, and whether the bus answers.

    Any thread may ask.

    Nothing that another process or machine does makes this one dead: without a broker or a node
    it is unready, and a restart would mend nothing.
    """

    def __init__(
        self,
        waiting: Callable[[], Collection[str]],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._waiting: Final = waiting
        self._monotonic_s: Final = monotonic_s
        self._turned_s = monotonic_s()
        self._bus = ""

    async def ask(self, answer: Callable[[], Awaitable[None]], every_s: float = _ASK_S) -> None:
        """Ask again and again whether the bus answers, until cancelled.

        Services do not tell: a reader takes a broker that is away for a quiet topic.
        """
        while True:
            try:
                await answer()
            except PlumblineError as error:
                if not self._bus:
                    _log.warning("bus_away", error=str(error))
                self._bus = str(error)
            else:
                if self._bus:
                    _log.info("bus_back")
                self._bus = ""
            await asyncio.sleep(every_s)

    async def turn(self) -> None:
        """Say that the loop turns, until cancelled."""
        while True:
            self._turned_s = self._monotonic_s()
            await asyncio.sleep(_TURN_S)

    def dead(self) -> list[str]:
        """Return why this process should be killed and started again."""
        stuck_s = self._monotonic_s() - self._turned_s
        return [f"the loop has not turned for {stuck_s:.0f} s"] if stuck_s > LIVE_WITHIN_S else []

    def unready(self) -> list[str]:
        """Return why this process does not do its work now."""
        failed = [f"{name} failed and waits to start again" for name in sorted(self._waiting())]
        return self.dead() + failed + ([self._bus] if self._bus else [])


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_S

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: probes come every few seconds."""


def serve_health(host: str, port: int, registry: CollectorRegistry, health: Health) -> WSGIServer:
    """Serve `/live`, `/ready` and, on every other path, the metrics, from threads.

    Raises:
        ConfigError: the port is in use, or the address is not this machine's.
    """
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        asked = {"/live": health.dead, "/ready": health.unready}.get(environ["PATH_INFO"])
        if asked is None:
            made: Iterable[bytes] = metrics(environ, start)
            return made
        reasons = asked()
        status = "503 Service Unavailable" if reasons else "200 OK"
        start(status, [("Content-Type", "application/json")])
        return [json.dumps({"ok": not reasons, "reasons": reasons}).encode()]

    try:
        server = make_server(host, port, answer, ThreadingWSGIServer, _Handler)
    except OSError as error:
        raise ConfigError(
            f"cannot serve metrics on {host}:{port}: {error.strerror or error}; choose another "
            "--metrics-port or --metrics-host"
        ) from error
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server

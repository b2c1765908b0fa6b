"""The API over real sockets: the stream through the client, slow readers, stopping, ports."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest

from oracle.api.app import create_app
from oracle.api.fanout import Fanout
from oracle.api.server import serve, serving
from oracle.api.view import LatestView
from oracle.bus.memory import MemoryBus
from oracle.client import (
    AsyncPlumblineClient,
    ControlQuote,
    Dropped,
    MarkQuote,
    PlumblineClient,
    Rejected,
    ReportQuote,
    Retryable,
    StreamEvent,
    verify_report,
)
from oracle.listening import GRACE_S
from oracle.model.errors import ConfigError
from oracle.model.topics import Topic
from tests.unit.api.samples import (
    EPOCH,
    MARKETS,
    MEMBERS,
    NOW_MS,
    SALT,
    THRESHOLD,
    Clock,
    mark,
    paused,
    signed_report,
    until,
)

DEADLINE_S = 120.0


class Node:
    """A bus, a view that follows it, and the server over it."""

    def __init__(self) -> None:
        self.bus, self.clock = MemoryBus(), Clock()
        self.view = LatestView(
            self.bus, MARKETS, clock_ns=self.clock, fanout=Fanout(queued=8, max_streams=4)
        )
        self.app = create_app(self.view, heartbeat_s=0.05)
        self.url = ""

    async def marks(self, sequence: int) -> None:
        """Publish a mark of every market."""
        time_ms = self.clock.now_ms
        marks = [(name, mark(name, time_ms, sequence=sequence)) for name in MARKETS]
        await self.bus.publish(Topic.MARKS, marks)


def reads(node: Node) -> bool:
    """Whether every loop of the view has read its part of the log."""
    return not any(reason.startswith("bus") for reason in node.view.unready())


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """Run a node on a free port."""
    node = Node()
    following = asyncio.create_task(node.view.run())
    await until(partial(reads, node))
    async with serving(node.app, "127.0.0.1", 0) as served:
        node.url = served.url
        yield node
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def next_of(events: AsyncIterator[StreamEvent], kind: type[StreamEvent]) -> StreamEvent:
    """Return the next event of a kind."""
    async with asyncio.timeout(DEADLINE_S):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError("the stream ended")


async def test_the_stream_carries_each_kind_through_the_client(node: Node) -> None:
    """What is published on the bus reaches a consumer's loop, one market's marks only."""
    async with AsyncPlumblineClient(node.url) as client, client.stream("BTC-USD") as events:
        await node.marks(1)
        seen = await next_of(events, MarkQuote)
        assert isinstance(seen, MarkQuote)
        assert (seen.market, seen.sequence, str(seen.mark)) == ("BTC-USD", 1, "65123.40")
        await node.bus.publish(Topic.CONTROLS, [(paused().key, paused())])
        control = await next_of(events, ControlQuote)
        assert isinstance(control, ControlQuote)
        assert control.subject == "binance:BTC/USDT"
        await until(lambda: node.view.unready() == [])
        await node.bus.publish(Topic.REPORTS, [("d", signed_report())])
        report = await next_of(events, ReportQuote)
        assert isinstance(report, ReportQuote)
        checked = verify_report(
            report.body, SALT, EPOCH, MEMBERS, THRESHOLD, now_ms=NOW_MS, max_age_ms=1_000
        )
        assert str(checked.require_price(0)) == "65123.400"
    await until(lambda: node.view.fanout.readers == 0)


async def test_heartbeats_keep_a_quiet_stream_open(node: Node) -> None:
    """A reader that waits less than silence for an event is not cut off by the quiet."""
    async with AsyncPlumblineClient(node.url) as client, client.stream(silence_s=5.0) as events:
        waiting = asyncio.create_task(next_of(events, MarkQuote))
        async with httpx.AsyncClient() as raw, raw.stream("GET", f"{node.url}/v1/stream") as sent:
            beats = 0
            async for line in sent.aiter_lines():
                beats += line == "event: heartbeat"
                if beats == 3:
                    break
        assert not waiting.done()
        await node.marks(1)
        assert await waiting


async def test_a_silent_server_is_noticed() -> None:
    """A stream on which nothing comes, not even a heartbeat, is Retryable after a while."""
    node = Node()
    app = create_app(node.view, heartbeat_s=60.0)
    async with (
        serving(app, "127.0.0.1", 0) as served,
        AsyncPlumblineClient(served.url) as client,
        client.stream(silence_s=0.1) as events,
    ):
        with pytest.raises(Retryable, match="in time"):
            await anext(events)


async def test_ready_turns_when_marks_stop(node: Node) -> None:
    """503 before the first marks, 200 while they are fresh, 503 with reasons when they age."""
    async with httpx.AsyncClient(base_url=node.url) as http:
        assert (await http.get("/ready")).status_code == 503
        await node.marks(1)
        await until(lambda: node.view.unready() == [])
        assert (await http.get("/ready")).status_code == 200
        node.clock.now_ms += 5_001
        stopped = await http.get("/ready")
        assert stopped.status_code == 503
        assert stopped.json()["reasons"] == [
            f"{name}: stale: 5.0 s old, at most 5 s allowed" for name in MARKETS
        ]
        await node.marks(2)
        await until(lambda: node.view.unready() == [])
        assert (await http.get("/ready")).status_code == 200


async def open_and_read_nothing(url: str) -> socket.socket:
    """Ask for the stream with a tiny receive buffer, and never read."""
    host, port = url.removeprefix("http://").split(":")
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(reader, (host, int(port)))
    await loop.sock_sendall(reader, b"GET /v1/stream HTTP/1.1\r\nHost: api\r\n\r\n")
    return reader


async def large_marks(node: Node, count: int) -> None:
    """Publish marks of 100 kB, each when the one before has arrived: more than sockets buffer."""
    for sequence in range(count):
        large = msgspec.structs.replace(mark(sequence=sequence), reason="x" * 100_000)
        await node.bus.publish(Topic.MARKS, [("BTC-USD", large)])
        await until(partial(holds, node, sequence))
        await asyncio.sleep(0)


async def test_a_reader_that_reads_nothing_holds_nobody_up(node: Node) -> None:
    """Megabytes of marks pass it by; the view goes on, and the reader is told what it lost."""
    async with AsyncExitStack() as stack:
        stuck = await open_and_read_nothing(node.url)
        stack.callback(stuck.close)
        await until(lambda: node.view.fanout.readers == 1)
        client = await stack.enter_async_context(AsyncPlumblineClient(node.url))
        await large_marks(node, 200)
        assert (await client.mark("BTC-USD")).sequence == 199
        assert b"event: dropped" in await read_until(stuck, b'"sequence":199')
    await until(lambda: node.view.fanout.readers == 0)


async def read_until(reader: socket.socket, last: bytes) -> bytes:
    """Read until `last` has come, or the connection is closed or reset."""
    loop = asyncio.get_running_loop()
    received = b""
    async with asyncio.timeout(DEADLINE_S):
        while last not in received:
            try:
                chunk = await loop.sock_recv(reader, 2**20)
            except ConnectionResetError:
                break
            if not chunk:
                break
            received += chunk
    return received


def holds(node: Node, sequence: int) -> bool:
    """Return whether the view holds the mark of this sequence."""
    found = node.view.marks.get("BTC-USD")
    return found is not None and found.sequence == sequence


async def test_too_many_streams_are_turned_away(node: Node) -> None:
    """The fifth of four readers is told to come later; the others stay."""
    async with AsyncPlumblineClient(node.url) as client, AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(client.stream())
        with pytest.raises(Retryable, match="4 streams are open"):
            await stack.enter_async_context(client.stream())
    await until(lambda: node.view.fanout.readers == 0)


async def test_stopping_ends_open_streams_within_a_bound() -> None:
    """One reader reads, one does not: the first is told, the second is cut, no socket stays."""
    node = Node()
    before = open_sockets()
    stopping = asyncio.Event()

    async def run() -> None:
        async with serving(node.app, "127.0.0.1", 0) as served:
            node.url = served.url
            await stopping.wait()

    server = asyncio.create_task(run())
    await until(lambda: node.url)
    stuck = await open_and_read_nothing(node.url)
    async with AsyncPlumblineClient(node.url) as client, client.stream() as events:
        await until(lambda: node.view.fanout.readers == 2)
        following = asyncio.create_task(node.view.run())
        await until(partial(reads, node))
        reading = asyncio.create_task(drain(events))
        await large_marks(node, 200)
        stopping.set()
        with pytest.raises(Retryable, match="ended the stream"):
            await reading
        async with asyncio.timeout(GRACE_S + DEADLINE_S):
            await server
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    await until(lambda: open_sockets() == before + 1)  # the stuck reader's own end
    end_of_body = b"\r\n0\r\n\r\n"
    assert end_of_body not in await read_until(stuck, end_of_body)
    stuck.close()
    with pytest.raises(Retryable, match="not reached"):
        async with AsyncPlumblineClient(node.url) as client:
            await client.marks()


def open_sockets() -> int:
    """Count the sockets of this process."""
    links = Path("/proc/self/fd").iterdir()
    return sum(link.is_socket() for link in links)


async def drain(events: AsyncIterator[StreamEvent]) -> None:
    """Read to the end."""
    async for event in events:
        assert isinstance(event, MarkQuote | Dropped)


async def test_a_port_in_use_is_said_in_one_line(node: Node) -> None:
    """The operator reads which port, and which key of the configuration to change."""
    port = int(node.url.rsplit(":", 1)[1])
    with pytest.raises(ConfigError) as error:
        await serve(node.app, "127.0.0.1", port)
    assert str(error.value) == (f"port {port} on 127.0.0.1 is in use: choose another with api.port")


async def test_an_address_of_another_machine_is_refused(node: Node) -> None:
    """A host that is not ours is named, with the key to change."""
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1: .*api\.host"):
        await serve(node.app, "192.0.2.1", 0)


async def test_serving_leaves_the_signals_of_the_process_alone() -> None:
    """Ctrl-C belongs to who embeds the server; cancelling stops it."""
    before = signal.getsignal(signal.SIGINT)
    urls: list[str] = []
    server = asyncio.create_task(serve(Node().app, "127.0.0.1", 0, urls.append))
    await until(lambda: urls)
    async with AsyncPlumblineClient(urls[0]) as client:
        assert len(await client.markets()) == 3
    assert signal.getsignal(signal.SIGINT) is before
    server.cancel()
    with pytest.raises(asyncio.CancelledError):
        await server


async def test_the_blocking_client_reads_the_same(node: Node) -> None:
    """Code without an event loop gets marks, reports and errors alike."""
    await node.marks(1)
    await until(lambda: node.view.unready() == [])
    await node.bus.publish(Topic.REPORTS, [("d", signed_report())])
    await until(lambda: node.view.reports)

    def read() -> None:
        with PlumblineClient(node.url) as client:
            assert [quote.market for quote in client.marks()] == list(MARKETS)
            price = client.mark("BTC-USD").require_mark(now_ms=NOW_MS, max_age_ms=1_000)
            assert str(price) == "65123.40"
            assert client.latest_report() == client.report_after(NOW_MS)
            with pytest.raises(Retryable, match="no report at or after"):
                client.report_after(NOW_MS + 1)
            with pytest.raises(Rejected, match="known: BTC-USD, ETH-USD, SOL-USD"):
                client.mark("../../ready")

    await asyncio.to_thread(read)

"""What a peer, or a stranger who reaches the port, can throw at a member: it stays up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple, Self

import httpx
import pytest

from oracle.committee.peering.gate import BODY_S, Route
from oracle.committee.peering.http import KeptAlive
from oracle.committee.peering.sessions import OwnSession
from oracle.committee.peering.transport import Peer, PeerClient, Unreachable
from oracle.committee.peering.trust import Sessions
from oracle.committee.wire.refusing import read_refusal
from oracle.committee.wire.requests import REQUEST_HEADER
from oracle.keys.signer import LocalSigner
from oracle.listening import Bounds, Keys, serving
from tests.unit.committee_node.links import KEYS, MEMBERS, NOW_NS, PATH, SALT, Link, echo

KEY_NAMES = Keys("committee.listen", "committee.listen")
FEW = Bounds(connections=8, each=3, request_s=600.0)
"""Nothing but the number of connections cuts one."""


@asynccontextmanager
async def _member(
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    body_s: float = BODY_S,
) -> AsyncIterator[tuple[Link, PeerClient, str, int]]:
    """Serve member 1 on a real port; give the client of member 0 to it."""
    link = Link({PATH: Route(echo, 1000)}, body_s=body_s)
    http = KeptAlive()
    async with serving(link.gate, "127.0.0.1", 0, KEY_NAMES, limit=None, bounds=bounds) as served:
        own = OwnSession(SALT, LocalSigner(KEYS[0].secret))
        client = PeerClient(
            Peer(1, MEMBERS[1], served.url), own, Sessions(SALT, MEMBERS), link.clocks,
            link.metrics, http, lambda: NOW_NS,
        )  # fmt: skip
        yield link, client, served.url, int(served.url.rpartition(":")[2])
        await http.aclose()


async def _signed_head(
    link: Link, url: str, member: int, body: bytes, time_ns: int = NOW_NS
) -> bytes:
    """Return the head of a member's request with this body."""
    own = link.own if member == 0 else OwnSession(SALT, LocalSigner(KEYS[member].secret))
    envelope = await own.envelope(MEMBERS[1], PATH, body, time_ns)
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: {url}\r\n{REQUEST_HEADER}: {envelope.encode()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()


class _Raw(NamedTuple):
    """One connection whose every byte the test decides."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> int:
        """Send a request and return its answer's status."""
        self.writer.write(request)
        async with asyncio.timeout(30):
            head = await self.reader.readuntil(b"\r\n\r\n")
            lines = dict(line.split(b": ") for line in head.split(b"\r\n")[1:-2])
            await self.reader.readexactly(int(lines[b"content-length"]))
        return int(head.split()[1])

    def close(self) -> None:
        """Close."""
        self.writer.close()


async def _closed(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes; fail when it does not."""
    try:
        async with asyncio.timeout(30):
            return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 1000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/echo HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"A" * 200_000,
    ],
    ids=["zeros", "version", "tls", "length", "long header", "endless line"],
)
async def test_garbage_closes_its_own_connection_only(garbage):
    """Bytes that are no HTTP, or too much of it, end there; the next request is answered."""
    async with _member() as (_, client, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(garbage)
        writer.write_eof()
        assert b" 200 " not in await _closed(reader)
        writer.close()
        assert (await client.ask(PATH, b"well", 10)).body == b"\0well"


async def test_a_huge_body_is_refused_before_it_is_read():
    """A length of gigabytes gets 413 while not a byte of the body was sent."""
    async with _member() as (link, client, url, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = await _signed_head(link, url, 0, b"")
        writer.write(head.replace(b"Content-Length: 0", b"Content-Length: 9999999999"))
        async with asyncio.timeout(30):
            assert b"413" in await reader.readline()
        writer.close()
        assert (await client.ask(PATH, b"", 10)).taken
        assert link.refused("too_large") == 1


async def test_slow_loris_is_cut():
    """Heads and bodies that come a byte at a time are cut; a member is served all the while."""
    async with _member(Bounds(request_s=0.5), body_s=0.5) as (link, client, url, port):
        head = await _signed_head(link, url, 0, b"x" * 100)
        held = []
        for sent in (b"", b"POST /v1/ec", head + b"x"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            held.append((reader, writer))
        assert (await client.ask(PATH, b"", 10)).taken
        for reader, writer in held:
            assert b" 200 " not in await _closed(reader)
            writer.close()
        assert (await client.ask(PATH, b"", 10)).taken


async def test_a_flood_of_connections_takes_no_members_place():
    """Strangers who hold many connections are cut for newer ones, a member's never."""
    async with _member(FEW) as (_, client, _, port):
        assert (await client.ask(PATH, b"", 10)).taken  # its connection is proven, and kept
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        assert (await client.ask(PATH, b"", 10)).taken
        cut = [reader for reader, _ in held[:30]]
        assert [await _closed(reader) for reader in cut] == [b""] * len(cut)
        for _, writer in held:
            writer.close()


async def test_replayed_requests_take_no_members_place():
    """Who has overheard a request, of now or of an hour ago, holds a stranger's connection."""
    async with _member(FEW) as (link, _, url, port):
        honest = await _Raw.open(port)
        overheard = await _signed_head(link, url, 0, b"now")
        assert await honest.ask(overheard + b"now") == 200
        old = await _signed_head(link, url, 0, b"old", NOW_NS - 60 * 10**9)
        held = []
        for n in range(40):
            held.append(await _Raw.open(port))
            assert await held[-1].ask((overheard + b"now", old + b"old")[n % 2]) == 401
        assert await honest.ask(await _signed_head(link, url, 0, b"") + b"") == 200
        assert (link.refused("replayed"), link.refused("too_old")) == (20, 20)
        for one in (honest, *held):
            one.close()


async def test_one_member_takes_no_other_members_place():
    """A member that opens many connections is cut by its own oldest, and keeps the newest."""
    async with _member(FEW) as (link, _, url, port):
        honest = await _Raw.open(port)
        assert await honest.ask(await _signed_head(link, url, 2, b"")) == 200
        greedy = []
        for _ in range(40):
            greedy.append(await _Raw.open(port))
            assert await greedy[-1].ask(await _signed_head(link, url, 0, b"")) == 200
        cut = greedy[: -FEW.each]
        assert [await _closed(one.reader) for one in cut] == [b""] * len(cut)
        for one in (honest, *greedy[-FEW.each :]):
            number = 2 if one is honest else 0
            assert await one.ask(await _signed_head(link, url, number, b"")) == 200
            one.close()


async def test_strangers_requests_change_nothing_for_members():
    """A hundred unsigned requests at once are refused by name, and a member is answered."""
    async with _member() as (link, client, url, _):
        async with httpx.AsyncClient(trust_env=False) as stranger:
            asking = [stranger.post(url + PATH, content=b"{}") for _ in range(100)]
            answers = await asyncio.gather(*asking)
        assert {read_refusal(answer.content).reason for answer in answers} == {"unsigned"}
        assert (await client.ask(PATH, b"", 10)).taken
        assert link.refused("unsigned") == 100


async def test_health_is_public_and_says_why():
    """Whoever watches the member needs no key."""
    async with _member() as (link, _, url, _):
        async with httpx.AsyncClient(trust_env=False) as watcher:
            assert (await watcher.get(f"{url}/health")).json() == {"ok": True, "reasons": []}
            link.reasons.append("no report: the newest is 9.0 s old")
            answer = await watcher.get(f"{url}/health")
        assert (answer.status_code, answer.json()["reasons"]) == (503, link.reasons)


@asynccontextmanager
async def _liar(answer: bytes) -> AsyncIterator[str]:
    """Serve raw bytes to whoever connects."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            while writer.write(answer) is None and answer.endswith(b"~"):
                await writer.drain()
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    "answer",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nplumbline-answer: AAAA\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + b"z" * 65536 + b"~",
        b"HTTP/1.1 200 OK\r\n",
        b"",
    ],
    ids=["no http", "unsigned", "bad header", "redirect", "endless", "half a head", "silence"],
)
async def test_whatever_a_peer_answers_is_unreachable_in_time(answer):
    """A peer that answers rubbish, too much, or nothing costs a bounded time and no more."""
    async with _member() as (link, client, _, _), _liar(answer) as url:
        client.peer = client.peer._replace(url=url)
        with pytest.raises(Unreachable):
            async with asyncio.timeout(30):
                await client.ask(PATH, b"", 1.0)
        assert link.clocks.offset_ns(1) is None


async def test_a_dead_address_fails_at_once():
    """Nobody listening is known at once, not after the time-out."""
    async with _member() as (_, client, _, _):
        client.peer = client.peer._replace(url="http://127.0.0.1:1")
        with pytest.raises(Unreachable):
            await client.ask(PATH, b"", 20)


async def test_answers_of_members_still_come_after_it_all():
    """One connection serves many requests, in any order of answers."""
    async with _member() as (_, client, _, _):
        asked = [client.ask(PATH, bytes([n]), 10) for n in range(8)]
        assert [answer.body for answer in await asyncio.gather(*asked)] == [
            bytes([0, n]) for n in range(8)
        ]

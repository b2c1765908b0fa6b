"""What others read of an archive over the API: the same as from its folder, and nothing else."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from starlette.requests import ClientDisconnect

from oracle.api import problems, proofs
from oracle.api.proofs import Lending, router
from oracle.archive import remote, served
from oracle.archive.read import Archive
from oracle.archive.served import ServedArchive
from oracle.archive.store import Store
from oracle.model.errors import ConfigError, Rejected, Retryable, SchemaError
from tests.unit.archive.samples import (
    BEGIN_NS,
    DAY_NS,
    MAKE,
    manifest,
    round_,
    slot_of,
    ticks,
    time_of,
)
from tests.unit.archive.writing import write

NUMBERS = range(40)
NOW_NS = BEGIN_NS + 10 * DAY_NS
SECRET = "what nobody may read"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An archive of every kind, with a file above it and one in it that are no parts."""
    store = Store(str(tmp_path / "kept"))
    for kind, make in MAKE.items():
        write(store, kind, [(number, make(number)) for number in NUMBERS], rows=7)
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "kept" / ".archiver.lock").write_text(SECRET)
    (tmp_path / "kept" / "kind=marks" / "day=2026-09-21" / "notes.txt").write_text(SECRET)
    return tmp_path / "kept"


def lent(folder: Path, days: int = 30, **bounds: float) -> FastAPI:
    """Return an application that serves the archive for so many days before now."""
    app = FastAPI()
    problems.install(app)
    app.include_router(router)
    made = ServedArchive(Store(str(folder)), days * DAY_NS)
    rate = int(bounds.pop("rate", 10**9))
    app.state.lending = Lending(made, rate, CollectorRegistry(), **bounds)  # type: ignore[arg-type]  # by name
    return app


@pytest.fixture
def client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of the archive, ten days after what is in it."""
    monkeypatch.setattr("oracle.api.proofs.time.time_ns", lambda: NOW_NS)
    with TestClient(lent(folder)) as made:
        yield made


def archive_over(client: TestClient) -> Archive:
    """Return the archive as a stranger reads it: by its URL, over this client."""
    store = Store("https://member.example")
    store.fs = remote.ServedFiles("https://member.example", transport=client._transport)
    return Archive(store)


def test_it_reads_like_the_folder(client: TestClient, folder: Path) -> None:
    """Steps, their ticks and marks, rounds and reports, to the byte."""
    there, here = archive_over(client), Archive(Store(str(folder)))
    step = there.manifest_at(0, time_of(17))
    assert step == here.manifest_at(0, time_of(17))
    assert step.manifest == manifest(17)
    assert there.ticks_of(step) == here.ticks_of(step) == [ticks(17)]
    assert there.marks_made(step) == here.marks_made(step)
    assert there.round_of(slot_of(12)) == round_(12)
    assert there.report_at(time_of(3)) == here.report_at(time_of(3))


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "..%2Fsecret",
        "%2e%2e/secret",
        "kind=marks/../../secret",
        "kind=marks/day=2026-09-21/shard=0/../../../../secret",
        "kind=marks/day=2026-09-21/notes.txt",
        ".archiver.lock",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "kind=marks/day=2026-09-21/shard=0/part-x.parquet",
        "",
    ],
)
def test_nothing_but_parts_comes_out(client: TestClient, path: str) -> None:
    """Neither of what lies beside the archive, nor of what lies in it and is no part."""
    answer = client.get(f"/v1/archive/objects/{path}")
    assert answer.status_code == 404
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("folders", ".."),
        ("folders", "kind=marks/.."),
        ("folders", "/etc"),
        ("folders", "kind=audit"),
        ("files", "kind=marks"),
        ("files", "kind=marks/day=2026-09-21/../.."),
        ("files", "kind=audit/day=2026-09-21"),
        ("files", "kind=marks/day=٢٠٢٦-09-21"),
    ],
)
def test_no_other_folder_is_listed(client: TestClient, route: str, path: str) -> None:
    """A listing is of a kind or a day of an archive, and never of the audit."""
    answer = client.get(f"/v1/archive/{route}", params={"path": path})
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:plumbline:not-served"


def test_what_is_no_part_is_not_listed(client: TestClient) -> None:
    """Somebody's notes in a day's folder stay theirs."""
    found = client.get("/v1/archive/files", params={"path": "kind=marks/day=2026-09-21"}).json()
    assert found
    assert all(name.endswith((".parquet", ".json")) for name in found)
    assert "kind=audit" not in client.get("/v1/archive/folders").json()


def test_what_is_longer_ago_is_not_served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither listed nor given; what engines compute is, however long ago it was said."""
    part = next((folder / "kind=marks").rglob("*.json")).relative_to(folder).as_posix()
    spec = next((folder / "kind=specs").rglob("*.json")).relative_to(folder).as_posix()
    with TestClient(lent(folder, days=7)) as client:
        monkeypatch.setattr("oracle.api.proofs.time.time_ns", lambda: BEGIN_NS + 7 * DAY_NS)
        assert client.get(f"/v1/archive/objects/{part}").status_code == 200
        monkeypatch.setattr("oracle.api.proofs.time.time_ns", lambda: NOW_NS)
        answer = client.get(f"/v1/archive/objects/{part}")
        assert answer.status_code == 404
        assert "longer ago than 7 days" in answer.json()["detail"]
        assert client.get("/v1/archive/folders", params={"path": "kind=marks"}).json() == []
        assert client.get(f"/v1/archive/objects/{spec}").status_code == 200


def test_it_is_off_unless_configured(folder: Path) -> None:
    """A server that was not told to serve its archive says so."""
    app = lent(folder)
    app.state.lending = None
    with TestClient(app) as client:
        answer = client.get("/v1/archive/folders")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:plumbline:not-served")


def test_strangers_get_so_many_bytes_a_second(client: TestClient, folder: Path) -> None:
    """Who asks for more than there is for the next seconds is told to come later."""
    part = next((folder / "kind=ticks").rglob("*.parquet")).relative_to(folder).as_posix()
    with TestClient(lent(folder, rate=1, timeout_s=30.0, clock=lambda: 0.0)) as slow:
        assert slow.get(f"/v1/archive/objects/{part}").status_code == 200
        answer = slow.get(f"/v1/archive/objects/{part}")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "1 bytes a second" in answer.json()["detail"]


async def test_who_leaves_early_takes_nothing_from_others(folder: Path) -> None:
    """Bytes that did not go out are others': a part asked for and dropped delays nobody."""
    part = next((folder / "kind=ticks").rglob("*.parquet"))
    size = part.stat().st_size
    lending = Lending(
        ServedArchive(Store(str(folder)), DAY_NS), 1, CollectorRegistry(), clock=lambda: 0.0
    )

    async def told(*_: object) -> None:
        raise OSError("the connection is gone")

    scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    for _ in range(3):
        await lending.spend(size)
        with pytest.raises(ClientDisconnect):
            await lending.send(part.open("rb"), size, "")(scope, told, told)  # type: ignore[arg-type]  # its shape is enough
    await lending.spend(size)
    with pytest.raises(Retryable, match="others wait"):
        await lending.spend(size)


def test_a_listing_and_a_part_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day with too many objects is asked for by shard; a part that is too large is not given."""
    monkeypatch.setattr(served, "NAMES", 3)
    monkeypatch.setattr(served, "OBJECT_BYTES", 10)
    archive = ServedArchive(Store(str(folder)), 30 * DAY_NS)
    with pytest.raises(Rejected, match="ask for a shard, such as"):
        archive.files("kind=marks/day=2026-09-21", NOW_NS)
    part = next((folder / "kind=marks").rglob("*.parquet")).relative_to(folder).as_posix()
    with pytest.raises(Rejected, match="10 at most"):
        archive.opened(part, NOW_NS)


def test_parts_on_their_way_are_bounded(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads slowly takes one of few places; every one that is done frees its own."""
    part = next((folder / "kind=ticks").rglob("*.parquet"))
    path = f"/v1/archive/objects/{part.relative_to(folder).as_posix()}"
    monkeypatch.setattr(proofs, "SENDERS", 1)
    for _ in range(3):
        assert client.get(path).content == part.read_bytes()
    monkeypatch.setattr(proofs, "SENDERS", 0)
    answer = client.get(path)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:plumbline:busy")


def test_a_liar_is_no_more_believed_than_a_damaged_disk(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another part's bytes, an endless answer, and what is no listing are refused by name."""
    for part in (folder / "kind=rounds").rglob("*.parquet"):
        part.write_bytes(part.read_bytes()[:-1] + b"\0")
    with pytest.raises(SchemaError, match="is not what its manifest says"):
        archive_over(client).round_of(slot_of(12))
    monkeypatch.setattr(remote, "MOST_BYTES", 100)
    with pytest.raises(Retryable, match="more than 100 bytes"):
        archive_over(client).manifest_at(0, time_of(17))


class Endless(httpx.SyncByteStream):
    """A body that never ends, and comes as fast as it is read."""

    def __iter__(self) -> Iterator[bytes]:
        """Give bytes for ever."""
        while True:
            yield bytes(10)


def _bomb(pack: Callable[[bytes], bytes], name: str) -> httpx.Response:
    packed = httpx.ByteStream(pack(b"[" + b'"a",' * 10**6 + b'"a"]'))
    return httpx.Response(200, headers={"Content-Encoding": name}, stream=packed)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: httpx.Response(200, json={"folders": [1]}), "lists no names"),
        (lambda: httpx.Response(200, json=[{}] * 10), "lists no names"),
        (lambda: httpx.Response(200, content=b"[" * 10**5), "lists no names"),
        (lambda: httpx.Response(200, content=b"\xff"), "lists no names"),
        (lambda: _bomb(gzip.compress, "gzip"), "packed, which was not asked for"),
        (lambda: httpx.Response(200, stream=Endless()), "more than 16777216 bytes"),
        (lambda: httpx.Response(302, headers={"Location": "http://127.0.0.1/"}), "answers 302"),
        (lambda: httpx.Response(500, stream=Endless()), "more than 65536 bytes"),
        (lambda: httpx.Response(503, json={"detail": "\x1b[2Jgone\r\n"}), "503:  .2Jgone  $"),
        (lambda: httpx.Response(503, content=b"[" * 10**4), "503: no reason given"),
    ],
)
def test_a_hostile_server_costs_its_reader_little(
    answer: Callable[[], httpx.Response], said: str
) -> None:
    """What is no listing, packed, endless or elsewhere is refused in a line that prints safely."""
    answering = httpx.MockTransport(lambda _: answer())
    store = Store("https://member.example")
    store.fs = remote.ServedFiles("https://member.example", transport=answering)
    with pytest.raises(Retryable, match=said):
        Archive(store).manifest_at(0, time_of(17))


def test_a_manifest_is_small() -> None:
    """There are thousands: one server must not make its reader hold 256 MiB of each."""
    answering = httpx.MockTransport(lambda _: httpx.Response(200, stream=Endless()))
    files = remote.ServedFiles("https://member.example", transport=answering)
    with pytest.raises(ValueError, match="more than 16384 bytes"):
        files.cat(["kind=marks/day=2026-09-21/shard=0/part-x.json"])


def test_slow_bytes_are_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte in time is not enough: the whole answer has to end."""
    monkeypatch.setattr(remote, "ANSWER_S", 0.0)
    answering = httpx.MockTransport(lambda _: httpx.Response(200, stream=Endless()))
    with pytest.raises(TimeoutError, match="did not end within"):
        remote.ServedFiles("https://member.example", transport=answering).ls("")


def test_a_url_with_credentials_is_refused() -> None:
    """They would end in logs and shell histories."""
    with pytest.raises(ConfigError, match="credentials"):
        Store("https://me:secret@member.example")

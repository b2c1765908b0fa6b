"""The archiver on the embedded bus: what is read back is what was published, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from oracle.archive.archiver import Archiver, Roll
from oracle.archive.catalogue import Catalogue
from oracle.archive.layout import KINDS
from oracle.archive.metrics import ArchiveMetrics
from oracle.archive.rows import messages_in
from oracle.archive.store import Store
from oracle.bus.memory import MemoryBus
from oracle.model.errors import Retryable, SchemaError
from oracle.model.messages import Message, encode
from oracle.model.topics import Topic
from tests.unit.api.samples import until
from tests.unit.archive.samples import DAY_NS, MAKE, key_of, mark, time_of

DEADLINE_S = 30.0
ROLL = Roll()


@pytest.fixture(params=["folder", "objects"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A folder, and a store that has no rename."""
    url = str(tmp_path / "archive") if request.param == "folder" else f"memory://{tmp_path.name}"
    return Store(url)


@asynccontextmanager
async def archiving(
    bus: MemoryBus, store: Store, roll: Roll = ROLL
) -> AsyncIterator[CollectorRegistry]:
    """Archive while the context lasts."""
    registry = CollectorRegistry()
    before = len(bus.readers[Topic.TICKS])
    task = asyncio.create_task(Archiver(bus, store, ArchiveMetrics(registry), roll).run())
    await until(lambda: task.done() or len(bus.readers[Topic.TICKS]) > before, DEADLINE_S)
    if task.done():
        await task
    try:
        yield registry
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def publish(bus: MemoryBus, numbers: Sequence[int], kinds: Sequence[Topic] = KINDS) -> None:
    """Publish the messages of some numbers, of every kind."""
    for number in numbers:
        for kind in kinds:
            await bus.publish(kind, [(key_of(kind, number), MAKE[kind](number))])


def read(store: Store, kind: Topic) -> list[tuple[int, bytes]]:
    """Return all that is archived of a kind: offsets and bytes."""
    pieces = Catalogue(store).pieces(kind)
    return [(offset, encode(message)) for offset, message in messages_in(store, kind, pieces)]


def expected(kind: Topic, numbers: Sequence[int]) -> list[tuple[int, bytes]]:
    """Return what `publish` of these puts into an empty topic."""
    return [(at, encode(MAKE[kind](number))) for at, number in enumerate(numbers)]


def parts_of(store: Store, kind: Topic) -> list[str]:
    """Return the files of a kind's parts."""
    return [piece.part.file for piece in Catalogue(store).pieces(kind)]


async def test_every_kind_comes_back_to_the_byte(store: Store) -> None:
    """Ticks, steps, marks, reports, receipts, controls and audit, on leaving at the latest."""
    bus = MemoryBus()
    async with archiving(bus, store):
        await publish(bus, range(40))
    for kind in KINDS:
        assert read(store, kind) == expected(kind, range(40))


async def test_parts_follow_each_other_without_a_hole(store: Store) -> None:
    """A part is rolled by its rows, and the next begins where it ends."""
    bus = MemoryBus()
    async with archiving(bus, store, Roll(rows=7)):
        await publish(bus, range(30), [Topic.MARKS])
    parts = [piece.part for piece in Catalogue(store).pieces(Topic.MARKS)]
    assert [(part.begin_offset, part.end_offset) for part in parts] == [
        (0, 7), (7, 14), (14, 21), (21, 28), (28, 30)
    ]  # fmt: skip


async def test_what_waits_is_bounded(store: Store) -> None:
    """Kinds that are small each are written when all of them together are large."""
    bus = MemoryBus()
    async with archiving(bus, store, Roll(size=2_000)) as registry:
        await publish(bus, range(40))
        await until(lambda: sum(len(parts_of(store, kind)) for kind in KINDS) > 5, DEADLINE_S)
        assert (registry.get_sample_value("plumbline_archive_buffered_bytes") or 0) < 2_000
    assert read(store, Topic.RECEIPTS) == expected(Topic.RECEIPTS, range(40))


async def test_what_has_waited_long_is_written(store: Store) -> None:
    """A quiet topic is in the archive too, without more messages to push it."""
    bus = MemoryBus()
    async with archiving(bus, store, Roll(age_s=0.05)):
        await publish(bus, range(3), [Topic.AUDIT])
        await until(lambda: read(store, Topic.AUDIT), DEADLINE_S)


async def test_it_goes_on_where_its_manifests_end(store: Store) -> None:
    """Another archiver of the same bus writes what is new, and nothing again."""
    bus = MemoryBus()
    for numbers in (range(10), range(10, 25), range(25, 26)):
        async with archiving(bus, store):
            await publish(bus, numbers)
    for kind in KINDS:
        assert read(store, kind) == expected(kind, range(26))


async def test_days_are_apart_and_never_go_back(store: Store) -> None:
    """A part is of one day; a message that comes late goes with those it came with."""
    bus = MemoryBus()
    today = [mark(1), mark(2)]
    next_day = mark(1 + DAY_NS // 10**8)
    async with archiving(bus, store):
        for message in (*today, next_day, mark(3)):
            await bus.publish(Topic.MARKS, [("k", message)])
    parts = [piece.part for piece in Catalogue(store).pieces(Topic.MARKS)]
    days = [part.file.split("/")[1] for part in parts]
    assert days == ["day=2026-09-21", "day=2026-09-22"]
    assert [part.messages for part in parts] == [2, 2]
    late = Catalogue(store).pieces(Topic.MARKS, from_ns=time_of(3), to_ns=time_of(3) + 1)
    assert [piece.part.file for piece in late] == [parts[1].file]


async def test_what_no_manifest_names_does_not_exist(store: Store) -> None:
    """A part whose writer died before the manifest is written again, and read once."""
    bus = MemoryBus()
    async with archiving(bus, store, Roll(rows=5)):
        await publish(bus, range(10), [Topic.MARKS])
    last = Catalogue(store).pieces(Topic.MARKS)[-1].part
    store.fs.rm(store.full(last.manifest))
    assert read(store, Topic.MARKS) == expected(Topic.MARKS, range(5))
    async with archiving(bus, store, Roll(rows=3)):
        await publish(bus, range(10, 12), [Topic.MARKS])
    assert read(store, Topic.MARKS) == expected(Topic.MARKS, range(12))


async def test_two_archivers_of_one_store_are_read_once(tmp_path: Path) -> None:
    """Where nothing can be locked both write; who reads takes each offset once."""
    bus, store = MemoryBus(), Store(f"memory://{tmp_path.name}")
    async with archiving(bus, store, Roll(rows=7)), archiving(bus, store, Roll(rows=5)):
        await publish(bus, range(33))
    names = parts_of(store, Topic.MARKS)
    assert len(store.files("kind=marks")) > 2 * len(names) - 2
    for kind in KINDS:
        assert read(store, kind) == expected(kind, range(33))


async def test_a_folder_has_one_archiver(tmp_path: Path) -> None:
    """The second waits its turn, and says for what."""
    bus, store = MemoryBus(), Store(str(tmp_path))
    async with archiving(bus, store):
        with pytest.raises(Retryable, match="another process writes the archive"):
            await Archiver(bus, Store(str(tmp_path)), ArchiveMetrics(CollectorRegistry())).run()


class Failing(Store):
    """A store that refuses as long as it is told to."""

    broken = True

    def put(self, path: str, data: bytes) -> None:
        """Refuse, or write."""
        if self.broken:
            raise Retryable("the disk is full")
        super().put(path, data)


async def test_a_store_that_fails_is_asked_until_it_takes_it(tmp_path: Path) -> None:
    """Nothing is lost while the disk is full, and it shows in the metrics."""
    bus, store = MemoryBus(), Failing(str(tmp_path))
    async with archiving(bus, store, Roll(rows=5)) as registry:
        await publish(bus, range(20), [Topic.MARKS])
        failures = "plumbline_archive_failures_total"
        await until(lambda: (registry.get_sample_value(failures) or 0) >= 2, DEADLINE_S)
        assert not parts_of(store, Topic.MARKS)
        store.broken = False
        rows = ("plumbline_archive_rows_total", {"kind": "marks"})
        await until(lambda: registry.get_sample_value(*rows) == 20, DEADLINE_S)
    assert read(store, Topic.MARKS) == expected(Topic.MARKS, range(20))


async def test_orders_that_a_run_tells_again_are_archived_once(store: Store) -> None:
    """The embedded bus begins with the orders of runs before: they are in the archive already."""
    for numbers in (range(3), range(5)):
        bus = MemoryBus()
        async with archiving(bus, store):
            await publish(bus, numbers, [Topic.CONTROLS, Topic.AUDIT])
    for kind in (Topic.CONTROLS, Topic.AUDIT):
        told = sorted(wire for _, wire in read(store, kind))
        assert told == sorted(encode(MAKE[kind](number)) for number in range(5))


async def test_a_number_that_fits_no_column_is_kept_all_the_same(store: Store) -> None:
    """Whoever sends 2**63 as a time cannot stop the archive."""
    bus, odd = MemoryBus(), MAKE[Topic.CONTROLS](1)
    huge: Message = type(odd)("market", "x", True, "w", "r", 5, 2**64 - 1)  # type: ignore[call-arg]
    async with archiving(bus, store):
        await bus.publish(Topic.CONTROLS, [("x", huge)])
    assert read(store, Topic.CONTROLS) == [(0, encode(huge))]


async def test_damage_is_named(tmp_path: Path) -> None:
    """A part or manifest that was changed is refused by name, never read as if nothing was."""
    bus, store = MemoryBus(), Store(str(tmp_path))
    async with archiving(bus, store):
        await publish(bus, range(3), [Topic.MARKS])
    (name,) = parts_of(store, Topic.MARKS)
    file = tmp_path / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(SchemaError, match=r"part-.*parquet of the archive is not what"):
        read(store, Topic.MARKS)
    file.write_bytes(whole)
    manifest = file.with_suffix(".json")
    kept = json.loads(manifest.read_bytes())
    for wrong, text in (
        ({"file": "../../etc/passwd"}, "no part of an archive"),
        ({"version": 99}, "upgrade it"),
        ({"kind": "nothing"}, "damaged"),
    ):
        manifest.write_text(json.dumps(kept | wrong))
        with pytest.raises(SchemaError, match=text):
            read(store, Topic.MARKS)

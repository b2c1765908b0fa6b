"""SQL over an archive: what manifests name, exact, and nothing else of the machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from oracle.archive.catalogue import Catalogue
from oracle.archive.query import VIEWS, Query
from oracle.archive.store import Store
from oracle.cli.app import app
from oracle.model.errors import ConfigError, PlumblineError, Rejected
from oracle.model.fixed import Px, float_nearest
from oracle.model.ticks import TickBatch
from oracle.model.topics import Topic
from tests.unit.archive.samples import MAKE, mark, slot_of, ticks, time_of
from tests.unit.archive.writing import write


@pytest.fixture(params=["folder", "objects"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An archive of 20 messages of every kind, in parts of 6."""
    made = Store(str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}")
    for kind, make in MAKE.items():
        write(made, kind, [(number, make(number)) for number in range(20)], rows=6)
    return made


def ask(store: Store, sql: str, **times: int) -> list[tuple[Any, ...]]:
    """Return what a query selects."""
    with Query(Catalogue(store), **times) as query:
        return query.run(sql).fetch(10_000)


def test_each_kind_is_a_view(store: Store) -> None:
    """One row a message; of ticks one a tick."""
    for kind in VIEWS:
        (count,) = ask(store, f"SELECT count(*) FROM {kind}")
        batches = [ticks(number) for number in range(20)]
        all_ticks = sum(len(batch) for batch in batches if isinstance(batch, TickBatch))
        assert count == (all_ticks if kind is Topic.TICKS else 20,)


def test_prices_are_doubles_beside_what_they_were(store: Store) -> None:
    """The nearest double of each exact price, and null where there is none."""
    rows = ask(store, "SELECT mark, mark_mantissa, mark_exponent FROM marks ORDER BY sequence")
    for number, (value, mantissa, exponent) in enumerate(rows):
        price = mark(number).mark
        if price is None:
            assert (value, mantissa, exponent) == (None, None, None)
        else:
            assert Px(mantissa, exponent) == price
            assert value == float_nearest(price)


def test_a_part_that_two_wrote_counts_once(store: Store) -> None:
    """Where two archivers overlapped, each offset is one row."""
    write(store, Topic.MARKS, [(number, mark(number)) for number in range(3, 25)], rows=9)
    rows = ask(store, 'SELECT "offset", shard, day FROM marks ORDER BY "offset"')
    assert rows == [(number, 0, "2026-09-21") for number in range(25)]


def test_what_no_manifest_names_is_not_seen(store: Store) -> None:
    """A part without a manifest is no part."""
    last = Catalogue(store).pieces(Topic.MARKS)[-1].part
    store.fs.rm(store.full(last.manifest))
    assert ask(store, "SELECT count(*) FROM marks") == [(18,)]


def test_times_leave_parts_out(store: Store) -> None:
    """Only parts that may have such times are opened."""
    rows = ask(store, "SELECT min(sequence) FROM marks", from_ns=time_of(12), to_ns=time_of(99))
    assert rows == [(12,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "FROM read_parquet('/etc/*')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM duckdb_secrets()",
        "EXPLAIN ANALYZE COPY marks TO '/tmp/plumbline-out.csv'",
        "SELECT * FROM pieces",
        "SELECT getenv('HOME')",
    ],
)
def test_nothing_of_the_machine_can_be_read(store: Store, sql: str) -> None:
    """No file, no variable of ours, no environment, by whatever function."""
    with pytest.raises(Rejected, match="refused"):
        ask(store, sql)
    assert not Path("/tmp/plumbline-out.csv").exists()


@pytest.mark.parametrize(
    "sql",
    [
        "COPY marks TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "DROP VIEW marks",
        "CREATE TABLE x (a INT)",
        "PRAGMA database_list",
        "SELECT 1; DROP VIEW marks",
        "",
    ],
)
def test_only_a_select_is_taken(store: Store, sql: str) -> None:
    """Nothing that changes anything, not even behind a SELECT."""
    with pytest.raises(Rejected, match="one SELECT"):
        ask(store, sql)


def test_an_archive_of_nothing_is_said(tmp_path: Path) -> None:
    """A wrong path is no empty answer."""
    with pytest.raises(Rejected, match="has no part"):
        Query(Catalogue(Store(str(tmp_path / "nowhere"))))


def run(*arguments: str) -> Any:
    """Run `plumb query`."""
    return CliRunner().invoke(app, ["query", *arguments])


def test_a_query_is_printed_for_people_and_programs(tmp_path: Path) -> None:
    """A table, JSON with every value in it, and CSV."""
    store = Store(str(tmp_path))
    write(store, Topic.REPORTS, [(number, MAKE[Topic.REPORTS](number)) for number in range(2)])
    where = ("--archive", str(tmp_path))
    sql = "SELECT slot, body, time, 'a\x1b[2J' AS odd, nan AS n FROM reports, (SELECT 'nan'::DOUBLE AS nan) ORDER BY slot"  # noqa: E501
    rows = json.loads(run(sql, *where, "--json").stdout)
    assert rows[1] == {
        "slot": slot_of(1),
        "body": "0x" + "07" * 99,
        "time": "2026-09-21T14:13:20.100000",
        "odd": "a\x1b[2J",
        "n": None,
    }
    printed = run("SELECT slot, epoch FROM reports", *where, "--csv").stdout
    assert printed == f"slot,epoch\n{slot_of(0)},1\n{slot_of(1)},1\n"
    table = run(sql, *where).stdout
    assert "slot" in table
    assert "\x1b[2J" not in table


def test_mistakes_are_said(tmp_path: Path) -> None:
    """Neither a configuration nor an archive, one without the section, two formats at once."""
    config = tmp_path / "config.yaml"
    config.write_text(
        "markets:\n  X-USD: {number: 0, sources: [{source: 'a:X/USD'}, {source: 'b:X/USD'}]}\n"
    )
    for arguments, text in (
        ((), "either --config FILE or --archive PATH"),
        (("--config", str(config)), "no archive is configured"),
        (("--archive", "s3://key:secret@bucket/x"), "credentials"),
        (("--archive", "nothing://x"), "cannot be used"),
        (("--archive", ".", "--json", "--csv"), "not both"),
    ):
        error = run("SELECT 1", *arguments).exception
        assert isinstance(error, PlumblineError)
        assert isinstance(error, ConfigError)
        assert text in str(error)
        assert "secret" not in str(error)

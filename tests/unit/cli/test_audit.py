"""`plumb audit` names the first entry that was tampered with."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from typer.testing import CliRunner, Result

from oracle.bus.ledger import LedgerBus
from oracle.cli.app import app
from oracle.model.messages import AuditEntry, decode, encode
from oracle.model.topics import Topic
from oracle.node.audit import AuditWriter


async def _write(state: Path) -> None:
    async with LedgerBus(state) as bus:
        for writer in ("run", "other"):
            audit = AuditWriter(bus, writer)
            for at in range(4):
                await audit.append(
                    time_ns=at, action="pause", subject="market|X", who="ana", reason=f"why {at}"
                )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose process has kept two chains of four entries."""
    file = tmp_path / "config.yaml"
    sources = [{"source": "a:X/USD"}, {"source": "b:X/USD"}]
    file.write_text(yaml.safe_dump({"markets": {"X-USD": {"number": 0, "sources": sources}}}))
    (tmp_path / "state").mkdir()
    asyncio.run(_write(tmp_path / "state"))
    return file


def _audit(config: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["audit", "--config", str(config), *more])


def _rewrite(config: Path, at: int, **changed: Any) -> None:
    """Change an entry in the file, as somebody would who knows what they do."""
    file = config.parent / "state" / "audit.jsonl"
    lines = file.read_text().splitlines()
    content = json.loads(lines[at])
    entry = decode(Topic.AUDIT, bytes.fromhex(content["wire"]))
    assert isinstance(entry, AuditEntry)
    wire = encode(msgspec.structs.replace(entry, **changed)).hex()
    lines[at] = json.dumps({**content, **changed, "wire": wire})
    file.write_text("\n".join(lines) + "\n")


def test_whole_chains_are_said_to_be_whole(config: Path) -> None:
    """With the orders themselves, and a hash for each chain to keep elsewhere."""
    done = _audit(config, "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert [(chain["writer"], chain["broken"]) for chain in data["chains"]] == [
        ("other", None),
        ("run", None),
    ]
    assert len({chain["hash"] for chain in data["chains"]}) == 2
    assert [entry["reason"] for entry in data["entries"][:2]] == ["why 0", "why 1"]
    assert "ana: pause market|X: why 3" in _audit(config, "--last", "1").output


def test_an_entry_that_does_not_stand_is_shown_as_void(config: Path) -> None:
    """What was written beside the chain must not pass for an order that somebody gave."""
    file = config.parent / "state" / "audit.jsonl"
    file.write_text(file.read_text() + file.read_text().splitlines()[0] + "\n")
    _rewrite(config, 8, who="bo")
    done = _audit(config)
    assert done.exit_code == 0
    assert [line for line in done.output.splitlines() if line.startswith("(void) ")] == [
        line for line in done.output.splitlines() if "bo: pause" in line
    ]
    entries = json.loads(_audit(config, "--json").stdout)["entries"]
    assert [entry["void"] for entry in entries] == [False] * 8 + [True]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_changed_entry_is_named(config: Path, at: int) -> None:
    """Somebody rewrote why: the next entry was written on another."""
    _rewrite(config, at, reason="nothing happened")
    done = _audit(config)
    assert done.exit_code == 1
    assert f"run, entry {at + 1}: the entry before it is not the one" in " ".join(
        done.output.split()
    )
    assert "whole" in done.output


def test_a_removed_entry_is_named(config: Path) -> None:
    """Somebody took a line out."""
    file = config.parent / "state" / "audit.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:1] + lines[2:]))
    done = _audit(config)
    assert done.exit_code == 1
    assert "run, entry 2: entry 1 was expected: one is missing" in " ".join(done.output.split())


def test_a_line_that_says_other_things_to_people_is_named(config: Path) -> None:
    """Its bytes are as they were, but nobody reads bytes."""
    file = config.parent / "state" / "audit.jsonl"
    file.write_text(file.read_text().replace("why 2", "why not", 1))
    done = _audit(config)
    assert done.exit_code != 0
    assert "line 3 says reason 'why not' for people" in str(done.exception)

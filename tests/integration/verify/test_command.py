"""`plumb verify` on what seven members left behind, and one chain."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from oracle.cli.app import app
from oracle.cli.verify_subject import terms_of
from tests.integration.verify.tampering import proposal
from tests.integration.verify.world import World
from tests.ports import free_ports


def run(world: World, *arguments: str, archives: list[Path] | None = None) -> Result:
    """Run the command with member 0's configuration and, by default, all archives."""
    paths = world.archives if archives is None else archives
    given = [part for path in paths for part in ("--archive", str(path))]
    config = [] if "-c" in arguments else ["-c", str(world.configs[0])]
    command = ["verify", *config, *arguments, *given]
    return CliRunner().invoke(app, command, env={"COLUMNS": "300"})


def asked(world: World, *arguments: str, archives: list[Path] | None = None) -> dict[str, Any]:
    """Run it for JSON."""
    answer = run(world, "--json", *arguments, archives=archives)
    made: dict[str, Any] = json.loads(answer.stdout)
    assert (made["verdict"], answer.exit_code) in {
        ("proven", 0),
        ("differs", 1),
        ("incomplete", 2),
    }
    return made


def heard(world: World) -> list[int]:
    """Return the members whose observations are in the report."""
    return [one.member for one in proposal(world).observations]


def copied(world: World, number: int, to: Path, *without: str) -> list[Path]:
    """Return a member's archive without some kinds."""
    ignore = shutil.ignore_patterns(*(f"kind={kind}" for kind in without))
    shutil.copytree(world.archives[number], to, ignore=ignore)
    return [to]


def unchecked(made: dict[str, Any]) -> str:
    """Return why each check that was not made was not."""
    found = [one for one in made["findings"] if one["outcome"] == "unchecked"]
    return "\n".join(f"{one['check']}: {one['detail']}" for one in found)


def test_a_report_is_proven_from_all_archives(world: World):
    """Every check passes, down to marks stepped again, and a person sees why."""
    answer = run(world, str(world.slot), "--market", "BTC-USD")
    assert answer.exit_code == 0, answer.stdout
    assert re.search(r"Proven: all \d+ checks passed\.", answer.stdout)
    for number in heard(world):
        assert f"✓ 6 member {number}: recomputed: " in answer.stdout
        assert f"BTC-USD as member {number} computed it" in answer.stdout
    assert re.search(r"c:BTC/USD +│ source │ +1 │ +- │ paused", answer.stdout)
    assert re.search(r"a:BTC/USD +│ source │ +2 │ 60000\.\d+ │ used", answer.stdout)


def test_why_a_mark_was_what_it_was_for_programs(world: World):
    """Sources, weights, use, index, premium and mark, as JSON."""
    number = heard(world)[0]
    made = asked(world, str(world.slot), "--market", "BTC-USD", "--member", str(number))
    assert made["verdict"] == "proven", unchecked(made)
    (why,) = made["why"]
    assert why["who"] == f"member {number}"
    assert {one["source"]: one["outcome"] for one in why["sources"]}["c:BTC/USD"] == "paused"
    assert float(why["index_price"]) == pytest.approx(60_000, rel=0.01)
    assert float(why["mark"]) == pytest.approx(60_000, rel=0.01)
    assert made["first_difference"] is None
    assert made["report"]["slot"] == world.slot


def test_programs_can_go_by_the_fields(world: World):
    """The same fields whether all is proven or something is not; a difference has its own."""
    number = str(heard(world)[0])
    fields = {
        "verdict", "report", "first_difference", "findings", "market", "mark", "why", "seconds",
    }  # fmt: skip
    for arguments in (["--market", "BTC-USD", "--member", number], ["--member", "31"]):
        made = asked(world, str(world.slot), *arguments)
        assert made.keys() == fields
        assert made["report"].keys() == {
            "bytes", "epoch", "slot", "time_ms", "digest", "inputs_root",
        }  # fmt: skip
        assert all(f.keys() == {"step", "check", "outcome", "detail"} for f in made["findings"])
    assert made["verdict"] == "incomplete"
    assert "member 31: the report is made of no observation of it" in unchecked(made)


def test_why_a_report_differs_for_programs(world: World, tmp_path: Path):
    """Where, which field, what was expected and what was found."""
    config = tmp_path / "config.yaml"
    config.write_text(world.configs[0].read_text().replace("weight: 2", "weight: 3"))
    made = asked(world, "-c", str(config), str(world.slot), "--member", str(heard(world)[0]))
    assert made["verdict"] == "differs"
    assert made["first_difference"].keys() == {"where", "field", "expected", "found"}
    assert made["first_difference"]["field"] == "config_hash"
    differing = [one for one in made["findings"] if one["outcome"] == "differs"]
    assert differing[0]["difference"] == made["first_difference"]
    assert [one["check"].split(": ")[-1] for one in differing] == ["configuration", "specification"]


def test_a_report_is_found_by_digest_file_hex_and_time(world: World, tmp_path: Path):
    """However it is named, it is the same report."""
    digest = "0x" + world.report.digest(terms_of(world.config).salt).hex()
    (tmp_path / "report.bin").write_bytes(world.body)
    (tmp_path / "report.hex").write_text("0x" + world.body.hex() + "\n")
    time_ms = str(world.report.leaves[0].decoded().time_ms)
    member = str(heard(world)[0])
    for arguments in (
        [digest],
        [str(tmp_path / "report.bin")],
        [str(tmp_path / "report.hex")],
        ["0x" + world.body.hex()],
        ["--at", time_ms, "--market", "ETH-USD"],
    ):
        made = asked(world, *arguments, "--member", member)
        assert made["verdict"] == "proven", unchecked(made)
        assert made["report"]["digest"] == digest
    asked_for = next(one for one in made["findings"] if one["check"] == "asked for")
    assert asked_for["detail"] == f"the report of {time_ms} ms"


def test_the_newest_report_of_an_archive_may_not_be_the_newest(world: World):
    """Long after the last report nothing says that none came since."""
    made = asked(world, "--at", str(world.slot + 3_600_000), "--member", str(heard(world)[0]))
    assert made["verdict"] == "incomplete"
    assert "asked for: no signed report after" in unchecked(made)


def test_one_archive_proves_one_member_and_says_what_is_not_checked(world: World):
    """Other members' marks are named as not checked, with what to do."""
    first, *others = heard(world)
    made = asked(world, str(world.slot), archives=[world.archives[first]])
    assert made["verdict"] == "incomplete"
    said = unchecked(made)
    assert f"member {first}" not in said
    for number in others:
        assert f"member {number}: manifests" in said
    assert "give that member's archive with --archive" in said


def test_another_members_archive_proves_nothing_of_a_member(world: World):
    """Whose archive it is shows: it has no steps of that member's."""
    first, second, *_ = heard(world)
    made = asked(world, str(world.slot), "--member", str(first), archives=[world.archives[second]])
    assert made["verdict"] == "incomplete"
    assert f"member {first}: recomputed" in unchecked(made)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ticks", "the archive lacks ticks"),
        ("marks", "the archive lacks the marks of step"),
        ("snapshots", "has no engine state of shard 0"),
        ("specs", "lacks the engine's specification"),
        ("controls", "is not in the archive: whether it was issued so"),
        ("rounds", "the archive has no round of slot"),
        ("steps", "give that member's archive"),
    ],
)
def test_what_is_missing_is_said(world: World, tmp_path: Path, kind: str, said: str):
    """An archive without something gives exit code 2, what was not checked, and what to do."""
    number = heard(world)[0]
    lacking = copied(world, number, tmp_path / "lacking", kind)
    made = asked(world, str(world.slot), "--member", str(number), archives=lacking)
    assert made["verdict"] == "incomplete", made["first_difference"]
    assert said in unchecked(made)


def test_without_an_archive_nothing_is_proven(world: World, tmp_path: Path):
    """A report from a file has its signatures checked, and the rest is said not to be."""
    body = tmp_path / "report.bin"
    body.write_bytes(world.body)
    empty = tmp_path / "empty"
    empty.mkdir()
    made = asked(world, str(body), archives=[empty])
    assert made["verdict"] == "incomplete"
    by_check = {one["check"]: one["outcome"] for one in made["findings"]}
    assert by_check["signatures"] == "proven"
    assert by_check["median"] == "unchecked"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say what to verify"),
        (["no-such-file"], "no slot, no hash of 32 bytes"),
        (["9" * 40], "no slot, no hash of 32 bytes"),
        (["0x" + "ab" * 32], "no archive has a report with that digest"),
        (["1234567000"], "the archive has no report of slot 1234567000"),
        (["--at", "yesterday"], "is no time"),
        (["--at", "2020-01-02T00:00:00Z"], "has no report in the 32 days before"),
        (["--market", "DOGE-USD"], "market DOGE-USD is not configured"),
    ],
)
def test_what_cannot_be_found_is_said_in_a_line(world: World, arguments: list[str], said: str):
    """What was given, what is allowed; exit code 2: nothing was found to differ."""
    answer = run(world, *arguments)
    assert answer.exit_code == 2, answer.stdout
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_chain_that_does_not_answer_is_said(world: World, tmp_path: Path):
    """Everything else is checked, and the chain is said not to be."""
    (port,) = free_ports(1)
    data = yaml.safe_load(world.configs[0].read_text())
    data["chains"] = [
        {
            "name": "gone",
            "chain_id": 1,
            "rpc": [f"http://127.0.0.1:{port}"],
            "oracle": "0x" + "11" * 20,
            "key": {"keystore": "none.json", "password_env": "NONE"},
        }
    ]
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(data))
    member = str(heard(world)[0])
    made = asked(world, "-c", str(config), str(world.slot), "--member", member)
    assert made["verdict"] == "incomplete"
    assert unchecked(made).startswith("chain: gone: ")
    assert "RPC endpoint answers" in unchecked(made)

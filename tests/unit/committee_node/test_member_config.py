"""From a member's configuration to its rules and peers, and the command that shows evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from oracle.bus.memory import MemoryBus
from oracle.cli.app import app
from oracle.cli.member import EVIDENCE, member_service, rules_of
from oracle.cli.run import is_whole_member
from oracle.cli.stack import committee_of
from oracle.committee.evidence.file import EvidenceFile
from oracle.committee.evidence.proof import Evidence, Kind
from oracle.committee.wire.observation import Last, Observation
from oracle.config.load import config_hash, parse
from oracle.keys.signer import LocalSigner
from oracle.model.errors import ConfigError
from oracle.report.word import encode_word
from tests.unit.committee_node.links import KEYS, MEMBERS
from tests.vectors.generate import THRESHOLD

ADDRESSES = ["0x" + member.hex() for member in MEMBERS]
PEERS = {member: f"http://127.0.0.1:{9000 + n}" for n, member in enumerate(ADDRESSES)}
T0 = 1_790_000_000_000


def _data(**changes: Any) -> dict[str, Any]:
    committee = {
        "epoch": 1, "threshold": THRESHOLD, "members": ADDRESSES, "peers": PEERS,
        "keys": [{"keystore": "a.json", "password_env": "P"}],
    } | changes  # fmt: skip
    return {
        "deployment": {"network": "test", "home_governor": "0x" + "11" * 20, "nonce": 1},
        "committee": committee,
        "markets": {
            "X-USD": {"number": 0, "sources": [{"source": "a:X/USD"}, {"source": "b:X/USD"}]}
        },
    }


def test_rules_come_from_the_configuration():
    """Own hash first, the next from its time on, the one before until its end."""
    config = parse(
        _data(
            next={"hash": "0x" + "ab" * 32, "activates_at": "2026-12-01T12:00:00Z"},
            previous={"hash": "cd" * 32, "until": "2026-11-01T12:00:00+02:00"},
        )
    )
    assert config.committee is not None
    rules = rules_of(config, config.committee, committee_of(config))
    own, following, before = rules.configs
    assert own.digest == config_hash(config)
    assert (following.digest, following.from_ms) == (b"\xab" * 32, 1_796_126_400_000)
    assert (before.digest, before.until_ms) == (b"\xcd" * 32, 1_793_527_200_000)
    assert (rules.slot_ms, rules.view_ms, rules.views) == (250, 125, 2)
    rules.check()


def test_a_key_whose_own_url_alone_is_given_is_told_who_is_missing():
    """One url may be left out: our own, and no other's."""
    config = parse(_data(peers=dict(list(PEERS.items())[1:])))
    registry = CollectorRegistry()

    def service(key: int) -> object:
        signer = LocalSigner(KEYS[key].secret)
        made = CollectorRegistry() if key == 0 else registry
        committee = committee_of(config)
        return member_service(config, committee, signer, MemoryBus(), Path(), made, lambda: 0)

    assert service(0)
    with pytest.raises(ConfigError, match=f"lacks {ADDRESSES[0]}"):
        service(1)


async def test_a_key_of_no_member_does_not_start(tmp_path: Path):
    """A stray keystore ends the process with a line that says what to do."""
    config = parse(_data())
    stranger = LocalSigner(b"\x01" * 32)
    committee, registry = committee_of(config), CollectorRegistry()
    service = member_service(
        config, committee, stranger, MemoryBus(), tmp_path, registry, lambda: T0 * 10**6
    )
    with pytest.raises(ConfigError, match="is no member of epoch 1"):
        await service()


def test_plumb_oracle_is_a_whole_member_only_without_a_broker():
    """With Kafka the member's feeds run beside it; in memory they must be in the process."""
    data = _data()
    assert is_whole_member(parse(data))
    assert not is_whole_member(parse(data | {"bus": {"kind": "kafka", "bootstrap": "k:9092"}}))
    del data["committee"]
    assert not is_whole_member(parse(data))


def _observation(salt: bytes, inputs: int) -> Observation:
    words = (encode_word(T0, []),)
    zero = bytes(32)
    made = Observation(
        salt, 1, T0, 0, 3, T0 * 10**6, zero, inputs.to_bytes(32, "big"), zero, Last(), words
    )
    return made


async def _evidence(salt: bytes, signer: LocalSigner, epoch: int = 1) -> Evidence:
    halves = []
    for inputs in (1, 2):
        one = _observation(salt, inputs)._replace(epoch=epoch)
        halves.append(one.signed(await signer.sign(one.message())).encode())
    return Evidence(Kind.OBSERVATION, salt, epoch, 3, T0, 0, MEMBERS, *halves)


async def test_evidence_is_listed_and_checked(tmp_path: Path):
    """What proves something says so, what does not says why; both as a table and as JSON."""
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(_data()))
    (tmp_path / "state").mkdir()
    salt = committee_of(parse(_data())).salt
    told = CliRunner().invoke(app, ["evidence", "--config", str(config)])
    assert "no evidence" in told.output
    kept = EvidenceFile(tmp_path / "state" / EVIDENCE)
    kept.add(await _evidence(salt, LocalSigner(KEYS[3].secret)))
    forged = await _evidence(salt, LocalSigner(KEYS[2].secret))
    kept.add(forged._replace(slot=T0 + 250))
    kept.close()
    told = CliRunner().invoke(app, ["evidence", "--config", str(config), "--json"])
    rows = json.loads(told.output)["evidence"]
    assert [row["proof"] for row in rows] == ["valid", "INVALID"]
    assert (rows[0]["member"], rows[0]["address"]) == (3, ADDRESSES[3])
    shown = CliRunner().invoke(app, ["evidence", "--config", str(config)]).output
    assert f"member 3 is {ADDRESSES[3]}" in shown
    assert "two observations" in shown  # whole, on 80 columns
    assert f"that of slot {T0 + 250} proves nothing: one half is of another round" in shown


async def test_evidence_of_a_past_epoch_is_judged_by_its_own_list(tmp_path: Path):
    """A rotation frees nobody: the piece still proves itself, and says whose list it goes by."""
    config = tmp_path / "config.yaml"
    rest = [address for address in ADDRESSES if address != ADDRESSES[3]]
    peers = {address: PEERS[address] for address in rest}
    config.write_text(yaml.safe_dump(_data(epoch=2, members=rest, threshold=4, peers=peers)))
    salt = committee_of(parse(_data())).salt
    kept = EvidenceFile(tmp_path / "elsewhere")
    kept.add(await _evidence(salt, LocalSigner(KEYS[3].secret)))
    kept.add(await _evidence(salt, LocalSigner(KEYS[2].secret), epoch=2))
    kept.add((await _evidence(bytes(32), LocalSigner(KEYS[3].secret)))._replace(slot=T0 + 1))
    kept.close()
    command = ["evidence", "--config", str(config), "--file", str(tmp_path / "elsewhere")]
    rows = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)["evidence"]
    assert [row["proof"] for row in rows] == ["valid by its list", "INVALID", "INVALID"]
    assert rows[0]["members"] == ADDRESSES
    assert "not the committee's" in rows[1]["why"]
    assert "deployment 0x00" in rows[2]["why"]
    shown = CliRunner().invoke(app, command).output
    assert f"in epoch 1 member 3 is {ADDRESSES[3]}, by the evidence's own list" in shown
    assert shown.count(ADDRESSES[3]) == 1  # what proves nothing names nobody
    assert "list" in CliRunner().invoke(app, ["evidence", "--help"]).output

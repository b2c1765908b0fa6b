"""A member among peers: what its configuration must say, and what stays out of its hash."""

from __future__ import annotations

from typing import Any

import pytest

from oracle.config.load import config_hash, parse
from oracle.model.errors import ConfigError

MEMBERS = [f"0x{n:040x}" for n in range(0xA1, 0xA8)]
KEY = {"keystore": "a.json", "password_env": "P"}
PEERS = {member: f"http://10.0.0.{n}:8646" for n, member in enumerate(MEMBERS)}
HASH = "ab" * 32


def _config(**changes: Any) -> dict[str, Any]:
    committee: dict[str, Any] = {
        "epoch": 1, "threshold": 5, "members": MEMBERS, "keys": [KEY], "peers": PEERS,
    } | changes  # fmt: skip
    return {
        "deployment": {"network": "test", "home_governor": "0x" + "11" * 20, "nonce": 1},
        "committee": committee,
        "markets": {
            "X-USD": {"number": 0, "sources": [{"source": "a:X/USD"}, {"source": "b:X/USD"}]}
        },
    }


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"keys": [KEY, KEY], "shared_view": True}, "one key and a view of its own"),
        ({"keys": []}, "one key and a view of its own"),
        ({"peers": PEERS | {"0x" + "22" * 20: "http://h:1"}}, "none of the members"),
        ({"peers": dict(list(PEERS.items())[:5])}, "lacks 2 members"),
        ({"threshold": 4}, "5 to 7"),
        ({"threshold": 6}, "5 to 5"),
        ({"peers": PEERS | {MEMBERS[0]: "http://h:1/path"}}, "has a path"),
        ({"listen": "8646"}, "host:port"),
        ({"listen": "h:99999"}, "host:port"),
        ({"view_timeout": "100ms"}, "whole number of times"),
        ({"max_clock_offset": "2s"}, "less than or equal"),
        ({"next": {"hash": "ab", "activates_at": "2026-12-01T12:00:00Z"}}, "pattern"),
        ({"next": {"hash": HASH, "activates_at": "2026-12-01T12:00:00"}}, "timezone"),
        (
            {"peers": {}, "next": {"hash": HASH, "activates_at": "2026-12-01T12:00:00Z"}},
            "name 'peers'",
        ),
    ],
)
def test_a_member_that_cannot_be_is_refused(changes, text):
    """Each mistake is named before anything starts."""
    with pytest.raises(ConfigError, match=text):
        parse(_config(**changes))


def test_a_replay_cannot_be_a_member():
    """Recorded time is nobody else's time."""
    config = _config() | {"feeds": [{"kind": "replay", "files": ["a.csv"]}]}
    with pytest.raises(ConfigError, match="recorded clock"):
        parse(config)


@pytest.mark.parametrize(
    "changes",
    [
        {"peers": dict(list(PEERS.items())[1:])},
        {"listen": "0.0.0.0:1"},
        {"sanity": "2%"},
        {"max_clock_offset": "1s"},
        {"next": {"hash": HASH, "activates_at": "2026-12-01T12:00:00Z"}},
        {"previous": {"hash": HASH, "until": "2026-12-01T12:00:00Z"}},
        {"members": [member.upper().replace("X", "x") for member in MEMBERS]},
        {"keys": [{"keystore": "b.json", "password_file": "p"}]},
    ],
)
def test_what_is_a_members_own_is_not_in_the_hash(changes):
    """Members agree on a hash although each has its own address, files and caution."""
    assert config_hash(parse(_config(**changes))) == config_hash(parse(_config()))


@pytest.mark.parametrize("changes", [{"slot": "500ms"}, {"view_timeout": "250ms"}, {"epoch": 2}])
def test_what_members_agree_on_is_in_the_hash(changes):
    """Another rhythm or epoch is another configuration."""
    assert config_hash(parse(_config(**changes))) != config_hash(parse(_config()))


@pytest.mark.parametrize(
    ("slot", "given", "view_ms"), [("250ms", None, 125), ("25ms", None, 25), ("1s", "250ms", 250)]
)
def test_a_view_lasts_half_a_slot_unless_said(slot, given, view_ms):
    """The default fits every slot: half of it, or all where half has no whole ms."""
    changes = {"slot": slot} | ({"view_timeout": given} if given else {})
    committee = parse(_config(**changes)).committee
    assert committee is not None
    assert committee.view_ns == view_ms * 10**6

"""Engine and signing, in one process or in two."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from oracle.bus.memory import MemoryBus
from oracle.cli.roles import Role
from oracle.cli.stack import Stack
from oracle.config.load import parse
from oracle.keys.keystore import write_keystore
from oracle.model.errors import ConfigError
from tests.unit.cli.test_stack import CONFIG


def _services(folder, config, role):
    return set(Stack(parse(config), MemoryBus(), folder, CollectorRegistry()).services([role]))


@pytest.fixture
def with_key(tmp_path, monkeypatch):
    """Return a configuration of one member, whose key is in a file."""
    monkeypatch.setenv("KEY_PASSWORD", "p")
    file = tmp_path / "member.json"
    member = write_keystore(file, bytes(31) + b"\x01", "p", scrypt_n=2)
    keys = [{"keystore": str(file), "password_env": "KEY_PASSWORD"}]
    return CONFIG | {"committee": {"epoch": 1, "threshold": 1, "members": [member], "keys": keys}}


@pytest.mark.parametrize(
    ("role", "wanted"),
    [
        (Role.ORACLE, {"engines", "attestor", "sole_signer"}),
        (Role.ENGINE, {"engines"}),
        (Role.COMMITTEE, {"attestor", "sole_signer"}),
    ],
)
def test_engine_and_signing_are_one_process_or_two(tmp_path, with_key, role, wanted):
    """`oracle` does both; `engine` opens no key, `committee` steps no shard."""
    assert _services(tmp_path, with_key, role) == wanted


def test_an_engine_needs_no_key(tmp_path, with_key, monkeypatch):
    """The keys that the shared configuration names need not be where an engine runs."""
    (tmp_path / "member.json").unlink()
    assert _services(tmp_path, with_key, Role.ENGINE) == {"engines"}


def test_signing_alone_without_a_key_is_refused(tmp_path):
    """A signer that has nothing to sign with must not look like one that works."""
    with pytest.raises(ConfigError, match=r"name keystores under committee\.keys"):
        _services(tmp_path, CONFIG, Role.COMMITTEE)

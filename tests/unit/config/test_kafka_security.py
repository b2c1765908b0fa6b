"""`bus.security`: half a credential is refused, and none is ever in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from oracle.cli.bus import kafka_bus
from oracle.config.load import load, parse
from oracle.model.errors import ConfigError
from tests import cbeth

USER = {"protocol": "sasl_tls", "username": "feeds", "password_env": "KAFKA_PASSWORD"}


def _config(security: dict[str, Any]) -> dict[str, Any]:
    return cbeth.OLD | {"bus": {"kind": "kafka", "bootstrap": "k:9093", "security": security}}


@pytest.mark.parametrize(
    ("security", "said"),
    [
        (USER | {"password_file": "p"}, "exactly one of password_file and password_env"),
        ({"protocol": "sasl_tls", "username": "feeds"}, "exactly one of password_file"),
        ({"protocol": "sasl_tls", "password_env": "P"}, "one of username and"),
        (USER | {"username_env": "U"}, "exactly one of username and username_env"),
        (USER | {"protocol": "tls"}, "protocol tls takes no username or password: sasl_tls"),
        ({"username_env": "U"}, "protocol plaintext takes no username"),
        ({"username": "feeds"}, "protocol plaintext takes no username"),
        ({"ca_file": "ca.pem"}, "ca_file needs protocol tls or sasl_tls"),
        ({"protocol": "sasl_plaintext"}, "protocol"),
        (USER | {"password": "in clear"}, "unknown key"),
    ],
)
def test_what_does_not_fit_together_is_refused(security: dict[str, Any], said: str) -> None:
    """A password without TLS, or none where one is needed, never starts; it is not shown."""
    with pytest.raises(ConfigError, match=said) as refused:
        parse(_config(security))
    assert "in clear" not in str(refused.value)


def test_files_are_beside_the_configuration(tmp_path: Path) -> None:
    """A service is started from anywhere."""
    file = tmp_path / "config.yaml"
    security = {
        "protocol": "sasl_tls",
        "username": "feeds",
        "ca_file": "ca.pem",
        "password_file": "p",
    }
    file.write_text(yaml.safe_dump(_config(security)))
    config = load(file)
    assert config.bus.kind == "kafka"
    assert config.bus.security.ca_file == tmp_path / "ca.pem"
    assert config.bus.security.password_file == tmp_path / "p"


def test_a_password_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The user's name and the file are in the message."""
    file = tmp_path / "config.yaml"
    security = {"protocol": "sasl_tls", "username": "feeds", "password_file": "nowhere"}
    file.write_text(yaml.safe_dump(_config(security)))
    config = load(file)
    assert config.bus.kind == "kafka"
    with pytest.raises(ConfigError, match=r"password file .*nowhere of Kafka user feeds: No such"):
        kafka_bus(config.bus)


def test_roles_that_share_a_file_name_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user comes from the environment; without it nothing starts as somebody else."""
    security = {"protocol": "sasl_tls", "username_env": "KAFKA_USER", "password_env": "P"}
    config = parse(_config(security))
    assert config.bus.kind == "kafka"
    monkeypatch.setenv("P", "a password")
    monkeypatch.delenv("KAFKA_USER", raising=False)
    with pytest.raises(ConfigError, match="username_env names KAFKA_USER, which is not set"):
        kafka_bus(config.bus)
    monkeypatch.setenv("KAFKA_USER", "relayer")
    monkeypatch.delenv("P")
    with pytest.raises(ConfigError, match="of Kafka user relayer"):
        kafka_bus(config.bus)

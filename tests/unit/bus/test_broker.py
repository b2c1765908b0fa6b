"""The broker launcher's answers when the machine lacks something."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.kafka import broker, jars
from oracle.model.errors import ConfigError


def test_a_missing_java_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A person without Java reads what to install and what to do without it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"needs Java 17.*or set bus.kind: memory"):
        broker.Broker(tmp_path / "broker").__enter__()


def test_a_missing_maven_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The jars come by Maven, and only when they are not there yet."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(jars, "LIBS", tmp_path / "libs")
    with pytest.raises(ConfigError, match=r"need Maven.*or set bus.kind: memory"):
        jars.fetch_jars()
    (tmp_path / "libs").mkdir()
    jars.fetch_jars()

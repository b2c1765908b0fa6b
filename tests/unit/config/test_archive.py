"""What a configuration may say of its archive."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from oracle.config.deployment import ArchiveConfig

DAY_NS = 24 * 3600 * 10**9


def test_it_serves_nothing_unless_told() -> None:
    """A folder is enough, and stays here."""
    made = ArchiveConfig.model_validate("kept")
    assert (made.url, made.serve_for) == ("kept", 0)


def test_what_is_served_is_served_for_a_week_or_longer() -> None:
    """Whoever relies on it has that long to ask."""
    month = ArchiveConfig.model_validate({"url": "kept", "serve_for": "30d"})
    assert month.serve_for == 30 * DAY_NS
    with pytest.raises(ValidationError, match="shorter than 7d"):
        ArchiveConfig.model_validate({"url": "kept", "serve_for": "6d"})


def test_a_proof_is_no_longer_than_an_hour() -> None:
    """States further apart would have everybody step through all between."""
    with pytest.raises(ValidationError, match="longer than 1h"):
        ArchiveConfig.model_validate({"url": "kept", "snapshot_every": "61m"})


@pytest.mark.parametrize("url", ["http://member.example", "https://member.example/x"])
def test_anothers_archive_is_not_written_to(url: str) -> None:
    """It is read by its URL, and that is all."""
    with pytest.raises(ValidationError, match="can only be read"):
        ArchiveConfig(url=url)

"""The roles that a process may have."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a process does."""

    FEEDS = "feeds"
    ORACLE = "oracle"
    """Both of the next in one process."""
    ENGINE = "engine"
    COMMITTEE = "committee"
    RELAYER = "relayer"
    KEEPER = "keeper"
    API = "api"
    ARCHIVE = "archive"

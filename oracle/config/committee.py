"""Who signs: the committee's epoch, this process's keys, and where the other members are."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from oracle.config.base import Section
from oracle.config.keys import Address, HttpUrl, KeyConfig
from oracle.config.units import PositiveNs, RatioBps

ConfigHash = Annotated[str, Field(pattern=r"^(0x)?[0-9a-f]{64}$")]
"""As `plumb config check` prints it."""
LONGEST_OFFSET_NS = 10**9
"""Requests are taken within 2 s of the sender's clock: offsets must stay well inside."""


def in_order(members: list[str]) -> list[str]:
    """Return addresses of members in one spelling, as the configuration's hash has it.

    Raises:
        ValueError: they do not rise, as the contracts ask.
    """
    if any(int(a, 16) >= int(b, 16) for a, b in pairwise(members)):
        raise ValueError("members must be distinct and in rising order of their addresses")
    return [member.lower() for member in members]


def check_quorum(threshold: int, members: int) -> None:
    """Check what the contracts ask of a threshold.

    Raises:
        ValueError: two quorums may share none but members at fault, or it is more than all.
    """
    faults = (members - 1) // 3
    least = (members + faults) // 2 + 1
    if not least <= threshold <= members:
        raise ValueError(
            f"threshold {threshold} of {members} members: it must be {least} to {members}, so that "
            f"two quorums share an honest one while up to {faults} may fail"
        )


class NextConfig(Section):
    """A configuration to come: observations made with it count from `activates_at`."""

    hash: ConfigHash
    activates_at: AwareDatetime
    """UTC, as `2026-12-01T12:00:00Z`."""


class PreviousConfig(Section):
    """The configuration before: observations made with it count until `until`."""

    hash: ConfigHash
    until: AwareDatetime


class CommitteeConfig(Section):
    """Who signs, and how many must."""

    epoch: int = Field(ge=1)
    threshold: int = Field(ge=1)
    members: list[Address] = Field(min_length=1, max_length=32)
    """Addresses of all members, rising, as the contracts hold them."""
    keys: list[KeyConfig] = Field(default_factory=list)
    """The keys this process holds."""
    shared_view: bool = False
    """Required when one process holds several keys: it is one engine, signed several times."""
    slot: PositiveNs = 250 * 10**6
    peers: dict[Address, HttpUrl] = Field(default_factory=dict)
    """Where the other members listen: with it this process is one member of several."""
    listen: str = "127.0.0.1:8646"
    """`host:port` where this member answers the others."""
    view_timeout: PositiveNs | None = None
    """How long a leader has before the next one tries; by default half a slot."""
    sanity: RatioBps = 100.0
    """A report with a price further from this member's own mark is not signed."""
    max_clock_offset: Annotated[PositiveNs, Field(le=LONGEST_OFFSET_NS)] = 250 * 10**6
    """Times further than this from our clock are refused."""
    next: NextConfig | None = None
    previous: PreviousConfig | None = None

    @property
    def view_ns(self) -> int:
        """How long a view lasts."""
        half = self.slot // 2
        return self.view_timeout or (half if half % 1_000_000 == 0 else self.slot)

    @property
    def faults(self) -> int:
        """How many members may lie."""
        return (len(self.members) - 1) // 3

    @field_validator("slot")
    @classmethod
    def _check_slot(cls, value: int) -> int:
        if value % 1_000_000:
            raise ValueError(f"slot of {value} ns: a report's times have whole milliseconds")
        return value

    @field_validator("members")
    @classmethod
    def _check_members(cls, value: list[str]) -> list[str]:
        return in_order(value)

    @field_validator("peers")
    @classmethod
    def _check_urls(cls, value: dict[str, str]) -> dict[str, str]:
        for url in value.values():
            if url.count("/") > 2 and not url.endswith("/"):
                raise ValueError(f"peer {url} has a path: give http(s)://host:port alone")
        return {member.lower(): url.rstrip("/") for member, url in value.items()}

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, value: str) -> str:
        host, colon, port = value.rpartition(":")
        if not colon or not host or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"listen {value!r}: write host:port, as 127.0.0.1:8646 or [::1]:8646")
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_quorum(self.threshold, len(self.members))
        if len(self.keys) > 1 and not self.shared_view:
            raise ValueError(
                f"{len(self.keys)} keys in one process sign one shared view: say shared_view: true "
                "(and know that it is one engine), or give each member its own process"
            )
        return self

    @model_validator(mode="after")
    def _check_views(self) -> Self:
        if self.slot % self.view_ns or self.view_ns % 1_000_000:
            raise ValueError(
                f"view_timeout {self.view_ns / 10**6:g}ms must be whole ms and fit into the slot "
                f"of {self.slot / 10**6:g}ms a whole number of times: the slot itself, a half, ..."
            )
        return self

    @model_validator(mode="after")
    def _check_peers(self) -> Self:
        if not self.peers:
            if self.next is not None or self.previous is not None:
                raise ValueError("next and previous are agreed with other members: name 'peers'")
            return self
        if len(self.keys) != 1 or self.shared_view:
            raise ValueError(
                f"a member among peers has one key and a view of its own: {len(self.keys)} keys, "
                f"shared_view {str(self.shared_view).lower()} are given"
            )
        strangers = sorted(self.peers.keys() - set(self.members))
        if strangers:
            raise ValueError(f"peer {strangers[0]} is none of the members")
        missing = sorted(set(self.members) - self.peers.keys())
        if len(missing) > 1:  # our own may be left out
            raise ValueError(
                f"peers lacks {len(missing)} members, as {missing[0]}: give every other member's "
                "url (your own may be there too)"
            )
        n, faults = len(self.members), self.faults
        least, most = (n + faults) // 2 + 1, n - faults
        if not least <= self.threshold <= most:
            raise ValueError(
                f"threshold {self.threshold} of {n} members of their own, {faults} of whom may "
                f"fail: {least} to {most}, so that two quorums share an honest member and the "
                "honest ones are enough"
            )
        return self

"""What all members of one committee agree on: rounds, leaders, bounds. Pure."""

from __future__ import annotations

from typing import NamedTuple

from oracle.committee.wire.observation import Observation
from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.errors import ConfigError, Rejected
from oracle.report.committee import Committee


class AcceptedConfig(NamedTuple):
    """A configuration whose observations count, by the time of their step (unix ms)."""

    digest: bytes
    from_ms: int = 0
    until_ms: int = 2**63


class Rules(NamedTuple):
    """One epoch's protocol. Ask `check` once before use."""

    committee: Committee
    configs: tuple[AcceptedConfig, ...]
    """The member's own first; the next one from `activates_at` on, the one before until its end."""
    slot_ms: int
    view_ms: int
    max_offset_ms: int = 250
    """How far a member's clock may be from another's."""
    sanity_bps: float = 100.0
    """How far prices and premiums may be from a member's own, for its signature."""
    max_age_ms: int = 10_000
    """Older proposals are signed only by who signed them before."""
    view_age_ms: int = 2_000
    """How far in time a member's own marks may be from a proposal that it judges by them."""

    @property
    def size(self) -> int:
        """Number of members."""
        return len(self.committee.members)

    @property
    def faults(self) -> int:
        """How many members may lie or be gone."""
        return (self.size - 1) // 3

    @property
    def quorum(self) -> int:
        """How many observations a report needs, and how many signatures."""
        return self.committee.threshold

    def check(self) -> None:
        """Check that quorums meet in an honest member, and that honest members make one.

        Raises:
            ConfigError: with what is allowed.
        """
        least, most = (self.size + self.faults) // 2 + 1, self.size - self.faults
        if not least <= self.quorum <= most:
            raise ConfigError(
                f"committee.threshold {self.quorum} of {self.size} members, of whom {self.faults} "
                f"may fail: members of their own need {least} to {most}, so that any two quorums "
                "share an honest member and the honest ones are enough"
            )
        if not self.configs or self.view_ms < 1 or self.slot_ms % self.view_ms:
            raise ConfigError(
                "committee: view_timeout is at least 1 ms and fits into the slot a whole number of "
                "times"
            )

    def leader(self, slot: int, view: int) -> int:
        """Return the number of the member that proposes in this round."""
        return (slot // self.slot_ms + view) % self.size

    def slot_of(self, time_ms: int) -> int:
        """Return the slot that begins at or before `time_ms`."""
        return time_ms - time_ms % self.slot_ms

    @property
    def views(self) -> int:
        """How many leaders a slot has, one after the other."""
        return self.slot_ms // self.view_ms

    def window(self, slot: int, view: int) -> tuple[int, int]:
        """Return the first ms of a round's observations, and the first one after them.

        A later view is of a later time, and all lie inside their slot: after its end the next
        slot's leader proposes, and who signed that one signs nothing of this one any more.
        """
        first = slot + view * self.view_ms
        return first, first + self.view_ms

    def check_round(self, slot: int, view: int) -> None:
        """Check that there is such a round.

        Raises:
            Refused: no slot begins then, or it has no such view.
        """
        if slot % self.slot_ms:
            raise Refused(Reason.NOT_A_SLOT, f"{slot} ms is no multiple of {self.slot_ms}")
        if view >= self.views:
            raise Refused(Reason.OTHER_ROUND, f"view {view} of a slot that has {self.views}")

    def admit(self, observation: Observation, slot: int, view: int) -> None:
        """Check that an observation counts in this round.

        Raises:
            Refused: with the rule that it breaks.
        """
        self.check_timely(observation, slot, view)
        self.check_author(observation)

    def check_timely(self, observation: Observation, slot: int, view: int) -> None:
        """Check that an observation is of this round and of a configuration that counts then.

        Raises:
            Refused: with the rule that it breaks.
        """
        self.check_round(slot, view)
        if (observation.slot, observation.view) != (slot, view):
            raise Refused(
                Reason.OTHER_ROUND,
                f"observation of slot {observation.slot} view {observation.view}, not of {slot} "
                f"view {view}",
            )
        first, after = self.window(slot, view)
        if not first <= observation.time_ms < after:
            raise Refused(
                Reason.TIME_OUTSIDE_VIEW,
                f"member {observation.member} observed at {observation.time_ms} ms; view {view} of "
                f"slot {slot} has {first} to {after - 1}",
            )
        if not any(
            known.digest == observation.config_hash
            and known.from_ms <= observation.time_ms < known.until_ms
            for known in self.configs
        ):
            raise Refused(
                Reason.CONFIG_NOT_ACCEPTED,
                f"member {observation.member} has configuration {observation.config_hash.hex()}, "
                f"not one of {', '.join(known.digest.hex() for known in self.configs)} that is "
                f"accepted at {observation.time_ms} ms",
            )

    def check_author(self, observation: Observation) -> None:
        """Check that a member of this committee signed an observation.

        Raises:
            Refused: with the rule that it breaks.
        """
        if observation.salt != self.committee.salt:
            raise Refused(Reason.OTHER_DEPLOYMENT, f"salt 0x{observation.salt.hex()}")
        if observation.epoch != self.committee.epoch:
            raise Refused(
                Reason.OTHER_EPOCH, f"epoch {observation.epoch}, here {self.committee.epoch}"
            )
        if observation.member >= self.size:
            raise Refused(Reason.UNKNOWN_MEMBER, f"member {observation.member} of {self.size}")
        try:
            observation.verify(self.committee.members[observation.member])
        except Rejected as error:
            raise Refused(Reason.BAD_SIGNATURE, str(error)) from error

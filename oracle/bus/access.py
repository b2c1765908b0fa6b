"""Who may do what on the bus: one table, a role a row. Pure.

Whoever reads also writes `dead-letters`; everybody may look at every topic's settings, since a
role refuses to run on wrong ones. Whatever is not here is refused by the cluster.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from oracle.model.topics import Topic


class Access(NamedTuple):
    """What a role does."""

    reads: frozenset[Topic]
    writes: frozenset[Topic]
    groups: tuple[str, ...] = ()
    """Beginnings of the names of groups that it takes part in."""
    transactions: tuple[str, ...] = ()
    """Beginnings of its transactional ids."""


class Right(NamedTuple):
    """One thing that the cluster lets a user do."""

    user: str
    operation: str
    """`read`, `write`, `describe` or `describe_configs`."""
    kind: str
    """`topic`, `group` or `transactional_id`."""
    name: str
    beginning: bool
    """Whether `name` is only how the names begin."""

    def __str__(self) -> str:
        """Say it as people do."""
        what = f"{self.kind.replace('_', ' ')} {self.name}{'*' if self.beginning else ''}"
        return f"user {self.user} may {self.operation.replace('_', ' ')} {what}"


def _access(reads: set[Topic], writes: set[Topic], *more: tuple[str, ...]) -> Access:
    letters = {Topic.DEAD_LETTERS} if reads else set()
    return Access(frozenset(reads), frozenset(writes | letters), *more)


_PROOFS: Final = {Topic.SNAPSHOTS, Topic.SPECS, Topic.ROUNDS}
"""What only engines, members and those who keep it for others read."""
_KEEPERS: Final = {Topic.MARGIN_CALLS, Topic.EXPOSURES}
"""What keepers say, to whoever subscribes to it."""

ACCESS: Final = {
    "feeds": _access(set(), {Topic.TICKS}),
    # Engine and signing of one process.
    "oracle": _access(
        {Topic.TICKS, Topic.STEPS, Topic.MARKS, Topic.SNAPSHOTS, Topic.CONTROLS},
        {
            Topic.STEPS,
            Topic.MARKS,
            Topic.SNAPSHOTS,
            Topic.SPECS,
            Topic.REPORTS,
            Topic.ROUNDS,
        },
        ("engine", "signers"),
        ("engine.",),
    ),
    "committee": _access({Topic.STEPS, Topic.MARKS}, {Topic.REPORTS, Topic.ROUNDS}, ("signers",)),
    "relayer": _access(
        {Topic.REPORTS, Topic.DUTIES}, {Topic.DUTIES, Topic.RECEIPTS}, ("relayers.",)
    ),
    "keeper": _access({Topic.REPORTS, Topic.TICKS}, {Topic.MARGIN_CALLS, Topic.EXPOSURES}),
    "api": _access(set(Topic) - _PROOFS - _KEEPERS - {Topic.TICKS, Topic.DEAD_LETTERS}, set()),
    "archive": _access(set(Topic) - _KEEPERS - {Topic.DUTIES, Topic.DEAD_LETTERS}, set()),
    "operator": _access(set(Topic), {Topic.CONTROLS, Topic.AUDIT}),
}


def rights(role: str, user: str, prefix: str) -> set[Right]:
    """Return what a user needs to have a role in the deployment whose names begin with `prefix`."""
    access = ACCESS[role]
    return {
        Right(user, "describe", "topic", prefix, True),
        Right(user, "describe_configs", "topic", prefix, True),
        *(Right(user, "read", "topic", prefix + topic, False) for topic in access.reads),
        *(Right(user, "write", "topic", prefix + topic, False) for topic in access.writes),
        *(Right(user, "read", "group", prefix + name, True) for name in access.groups),
        *(
            Right(user, operation, "transactional_id", prefix + name, True)
            for name in access.transactions
            for operation in ("describe", "write")
        ),
    }

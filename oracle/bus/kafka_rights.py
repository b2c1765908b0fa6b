"""Gives roles their rights on a Kafka cluster, and says who has more than those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from oracle.bus.access import Right, rights
from oracle.bus.kafka_admin import KafkaAdmin

EVERYBODY: Final = "*"


class RightsState(NamedTuple):
    """Rights as they should be and as they are."""

    missing: Sequence[Right]
    beyond: Sequence[Right]
    """What the roles' users, or everybody, may do with our names beyond the table."""

    def differences(self, bootstrap: str) -> list[str]:
        """Return a sentence for each, with what mends it."""
        said = [f"missing: {right}: run plumb deploy topics --acls" for right in self.missing]
        for right in self.beyond:
            pattern = "prefixed" if right.beginning else "literal"
            option = right.kind.replace("_", "-")
            said.append(
                f"beyond its role: {right}: kafka-acls.sh --bootstrap-server {bootstrap} --remove "
                f"--allow-principal 'User:{right.user}' --operation {right.operation} "
                f"--{option} '{right.name}' --resource-pattern-type {pattern}"
            )
        return said


class KafkaRights:
    """The rights of one deployment, whose names begin with `prefix`."""

    def __init__(self, admin: KafkaAdmin, prefix: str) -> None:
        self._admin: Final = admin
        self._prefix: Final = prefix

    async def look(self, users: Mapping[str, Sequence[str]]) -> RightsState:
        """Return the state of the rights of each role's users; changes nothing.

        Raises:
            ConfigError: the cluster refuses us, or has no authorizer.
            Retryable: no broker answers.
        """
        wanted = {
            right
            for role, names in users.items()
            for name in names
            for right in rights(role, name, self._prefix)
        }
        there = await self._admin.rights()
        known = {right.user for right in wanted} | {EVERYBODY}
        beyond = {right for right in there - wanted if right.user in known and self._touches(right)}
        return RightsState(sorted(wanted - there), sorted(beyond))

    async def grant(self, users: Mapping[str, Sequence[str]]) -> RightsState:
        """Give what is missing, take nothing away; return the state before."""
        before = await self.look(users)
        await self._admin.grant(before.missing)
        return before

    def _touches(self, right: Right) -> bool:
        """Whether a right is on any of our names."""
        if right.kind == "cluster":
            return True
        if right.beginning:
            return self._prefix.startswith(right.name) or right.name.startswith(self._prefix)
        return right.name == "*" or right.name.startswith(self._prefix)

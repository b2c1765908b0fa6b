"""What is asked of a Kafka cluster's administration, by the official client, off the event loop.

Every call has a bound, and fails in our own words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from oracle.bus.access import Right
from oracle.bus.kafka_calls import confluent, unwelcome
from oracle.bus.kafka_security import PLAIN, Security, explain
from oracle.model.errors import ConfigError, Retryable

_T = TypeVar("_T")
_QUIET: Final = {"log_level": 0}  # what matters reaches us as errors
_ANSWER_S: Final = 5.0
"""Of a question that is asked all the time: who ends waits for the thread that asks it."""


class Wanted(NamedTuple):
    """A topic to make."""

    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str]


class Found(NamedTuple):
    """A topic that is there."""

    partitions: int
    replication: int
    settings: Mapping[str, str]


class KafkaAdmin:
    """The administration of the cluster that `connection` names, in the library's settings."""

    def __init__(
        self, connection: Mapping[str, Any], timeout_s: float, security: Security = PLAIN
    ) -> None:
        self._security: Final = security
        self._connection: Final = dict(connection)
        self._bootstrap: Final = connection["bootstrap.servers"]
        self._timeout_s: Final = timeout_s
        self._library: Any = None
        self._client: Any = None

    async def topics(self, names: Sequence[str]) -> dict[str, Found]:
        """Return those of the topics that are there, as far as this user may see them.

        Raises:
            Retryable: no answer.
            ConfigError: refused.
        """
        return await self._asked("look at topics", lambda: self._topics(names))

    async def leaderless(self, names: Sequence[str]) -> list[str]:
        """Return those of the topics of which a partition has no leader, or that are gone.

        Raises:
            Retryable: no answer.
            ConfigError: refused.
        """
        return await self._asked("look for leaders", lambda: self._leaderless(names))

    async def create(self, topics: Sequence[Wanted]) -> None:
        """Make topics; one that another has made meanwhile is left as it is.

        Raises:
            Retryable: no answer.
            ConfigError: refused, or there are too few brokers.
        """
        if topics:
            await self._asked("create topics", lambda: self._create(topics))

    async def rights(self) -> set[Right]:
        """Return all that the cluster allows anybody.

        Raises:
            Retryable: no answer.
            ConfigError: refused, or the cluster has no authorizer.
        """
        return await self._asked("look at rights", self._rights)

    async def grant(self, rights: Sequence[Right]) -> None:
        """Allow; what is allowed already stays so.

        Raises:
            Retryable: no answer.
            ConfigError: refused, or the cluster has no authorizer.
        """
        if rights:
            await self._asked("give rights", lambda: self._grant(rights))

    def _rights(self) -> set[Right]:
        admin = self._library.admin
        every = admin.AclBindingFilter(
            admin.ResourceType.ANY,
            None,
            admin.ResourcePatternType.ANY,
            None,
            None,
            admin.AclOperation.ANY,
            admin.AclPermissionType.ALLOW,
        )
        found = self._client.describe_acls(every, request_timeout=self._timeout_s).result()
        prefixed = admin.ResourcePatternType.PREFIXED
        return {
            Right(
                one.principal.removeprefix("User:"),
                one.operation.name.lower(),
                "cluster" if one.restype.name == "BROKER" else one.restype.name.lower(),
                one.name,
                one.resource_pattern_type == prefixed,
            )
            for one in found
        }

    def _grant(self, rights: Sequence[Right]) -> None:
        admin = self._library.admin
        kinds = admin.ResourcePatternType
        bindings = [
            admin.AclBinding(
                admin.ResourceType[right.kind.upper()],
                right.name,
                kinds.PREFIXED if right.beginning else kinds.LITERAL,
                f"User:{right.user}",
                "*",
                admin.AclOperation[right.operation.upper()],
                admin.AclPermissionType.ALLOW,
            )
            for right in rights
        ]
        made = self._client.create_acls(bindings, request_timeout=self._timeout_s)
        for answer in made.values():
            answer.result()

    def _topics(self, names: Sequence[str]) -> dict[str, Found]:
        there = self._client.list_topics(timeout=self._timeout_s).topics
        ours = {name: there[name] for name in names if name in there}
        if not ours:
            return {}
        kind = self._library.admin.ResourceType.TOPIC
        described = self._client.describe_configs(
            [self._library.admin.ConfigResource(kind, name) for name in ours],
            request_timeout=self._timeout_s,
        )
        settings = {}
        for resource, answer in described.items():
            try:
                found = answer.result()
            except self._library.KafkaException as error:
                if error.args[0].name() != "UNKNOWN_TOPIC_OR_PART":
                    raise
                ours.pop(resource.name)  # the broker that was asked has not heard of it yet
            else:
                settings[resource.name] = {name: entry.value for name, entry in found.items()}
        return {
            name: Found(
                len(topic.partitions),
                min((len(at.replicas) for at in topic.partitions.values()), default=0),
                settings[name],
            )
            for name, topic in ours.items()
        }

    def _leaderless(self, names: Sequence[str]) -> list[str]:
        there = self._client.list_topics(timeout=min(self._timeout_s, _ANSWER_S)).topics
        led = {
            name for name, topic in there.items()
            if all(at.leader >= 0 for at in topic.partitions.values())
        }  # fmt: skip
        return [name for name in names if name not in led]

    def _create(self, topics: Sequence[Wanted]) -> None:
        made = self._client.create_topics(
            [
                self._library.admin.NewTopic(
                    topic.name, topic.partitions, topic.replication, config=dict(topic.settings)
                )
                for topic in topics
            ],
            request_timeout=self._timeout_s,
        )
        for name, answer in made.items():
            try:
                answer.result()
            except self._library.KafkaException as error:
                reason = error.args[0]
                if reason.name() == "TOPIC_ALREADY_EXISTS":
                    continue
                if reason.retriable() or unwelcome(reason):
                    raise
                raise ConfigError(
                    f"Kafka at {self._bootstrap} did not create topic {name}: {reason.str()}"
                ) from error

    async def _asked(self, doing: str, call: Callable[[], _T]) -> _T:
        """Run a blocking call in a thread and translate what it raises."""
        self._connect()
        try:
            return await asyncio.to_thread(call)
        except self._library.KafkaException as error:
            reason = error.args[0]
            if reason.name() in {"_TRANSPORT", "_ALL_BROKERS_DOWN", "_AUTHENTICATION", "_SSL"}:
                await explain(self._bootstrap, self._security)
            if unwelcome(reason):
                raise ConfigError(
                    f"{doing}: Kafka at {self._bootstrap} refuses user "
                    f"{self._security.username!r}: {reason.str()}: this needs the credentials of "
                    "who runs the cluster"
                ) from error
            if reason.name() == "SECURITY_DISABLED":
                raise ConfigError(
                    f"{doing}: Kafka at {self._bootstrap} lets everybody do everything: set its "
                    "authorizer.class.name first, or leave --acls out"
                ) from error
            if reason.name() in {"_TRANSPORT", "_ALL_BROKERS_DOWN"}:
                raise Retryable(
                    f"no Kafka broker at {self._bootstrap}: start one or set bus.kind: memory"
                ) from error
            raise Retryable(
                f"{doing}: Kafka at {self._bootstrap} answered: {reason.str()}"
            ) from error

    def _connect(self) -> None:
        if self._client is None:
            self._library = confluent()
            import confluent_kafka.admin  # noqa: PLC0415 - an optional dependency

            self._client = confluent_kafka.admin.AdminClient(self._connection | _QUIET)

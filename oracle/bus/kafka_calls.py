"""Bounds every call to Kafka and says in our own words how it failed. Holds no state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from oracle.bus.grants import Grants
from oracle.bus.kafka_security import Security, explain
from oracle.model.errors import ConfigError, Rejected, Retryable, SchemaError
from oracle.model.topics import Topic

Undecodable = Callable[[Topic, Any, SchemaError], Awaitable[None]]
"""Takes a record that does not decode, and why."""

_UNWELCOME: Final = frozenset(
    {
        "_AUTHENTICATION",
        "SASL_AUTHENTICATION_FAILED",
        "TOPIC_AUTHORIZATION_FAILED",
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        "CLUSTER_AUTHORIZATION_FAILED",
        "GROUP_AUTHORIZATION_FAILED",
    }
)
_GRACE: Final = 1.25  # the library's own time-out names its cause, so it comes first


@asynccontextmanager
async def bounded(
    doing: str, bootstrap: str, timeout_ms: int, security: Security, grants: Grants
) -> AsyncIterator[None]:
    """Run the block within the time bound and translate what Kafka raises.

    Raises:
        Retryable: no broker, no answer in time, an error of Kafka's, or a topic that is no longer
            there or may no longer be used.
        ConfigError: a topic never was there for us, or was never ours to use; no broker lets us in.
        Rejected: a message is larger than a topic takes.
    """
    from aiokafka import errors  # noqa: PLC0415 - an optional dependency

    try:
        async with asyncio.timeout(timeout_ms / 1000 * _GRACE):
            yield
        grants.worked(doing)
    except TimeoutError as error:
        raise Retryable(
            f"{doing}: the Kafka broker at {bootstrap} did not answer within {timeout_ms} ms"
        ) from error
    except errors.KafkaConnectionError as error:
        await explain(bootstrap, security)
        raise Retryable(
            f"no Kafka broker at {bootstrap}: start one or set bus.kind: memory"
        ) from error
    except (errors.TopicAuthorizationFailedError, errors.GroupAuthorizationFailedError) as error:
        raise grants.refused(doing, _refused(doing, error, security.username)) from error
    except errors.ClusterAuthorizationFailedError as error:
        raise grants.refused(
            doing,
            f"{doing}: Kafka user {security.username!r} may write no topic at all: give it the "
            "rights of its role (plumb deploy topics --config FILE --acls)",
        ) from error
    except errors.UnknownTopicOrPartitionError as error:
        raise grants.refused(
            doing,
            f"{doing}: no such topic on the Kafka broker at {bootstrap}: create the topics first "
            "(plumb deploy topics --config FILE), or check the prefix",
        ) from error
    except (errors.MessageSizeTooLargeError, errors.RecordTooLargeError) as error:
        raise Rejected(f"{doing}: a message is too large for Kafka, split it: {error}") from error
    except errors.KafkaError as error:
        raise Retryable(f"{doing}: Kafka at {bootstrap} answered {error!r}") from error


def _refused(doing: str, error: Exception, user: str) -> str:
    """Say who may not do what; the libraries name the topic or the group in all shapes."""
    given = error.args[0] if error.args else ""
    names = [given] if isinstance(given, str) else sorted(map(str, given))
    kind = "topic" if "Topic" in type(error).__name__ else "group"
    right = "write" if doing.startswith("publish") else "read"
    return (
        f"{doing}: Kafka user {user!r} may not {right} {kind} {', '.join(names)}: give it the "
        "rights of its role (plumb deploy topics --config FILE --acls)"
    )


def aiokafka() -> Any:
    """Return the optional library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import aiokafka as library  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise ConfigError(
            "bus.kind: kafka needs aiokafka: pip install 'plumbline-oracle[kafka]', "
            "or set bus.kind: memory"
        ) from error
    return library


def confluent() -> Any:
    """Return the optional official library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import confluent_kafka as library  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise ConfigError(
            "bus.kind: kafka needs confluent-kafka: pip install 'plumbline-oracle[kafka]', "
            "or set bus.kind: memory"
        ) from error
    return library


def unwelcome(reason: Any) -> bool:
    """Whether the official library's error is a matter of credentials or rights."""
    return reason.name() in _UNWELCOME

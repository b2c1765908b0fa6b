"""Open the bus that a configuration names, and find the control socket of one in memory."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from oracle.bus.interface import Bus
from oracle.bus.kafka_security import Security
from oracle.bus.kafka_topics import Layout
from oracle.bus.ledger import LedgerBus
from oracle.config.deployment import KafkaBusConfig, KafkaSecurityConfig
from oracle.config.root import Config
from oracle.model.errors import ConfigError
from oracle.model.topics import SHARDED

if TYPE_CHECKING:
    from oracle.bus.kafka import KafkaBus


@asynccontextmanager
async def opened_bus(config: Config, state: Path) -> AsyncIterator[Bus]:
    """Open the bus that the configuration names, once its topics are found to be right.

    A bus in memory keeps orders and audit in the folder `state`.

    Raises:
        ConfigError: what `state` holds is damaged; topics are missing or not as they must be.
        Retryable: no Kafka broker answers.
    """
    if config.bus.kind == "memory":
        partitions = dict.fromkeys(SHARDED, config.engine.shards)
        replayed = any(feed.kind == "replay" for feed in config.feeds)
        async with LedgerBus(state, partitions=partitions, engines=not replayed) as ledger:
            yield ledger
        return
    async with kafka_bus(config.bus) as bus:
        await bus.topics.check(layout(config.bus, config.engine.shards))
        yield bus


def layout(config: KafkaBusConfig, shards: int) -> Layout:
    """Return what the deployment wants of its topics."""
    return Layout(dict.fromkeys(SHARDED, shards), config.replication)


def kafka_bus(config: KafkaBusConfig) -> KafkaBus:
    """Return the bus on a Kafka cluster, not yet entered.

    Raises:
        ConfigError: the password or the file of authorities cannot be read.
    """
    from oracle.bus.kafka import KafkaBus

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # errors reach us as our own
    return KafkaBus(
        config.bootstrap,
        prefix=config.prefix,
        request_timeout_ms=config.request_timeout // 1_000_000,
        session_timeout_ms=config.session // 1_000_000,
        security=_security(config.security),
    )


def _security(config: KafkaSecurityConfig) -> Security:
    """Return what the configuration says, with the password.

    Raises:
        ConfigError: the user is not named, or the password cannot be read.
    """
    if config.protocol != "sasl_tls":
        return Security(config.protocol, config.ca_file)
    from oracle.keys.keystore import password_from

    username = config.username or os.environ.get(config.username_env or "", "")
    if not username:
        raise ConfigError(
            f"bus.security.username_env names {config.username_env}, which is not set: set it to "
            "this process's Kafka user"
        )
    password = password_from(config.password_file, config.password_env, f"Kafka user {username}")
    return Security(config.protocol, config.ca_file, username, password)


def socket_path(state: Path) -> Path:
    """Return where a process with its bus in memory takes controls."""
    return state / "control.sock"

"""Give each role its user on the cluster, then topics and rights by `plumb deploy topics`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not in its list
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from deploy.kafka.secured import ADMIN
from oracle.bus.access import ACCESS
from oracle.bus.kafka_security import Security, connection
from oracle.config.load import load
from oracle.model.errors import ConfigError, Retryable

ITERATIONS: Final = 8192
DEADLINE_S: Final = 180.0
_TRY_S: Final = 10.0
_PAUSE_S: Final = 1.0


def make_users(config_file: Path, made: Path) -> None:
    """Make or set the users of all roles, then become `plumb deploy topics --acls`.

    Raises:
        ConfigError: the configuration has no secured Kafka bus.
        Retryable: the cluster does not do it in time.
    """
    bus = load(config_file).bus
    if bus.kind != "kafka" or bus.security.protocol != "sasl_tls":
        raise ConfigError(f"{config_file} has no bus of kind kafka with security.protocol sasl_tls")
    password = (made / ADMIN / "password").read_text()
    known = connection(Security("sasl_tls", made / ADMIN / "ca.pem", ADMIN, password)).official
    _upsert(known | {"bootstrap.servers": bus.bootstrap, "log_level": 0}, made)
    command = ["plumb", "deploy", "topics", "--acls", "--config", str(config_file)]
    os.execvp(command[0], command)  # noqa: S606 - our own command, without a shell


def _upsert(settings: dict[str, Any], made: Path) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    wanted: list[Any] = [
        UserScramCredentialUpsertion(role, info, (made / role / "password").read_bytes())
        for role in ACCESS
    ]
    deadline = time.monotonic() + DEADLINE_S
    admin = AdminClient(settings)
    while True:
        try:
            done = admin.alter_user_scram_credentials(wanted, request_timeout=_TRY_S)
            for one in done.values():
                one.result(_TRY_S)
        except (KafkaException, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise Retryable(f"no users after {DEADLINE_S:.0f} s: {error}") from error
            time.sleep(_PAUSE_S)
        else:
            return

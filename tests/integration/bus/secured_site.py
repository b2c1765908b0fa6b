"""A secure broker with a user for each role, and its rights given by the command."""

from __future__ import annotations

import copy
import os
import time
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from typer.testing import CliRunner, Result

from deploy.kafka.broker import Broker
from deploy.kafka.secured import ADMIN, Secured
from oracle.bus.access import ACCESS
from oracle.bus.grants import Grants
from oracle.bus.kafka import KafkaBus
from oracle.bus.kafka_security import Security, connection
from oracle.cli.app import app
from tests import cbeth

PREFIX = "secure."
PASSWORD = "the password of every role here"
ENV = "PLUMBLINE_TEST_KAFKA_PASSWORD"
DEADLINE_S = 60.0


class Site:
    """The broker, and the topics that begin with `prefix`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = PREFIX
        self.secured = Secured(folder)
        self.broker = Broker(secure=self.secured)

    def of(self, prefix: str) -> Site:
        """Return the same broker with other topics."""
        made = copy.copy(self)
        made.prefix = prefix
        return made

    def make_users(self) -> None:
        """Make a user for each role, and one without any."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        users = [
            UserScramCredentialUpsertion(role, info, PASSWORD.encode()) for role in (*ACCESS, "eve")
        ]
        admin = self.admin()  # its answers come only as long as it is held
        for done in admin.alter_user_scram_credentials(users).values():
            done.result(10)

    def security(self, user: str, password: str = PASSWORD) -> Security:
        """Return what a user gives."""
        return Security("sasl_tls", self.secured.ca_file, user, password)

    def bus(self, user: str, grants: Grants | None = None) -> KafkaBus:
        """Return a user's bus."""
        return KafkaBus(
            self.broker.bootstrap,
            prefix=self.prefix,
            request_timeout_ms=5000,
            session_timeout_ms=3000,
            security=self.security(user),
            grants=grants,
        )

    def admin(self) -> AdminClient:
        """Return the official client of who runs the cluster."""
        known = connection(self.security(ADMIN, self.secured.password)).official
        return AdminClient(known | {"bootstrap.servers": self.broker.bootstrap})

    def give_rights(self) -> None:
        """Make the topics and give the roles their rights, until the broker knows of them."""
        assert self.run("--acls").exit_code == 0
        deadline = time.monotonic() + DEADLINE_S
        while (done := self.run("--acls", "--check")).exit_code != 0:
            assert time.monotonic() < deadline, done.stdout

    def revoke(self, *users: str) -> None:
        """Take away all that these users may do with names that begin with the prefix."""
        every = (ResourceType.ANY, None, ResourcePatternType.ANY)
        anyhow = (AclOperation.ANY, AclPermissionType.ANY)
        admin = self.admin()
        for user in users:
            theirs = AclBindingFilter(*every, f"User:{user}", None, *anyhow)
            ours = [
                _exactly(one)
                for one in admin.describe_acls(theirs, request_timeout=10).result()
                if one.name.startswith(self.prefix)
            ]
            for done in admin.delete_acls(ours, request_timeout=10).values():
                done.result(10)

    def run(self, *options: str, **security: Any) -> Result:
        """Run the command as the administrator."""
        os.environ[ENV] = self.secured.password
        file = self.folder / "config.yaml"
        known = {
            "protocol": "sasl_tls",
            "ca_file": "ca.pem",
            "username": ADMIN,
            "password_env": ENV,
        } | security
        bus = {
            "kind": "kafka",
            "bootstrap": self.broker.bootstrap,
            "prefix": self.prefix,
            "security": known,
        }
        file.write_text(yaml.safe_dump(cbeth.OLD | {"bus": bus}))
        return CliRunner().invoke(
            app, ["deploy", "topics", "--config", str(file), *options], catch_exceptions=False
        )


def _exactly(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )

"""A real broker with TLS, passwords and an authorizer: each role does what it may, and no more."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from deploy.kafka.broker import Broker
from deploy.kafka.secured import ADMIN, Authority
from oracle.bus.access import ACCESS, Right
from oracle.bus.interface import Start
from oracle.bus.kafka import KafkaBus
from oracle.bus.kafka_admin import KafkaAdmin
from oracle.bus.kafka_security import Security, connection
from oracle.bus.kafka_topics import Layout
from oracle.cli.app import app
from oracle.model.errors import ConfigError
from oracle.model.messages import SCHEMA_VERSION, Message, decode
from oracle.model.topics import Topic
from tests import cbeth
from tests.integration.bus.secured_site import PASSWORD, PREFIX, Site
from tests.vectors import messages as vectors

pytestmark = pytest.mark.kafka

DEADLINE_S = 60.0


def _sample(topic: Topic) -> Message:
    vector = json.loads(vectors.FILE.read_text())[str(SCHEMA_VERSION)]
    wire = next(bytes.fromhex(one["wire"]) for one in vector if one["topic"] == topic)
    return decode(topic, wire)


async def _may_write(bus: KafkaBus, topic: Topic) -> str:
    try:
        await bus.publish(topic, [("0", _sample(topic))])
    except ConfigError as error:
        return str(error)
    return ""


async def _may_read(bus: KafkaBus, topic: Topic) -> str:
    try:
        async with bus.subscribe(topic, start=Start.EARLIEST) as reader:
            await reader.take(timeout_s=0.5)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("role", ACCESS)
async def test_a_role_does_what_it_may_and_is_refused_all_else(site: Site, role: str) -> None:
    """Every topic, read and write: a feed writes no marks, a relayer no controls."""
    access = ACCESS[role]
    async with site.bus(role) as bus:
        for topic in Topic:
            written, read = await _may_write(bus, topic), await _may_read(bus, topic)
            name = f"topic {PREFIX}{topic}:"
            assert (written == "") == (topic in access.writes), (topic, written)
            assert (read == "") == (topic in access.reads), (topic, read)
            assert written == "" or f"user '{role}' may not write {name}" in written
            assert read == "" or f"user '{role}' may not read {name}" in read


async def test_a_role_that_only_feeds_can_check_all_topics(site: Site) -> None:
    """No role needs more than to look, to refuse to run on wrong ones."""
    await site.bus("feeds").topics.check(Layout({}))


async def test_a_user_without_a_role_sees_nothing(site: Site) -> None:
    """To know a password is not to have a right: the topics are not there for it."""
    with pytest.raises(ConfigError, match=r"missing: secure\.ticks"):
        await site.bus("eve").topics.check(Layout({}))


async def test_only_an_oracle_steps_a_shard(site: Site) -> None:
    """Who could take the transactional id could stop every engine."""
    async with site.bus("oracle") as bus, bus.shard_log(0) as log:
        await log.own()
    for role in ("relayer", "committee"):
        async with site.bus(role) as bus:
            with pytest.raises(ConfigError, match=r"refuses secure\.engine\.0|may not read"):
                async with bus.shard_log(0) as log:
                    await log.own()


async def test_groups_are_their_roles_own(site: Site) -> None:
    """A relayer shares chains; nobody else takes part, and it shares no shards."""
    for role, group, may in (
        ("relayer", "relayers.0xab", True),
        ("relayer", "engines", False),
        ("oracle", "engines", True),
        ("archive", "relayers.0xab", False),
        ("committee", "signers", True),
        ("relayer", "signers", False),
    ):
        async with site.bus(role) as bus:
            sharing = bus.share(group, "a", lambda: b"", lambda claims: dict.fromkeys(claims, b"x"))
            if may:
                async with sharing:
                    deadline = time.monotonic() + DEADLINE_S
                    while (share := await sharing.next()) is None:
                        assert time.monotonic() < deadline
                    assert share == b"x"
            else:
                with pytest.raises(ConfigError, match=f"user '{role}' may not read group"):
                    async with sharing:
                        await _until_refused(sharing)


async def _until_refused(sharing: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        assert await sharing.next() is None


@pytest.fixture
async def expired(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """A server whose certificate has run out, and who has signed it."""
    authority = Authority()
    ca_file, server_file = tmp_path / "ca.pem", tmp_path / "server.pem"
    ca_file.write_bytes(authority.certificate)
    server_file.write_bytes(authority.issue(days=-1))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", ca_file


async def _refused(bootstrap: str, security: Security, why: str) -> None:
    """Require that both libraries' clients are stopped for this reason, in our words."""
    bus = KafkaBus(bootstrap, prefix=PREFIX, request_timeout_ms=3000, security=security)
    with pytest.raises(ConfigError, match=why):
        async with bus:
            pass
    with pytest.raises(ConfigError, match=why):
        await bus.topics.look(Layout({}))


async def test_a_wrong_password_is_said(site: Site) -> None:
    """With the user's name, and never the password."""
    wrong = site.security("feeds", "not the password")
    await _refused(site.broker.bootstrap, wrong, r"refuses user 'feeds': unknown, or another")
    assert "not the password" not in repr(wrong)


async def test_a_broker_of_another_authority_is_not_trusted(site: Site, tmp_path: Path) -> None:
    """Whoever stands between us and the cluster has no certificate of ours."""
    other = tmp_path / "other.pem"
    other.write_bytes(Authority().certificate)
    wrong = Security("sasl_tls", other, "feeds", PASSWORD)
    await _refused(site.broker.bootstrap, wrong, r"certificate that is not accepted: .*ca_file")


async def test_another_host_name_is_not_trusted(site: Site) -> None:
    """The certificate is of 127.0.0.1: another machine's is none, however well signed."""
    port = site.broker.bootstrap.rsplit(":", 1)[1]
    why = r"not accepted: Hostname mismatch"
    await _refused(f"localhost:{port}", site.security("feeds"), why)


async def test_an_expired_certificate_is_not_trusted(expired: tuple[str, Path]) -> None:
    """It says that it has expired."""
    bootstrap, ca_file = expired
    wrong = Security("sasl_tls", ca_file, "feeds", PASSWORD)
    await _refused(bootstrap, wrong, r"not accepted: certificate has expired")


async def test_what_does_not_speak_tls_is_said(expired: tuple[str, Path]) -> None:
    """The port or the protocol is wrong: both are named."""
    _, ca_file = expired

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        wrong = Security("tls", ca_file)
        await _refused(f"127.0.0.1:{port}", wrong, r"does not speak TLS there")


def test_rights_beyond_a_role_are_named(site: Site) -> None:
    """A check finds what somebody gave by hand, and how to take it back."""
    assert site.run("--acls", "--check").exit_code == 0
    security = site.security(ADMIN, site.secured.password)
    given = Right("feeds", "write", "topic", f"{PREFIX}marks", False)
    known = connection(security).official | {"bootstrap.servers": site.broker.bootstrap}
    asyncio.run(KafkaAdmin(known, 10.0, security).grant([given]))
    deadline = time.monotonic() + DEADLINE_S
    while (done := site.run("--acls", "--check")).exit_code == 0:
        assert time.monotonic() < deadline
    assert f"beyond its role: user feeds may write topic {PREFIX}marks" in done.stdout
    assert "--remove --allow-principal 'User:feeds' --operation write" in done.stdout


def test_other_users_may_have_a_role(site: Site) -> None:
    """Each machine may have a user of its own: what it lacks is named, then given."""
    options = ("--acls", "--json", "--user", "api=eve", "--check")
    said = json.loads(site.run(*options).stdout)["acls"]
    assert said["users"]["api"] == ["eve"]
    assert any("missing: user eve may read topic" in one for one in said["differences"])
    with pytest.raises(ConfigError, match="not ROLE=NAME with a role of feeds, oracle"):
        site.run("--acls", "--user", "king=eve")


def test_rights_need_an_authorizer(broker: Broker, tmp_path: Path) -> None:
    """On a cluster that lets everybody do everything they would mean nothing."""
    file = tmp_path / "config.yaml"
    bus = {"kind": "kafka", "bootstrap": broker.bootstrap, "prefix": "open."}
    file.write_text(yaml.safe_dump(cbeth.OLD | {"bus": bus}))
    command = ["deploy", "topics", "-c", str(file), "--acls"]
    with pytest.raises(ConfigError, match=r"set its authorizer\.class\.name first"):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_a_password_comes_from_a_file_or_the_environment(site: Site) -> None:
    """Neither is in the configuration; what is not there is named."""
    with pytest.raises(ConfigError, match="environment variable NOT_SET"):
        site.run(password_env="NOT_SET")
    secret = site.folder / "password"
    secret.write_text(PASSWORD + "\n")
    known = {"password_env": None, "password_file": "password", "username": "feeds"}
    done = site.run("--check", **known)
    assert "secure.ticks" in done.stdout
    with pytest.raises(ConfigError, match=r"ca_file .*none\.pem: No such file"):
        site.run("--check", ca_file="none.pem", **known)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")

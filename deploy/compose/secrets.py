"""Make what brokers and roles know each other by, once: an authority, certificates, passwords.

Each consumer has a folder of its own under `made`, a volume that nobody else mounts. What is there
stays: running it again makes only what is missing, or, if asked, the brokers' certificates anew.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy.kafka.broker import quorum_settings, settings_of
from deploy.kafka.secured import ADMIN, Authority, first_users, properties
from oracle.bus.access import ACCESS

BROKERS: Final = ("kafka-1", "kafka-2", "kafka-3")
USERS: Final = (ADMIN, *ACCESS)
"""Everybody but the brokers: a folder each, with a password and whom to trust."""
WALLETS: Final = ("keys-committee", "keys-relayer-1", "keys-relayer-2")
"""Folders for keys, empty: a person or the sandbox fills them."""
OWNED: Final = ("config", "archive-data", *WALLETS)
"""Folders that others write: they are only handed over."""
PORT, CONTROLLER_PORT = 9093, 9094
UID: Final = 10001
_GRAFANA_UID: Final = 472
_DAYS: Final = 3650
_HERE: Final = Path("/run/secrets/kafka")
"""Where a broker finds its folder."""
_DATA: Final = Path("/var/lib/kafka/data")


def make_secrets(made: Path, *, renew: bool = False) -> None:
    """Make what is missing; `renew` makes authority and certificates anew: restart all then."""
    private = made / "authority"
    ca_file = private / "ca.pem"
    if renew or not ca_file.exists():
        _issue(made, ca_file)
    for user in USERS:
        _once(made / user / "password", _password)
        _write(made / user / "ca.pem", ca_file.read_text())
        _hand_over(made / user, UID)
    own = _once(private / "brokers-password", _password)
    cluster_id = _once(private / "cluster-id", _cluster_id)
    admin = (made / ADMIN / "password").read_text()
    for node, host in enumerate(BROKERS, 1):
        folder = made / host
        _write(folder / "ca.pem", ca_file.read_text())
        _write(folder / "server.properties", _broker_file(node, host, own))
        _write(folder / "cluster-id", cluster_id)
        _write(folder / "users", "\n".join(first_users(own, admin)) + "\n")
        _hand_over(folder, UID)
    _once(made / "grafana" / "admin-password", _password)
    _hand_over(made / "grafana", _GRAFANA_UID)
    for name in OWNED:
        (made / name).mkdir(exist_ok=True)
        _hand_over(made / name, UID)


def _issue(made: Path, ca_file: Path) -> None:
    """Make an authority and the brokers' certificates; its key is kept nowhere."""
    authority = Authority(days=_DAYS)
    for host in BROKERS:
        _write(made / host / "server.pem", authority.issue(host, days=_DAYS).decode())
    _write(ca_file, authority.certificate.decode())


def _broker_file(node: int, host: str, own_password: str) -> str:
    shared = quorum_settings([f"{broker}:{CONTROLLER_PORT}" for broker in BROKERS])
    plain = settings_of(
        shared,
        protocol="SASL_SSL",
        node=node,
        bind=host,
        host=host,
        port=PORT,
        controller_port=CONTROLLER_PORT,
        data=_DATA,
    )
    return plain + properties(_HERE / "server.pem", _HERE / "ca.pem", own_password)


def _once(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        _write(file, make())
    return file.read_text()


def _write(file: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    file.parent.mkdir(exist_ok=True)
    partial = file.with_name(f".{file.name}")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o400)
    partial.chmod(0o600)
    partial.write_text(text)
    partial.chmod(0o400)
    partial.replace(file)


def _hand_over(folder: Path, uid: int) -> None:
    """Make a folder and what is in it its consumer's alone; only root can, others need not."""
    folder.chmod(0o700)
    if os.geteuid() == 0:
        for path in (*folder.iterdir(), folder):
            os.chown(path, uid, uid)


def _password() -> str:
    return secrets.token_urlsafe(32)


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")

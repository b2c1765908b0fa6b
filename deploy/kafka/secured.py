"""TLS, passwords and rights for brokers.

`Secured` is of tests and the local sandbox: its authority, certificates and passwords live as long
as the cluster. deploy/compose/secrets.py keeps its own. docs/kafka.md says what a cluster needs.
"""

from __future__ import annotations

import ipaddress
import secrets
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

MECHANISM: Final = "SCRAM-SHA-512"
ADMIN: Final = "admin"
_BROKER: Final = "broker"
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"


class Authority:
    """Who signs the brokers' certificates."""

    def __init__(self, *, days: int = 7) -> None:
        self._key: Final = ec.generate_private_key(ec.SECP256R1())
        self._name: Final = _name("plumbline brokers")
        made = _builder(self._name, self._name, self._key, days).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.certificate: Final = made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(self, *addresses: str, days: int = 7) -> bytes:
        """Return the key and certificate of a server at `addresses`, by default 127.0.0.1.

        One of -1 days has expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_general(one) for one in addresses or ("127.0.0.1",)])
        made = _builder(_name("broker"), self._name, key, days).add_extension(names, critical=False)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return secret + made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


class Secured:
    """What makes a broker take clients by TLS and password only, and know who may do what."""

    def __init__(self, folder: Path, *, address: str = "127.0.0.1", days: int = 7) -> None:
        authority = Authority()
        self.ca_file: Final = folder / "ca.pem"
        self.ca_file.write_bytes(authority.certificate)
        self._server: Final = authority.issue(address, days=days)
        self.password: Final = secrets.token_urlsafe(18)
        """Of `ADMIN`, who may do everything."""
        self._own: Final = secrets.token_urlsafe(18)

    @property
    def context(self) -> ssl.SSLContext:
        """For asking whether the broker is up, however wrong its certificate is on purpose."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def properties(self, folder: Path) -> str:
        """Return what to add to the broker's file; writes its key into `folder`."""
        server = folder / "server.pem"
        server.touch(mode=0o600)
        server.write_bytes(self._server)
        plain = properties(server, self.ca_file, self._own)
        return plain + "ssl.endpoint.identification.algorithm=\n"  # a wrong one may be on purpose

    def format_options(self) -> list[str]:
        """Return how the first users get into the cluster's metadata."""
        return [f"--add-scram={user}" for user in first_users(self._own, self.password)]


def properties(server_file: Path, ca_file: Path, own_password: str) -> str:
    """Return what to add to a broker's file: TLS, passwords and an authorizer on both listeners."""
    scram = f'{_SCRAM} required username="{_BROKER}" password="{own_password}";'
    plain = (
        f'{_PLAIN} required username="{_BROKER}" password="{own_password}" '
        f'user_{_BROKER}="{own_password}";'
    )
    lines = {
        "security.inter.broker.protocol": "SASL_SSL",
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.sasl_ssl.sasl.enabled.mechanisms": MECHANISM,
        f"listener.name.sasl_ssl.{MECHANISM.lower()}.sasl.jaas.config": scram,
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": plain,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": server_file,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": ca_file,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{_BROKER};User:{ADMIN}",
    }
    return "\n" + "\n".join(f"{key}={value}" for key, value in lines.items()) + "\n"


def first_users(own_password: str, admin_password: str) -> list[str]:
    """Return the users without whom nobody could make another, as `format --add-scram` takes."""
    users = {_BROKER: own_password, ADMIN: admin_password}
    return [f"{MECHANISM}=[name={name},password={word}]" for name, word in users.items()]


def _general(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int = 7
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
    )

"""TLS, passwords and rights for the brokers of this folder, made anew at each start.

The authority, its certificates and every password live as long as the cluster: a sandbox and
tests, not a production set-up. docs/kafka.md says what a real cluster needs.
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

    def __init__(self) -> None:
        self._key: Final = ec.generate_private_key(ec.SECP256R1())
        self._name: Final = _name("plumbline sandbox")
        made = _builder(self._name, self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.certificate: Final = made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(self, address: str = "127.0.0.1", *, days: int = 7) -> bytes:
        """Return the key and certificate of a server at `address`; one of -1 days has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
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
        scram = f'{_SCRAM} required username="{_BROKER}" password="{self._own}";'
        plain = (
            f'{_PLAIN} required username="{_BROKER}" password="{self._own}" '
            f'user_{_BROKER}="{self._own}";'
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
            "ssl.keystore.location": server,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.ca_file,
            "ssl.endpoint.identification.algorithm": "",  # among brokers of one machine
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{_BROKER};User:{ADMIN}",
        }
        return "\n" + "\n".join(f"{key}={value}" for key, value in lines.items()) + "\n"

    def format_options(self) -> list[str]:
        """Return how the first users get into the cluster's metadata."""
        users = {_BROKER: self._own, ADMIN: self.password}
        return [
            f"--add-scram={MECHANISM}=[name={name},password={password}]"
            for name, password in users.items()
        ]


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

"""Certificates of an authority made for one test."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in PEM files."""

    file: Path
    key_file: Path


@dataclass(frozen=True)
class Authority:
    """Who signs certificates for 127.0.0.1."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> Path:
        """The authority's own certificate."""
        return self.folder / "authority.pem"

    @classmethod
    def made(cls, folder: Path) -> Authority:
        """Make one in a new folder."""
        folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(folder.name)
        made = cls(folder, key, _builder(name, name, key, ca=True).sign(key, hashes.SHA256()))
        made.file.write_bytes(made.certificate.public_bytes(Encoding.PEM))
        return made

    def issue(self, name: str) -> Certificate:
        """Return a certificate of 127.0.0.1 for servers and clients."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self.certificate.subject, key, ca=False).add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        made = Certificate(self.folder / f"{name}.pem", self.folder / f"{name}-key.pem")
        signed = builder.sign(self.key, hashes.SHA256())
        made.file.write_bytes(signed.public_bytes(Encoding.PEM))
        made.key_file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return made


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )

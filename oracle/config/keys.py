"""Where a key is: in an encrypted file, in AWS KMS, or with a remote signer. Never a key itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from oracle.config.base import Section
from oracle.config.units import PositiveNs

Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]

LONGEST_SIGNATURE_NS = 30 * 10**9
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

SignatureNs = Annotated[PositiveNs, Field(le=LONGEST_SIGNATURE_NS)]


class KmsConfig(Section):
    """A key in AWS KMS: ECC_SECG_P256K1 for SIGN_VERIFY. Credentials come by AWS's own chain."""

    key_id: str = Field(min_length=1, max_length=2048)
    """Key id, ARN or `alias/…`."""
    region: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    address: Address
    """Of that key, as `plumb keys kms` prints it; another key's signatures are refused."""
    endpoint: HttpUrl | None = None
    """Of a VPC or a stand-in; by default the region's."""
    timeout: SignatureNs = 2 * 10**9


class RemoteConfig(Section):
    """A key that a signer over HTTP holds: Web3Signer in mode eth1, or what speaks as it does."""

    url: HttpUrl
    address: Address
    token_file: Path | None = None
    """Sent as `Authorization: Bearer …`; read for each request, so that it may be replaced."""
    ca_file: Path | None = None
    """Whom to trust as the signer, instead of the system's authorities."""
    cert_file: Path | None = None
    """Our own certificate, in PEM; with `cert_key_file`."""
    cert_key_file: Path | None = None
    timeout: SignatureNs = 2 * 10**9

    @model_validator(mode="after")
    def _check(self) -> Self:
        parts = urlsplit(self.url)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("url must hold no password, query or fragment: use token_file")
        if (self.cert_file is None) != (self.cert_key_file is None):
            raise ValueError("give cert_file and cert_key_file together, or neither")
        if parts.scheme == "http":
            self._check_plain(parts.hostname)
        return self

    def _check_plain(self, host: str | None) -> None:
        if self.ca_file or self.cert_file:
            raise ValueError("ca_file and cert_file need an https url")
        if self.token_file and host not in _LOOPBACK:
            raise ValueError(
                f"a token would go to {host} in the clear: use https, or a signer on loopback"
            )


class KeyConfig(Section):
    """A key: exactly one of `keystore`, `kms` and `remote`."""

    keystore: Path | None = None
    """Ethereum keystore, version 3; its password comes from a file or the environment."""
    password_file: Path | None = None
    password_env: str | None = None
    kms: KmsConfig | None = None
    remote: RemoteConfig | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        held = [name for name in ("keystore", "kms", "remote") if getattr(self, name) is not None]
        if len(held) != 1:
            raise ValueError(
                f"a key is in exactly one place: give one of keystore, kms and remote (given "
                f"{' and '.join(held) or 'none'})"
            )
        passwords = [self.password_file, self.password_env]
        if self.keystore is None and any(password is not None for password in passwords):
            raise ValueError(f"a key in {held[0]} takes no password_file or password_env")
        if self.keystore is not None and sum(p is not None for p in passwords) != 1:
            raise ValueError(f"{self.keystore}: give exactly one of password_file and password_env")
        return self

    def place_in(self, folder: Path) -> None:
        """Take relative paths as relative to `folder`."""
        for section, names in (
            (self, ("keystore", "password_file")),
            (self.remote, ("token_file", "ca_file", "cert_file", "cert_key_file")),
        ):
            for name in names if section is not None else ():
                path = getattr(section, name)
                setattr(section, name, folder / path if path else None)

    def __str__(self) -> str:
        """Say where the key is, as people do."""
        if self.kms is not None:
            return f"KMS key {self.kms.key_id}"
        if self.remote is not None:
            return f"remote signer {urlsplit(self.remote.url).netloc}"
        return f"keystore {self.keystore}"

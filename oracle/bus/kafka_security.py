"""How a process makes itself known to Kafka: one place for every client of both libraries."""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from oracle.model.errors import ConfigError

MECHANISM: Final = "SCRAM-SHA-512"
_EXPLAIN_S: Final = 2.0
_NO_TLS: Final = "WRONG_VERSION_NUMBER"
_PROTOCOLS: Final = {"plaintext": "PLAINTEXT", "tls": "SSL", "sasl_tls": "SASL_SSL"}

Protocol = Literal["plaintext", "tls", "sasl_tls"]


@dataclass(frozen=True)
class Security:
    """Whom to trust, and who we are."""

    protocol: Protocol = "plaintext"
    ca_file: Path | None = None
    """Who signs the brokers' certificates; None: whom the system trusts."""
    username: str = ""
    password: str = field(default="", repr=False)


class Connection(NamedTuple):
    """The same settings as each library names them."""

    native: dict[str, Any]
    """aiokafka's, of every kind of client."""
    official: dict[str, Any]
    """librdkafka's, without the addresses."""


PLAIN: Final = Security()


def connection(security: Security) -> Connection:
    """Return the settings of every client; host names are checked wherever there is TLS.

    Raises:
        ConfigError: the file of authorities cannot be used.
    """
    native: dict[str, Any] = {"security_protocol": _PROTOCOLS[security.protocol]}
    official: dict[str, Any] = {"security.protocol": _PROTOCOLS[security.protocol]}
    if security.protocol == "plaintext":
        return Connection(native, official)
    native["ssl_context"] = _context(security.ca_file)
    official["ssl.endpoint.identification.algorithm"] = "https"
    if security.ca_file is not None:
        official["ssl.ca.location"] = str(security.ca_file)
    if security.protocol == "sasl_tls":
        native |= {
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": security.username,
            "sasl_plain_password": security.password,
        }
        official |= {
            "sasl.mechanisms": MECHANISM,
            "sasl.username": security.username,
            "sasl.password": security.password,
        }
    return Connection(native, official)


async def explain(bootstrap: str, security: Security) -> None:
    """Find out why no broker lets us in: the libraries only say that none does.

    Raises:
        ConfigError: a certificate or a password is wrong. Anything else raises nothing.
    """
    if security.protocol == "plaintext":
        return
    from aiokafka import errors  # noqa: PLC0415 - an optional dependency
    from aiokafka.conn import create_conn  # noqa: PLC0415 - as above

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for address in bootstrap.split(","):
        host, port = address.rsplit(":", 1)
        try:
            async with asyncio.timeout(_EXPLAIN_S):
                opened = await create_conn(host, int(port), **connection(security).native)
            opened.close()
        except ssl.SSLCertVerificationError as error:
            raise ConfigError(
                f"the Kafka broker at {address} shows a certificate that is not accepted: "
                f"{error.verify_message}: check bus.security.ca_file and the name in bus.bootstrap"
            ) from error
        except (errors.SaslAuthenticationFailed, errors.AuthenticationFailedError) as error:
            raise ConfigError(
                f"the Kafka broker at {address} refuses user {security.username!r}: unknown, or "
                "another password: check bus.security"
            ) from error
        except ssl.SSLError as error:
            if error.reason != _NO_TLS:
                continue  # a broker that is ending breaks handshakes off
            raise ConfigError(
                f"{address} does not speak TLS there: check the port in bus.bootstrap and "
                "bus.security.protocol"
            ) from error
        except (OSError, TimeoutError, errors.KafkaError):
            continue


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # also what is no certificate
        why = error.strerror or "it holds no certificate"
        raise ConfigError(f"cannot use bus.security.ca_file {ca_file}: {why}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context

"""A key that a signer over HTTP holds, by the REST interface of Web3Signer in mode eth1.

| request | answer |
|---|---|
| `GET /api/v1/eth1/publicKeys` | JSON list of public keys, `0x` and 64 bytes |
| `POST /api/v1/eth1/sign/{public key}`, `{"data": "0x…"}` | `0x` r s v of `keccak256(data)` |

The signer hashes what it is given, so it sees what it signs and may have rules of its own.
"""

from __future__ import annotations

import json
import logging
import re
import ssl
from pathlib import Path
from typing import Final

import httpx

from oracle.config.keys import RemoteConfig
from oracle.keys.asking import Raw
from oracle.model.errors import ConfigError, Retryable
from oracle.report.signature import address_of

MAX_ANSWER_BYTES: Final = 2**20
MAX_TOKEN_BYTES: Final = 8192
_SIGNATURE: Final = re.compile(r'"?0x([0-9a-fA-F]{130})"?\s*')
_PUBLIC_KEY: Final = re.compile(r"0x[0-9a-fA-F]{128}")
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
logging.getLogger("httpx").setLevel(logging.WARNING)  # INFO names whole URLs
logging.getLogger("httpcore").setLevel(logging.WARNING)  # DEBUG shows headers, tokens included


class RemoteHolder:
    """One key of a remote signer."""

    kind: Final = "remote"

    def __init__(self, config: RemoteConfig) -> None:
        """Make the client; asks nobody.

        Raises:
            ConfigError: a token or certificate file cannot be read.
        """
        self._url: Final = config.url.rstrip("/")
        self._name: Final = f"remote signer {httpx.URL(config.url).netloc.decode()}"
        self._address: Final = bytes.fromhex(config.address[2:])
        self._token_file: Final = config.token_file
        self._client: Final = httpx.AsyncClient(
            timeout=2 * config.timeout / 1e9,  # HeldSigner's own, which covers all of it, is first
            verify=_tls(config),
            # What the environment says of proxies is not the operator's configuration.
            trust_env=False,
        )
        self._identifier: str | None = None
        self._headers()  # a token that cannot be read is said at the start

    async def ask(self, message: bytes) -> Raw:
        """Return a signature of `keccak256(message)`."""
        if self._identifier is None:
            self._identifier = await self._find()
        path = f"/api/v1/eth1/sign/{self._identifier}"
        answer = await self._request("POST", path, {"data": f"0x{message.hex()}"})
        found = _SIGNATURE.fullmatch(answer.decode("ascii", "replace"))
        if found is None:
            raise Retryable(f"{self._name} answers no signature of 65 bytes")
        signature = bytes.fromhex(found[1])
        return Raw(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"))

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def _find(self) -> str:
        """Return the public key, by which the signer knows ours."""
        answer = await self._request("GET", "/api/v1/eth1/publicKeys", None)
        try:
            listed = json.loads(answer)
        except (ValueError, RecursionError):
            listed = None
        if not isinstance(listed, list):
            raise Retryable(f"{self._name} answers no list of public keys")
        for entry in listed:
            known = isinstance(entry, str) and _PUBLIC_KEY.fullmatch(entry)
            if known and address_of(b"\x04" + bytes.fromhex(entry[2:])) == self._address:
                return str(entry)
        raise ConfigError(
            f"{self._name} holds {len(listed)} keys, none of 0x{self._address.hex()}: load it "
            "there, or mend remote.address"
        )

    async def _request(self, method: str, path: str, body: dict[str, str] | None) -> bytes:
        try:
            headers = self._headers()
        except ConfigError as error:  # a file that is being replaced
            raise Retryable(str(error)) from None
        request = self._client.build_request(method, self._url + path, json=body, headers=headers)
        try:
            response = await self._client.send(request, stream=True)
            try:
                return await self._read(response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            # Neither its text nor the error itself, which holds the request and with it the token.
            raise Retryable(f"{self._name}: {type(error).__name__}") from None

    async def _read(self, response: httpx.Response) -> bytes:
        if response.status_code == httpx.codes.NOT_FOUND:
            self._identifier = None  # unloaded meanwhile: the next signature says whether it is
        if response.status_code != httpx.codes.OK:
            raise Retryable(f"{self._name} answers HTTP {response.status_code}")
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > MAX_ANSWER_BYTES:
                raise Retryable(f"{self._name} answers more than {MAX_ANSWER_BYTES} bytes")
        return bytes(body)

    def _headers(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        return {"Authorization": f"Bearer {_read_token(self._token_file)}"}


def _read_token(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            token = opened.read(MAX_TOKEN_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigError(f"cannot read token file {file}: {error.strerror}") from None
    if not _TOKEN.fullmatch(token):
        raise ConfigError(f"token file {file} must hold one line of printable characters")
    return token


def _tls(config: RemoteConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        if config.cert_file is not None:
            context.load_cert_chain(config.cert_file, config.cert_key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(file) for file in (config.ca_file, config.cert_file) if file)
        raise ConfigError(f"cannot use the certificates {files}: {error.strerror}") from None
    return context

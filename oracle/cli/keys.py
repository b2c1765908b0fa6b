"""`plumb keys`: make a keystore, learn a KMS key's address, and see whether every key signs."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from oracle.cli.options import ConfigOption, JsonOption
from oracle.cli.output import console, emit, table
from oracle.model.errors import ConfigError, PlumblineError

if TYPE_CHECKING:
    from oracle.config.keys import KeyConfig
    from oracle.config.root import Config
    from oracle.keys.metrics import KeyMetrics
    from oracle.keys.signer import Signer

LEAST_PASSWORD: Final = 12
Sign = Callable[["Signer"], Awaitable[None]]
"""Has a key sign what shows that it does what it is for."""

commands = typer.Typer(no_args_is_help=True, help="Make and check keys.")


@commands.command("new", help="Make a random key in an encrypted keystore, and print its address.")
def new(
    file: Annotated[Path, typer.Argument(help="The keystore to write.", show_default=False)],
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file", help="File with the password; without it you are asked twice."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a version 3 keystore (scrypt, N = 2**18) that only this user may read."""
    from oracle.config.keys import KeyConfig
    from oracle.keys.keystore import password_of, write_keystore
    from oracle.keys.memory import forbid_dumps

    forbid_dumps()
    if password_file is None:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = password_of(KeyConfig(keystore=file, password_file=password_file))
    if len(password) < LEAST_PASSWORD:
        raise ConfigError(f"a password needs at least {LEAST_PASSWORD} characters")
    address = write_keystore(file, secrets.token_bytes(32), password)
    emit({"address": address, "keystore": str(file)}, as_json=as_json, text=f"{address}  {file}")


@commands.command("kms", help="Print the address of a key in AWS KMS.")
def kms(
    key_id: Annotated[str, typer.Argument(help="Key id, ARN or alias/…", show_default=False)],
    region: Annotated[str, typer.Option("--region", show_default=False)],
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="By default the region's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask KMS for the public key; what it is for is checked."""
    from oracle.keys.kms import KmsHolder

    async def asked() -> str:
        holder = KmsHolder(key_id, region, None, endpoint, timeout_s=10)
        try:
            return "0x" + (await holder.public_address()).hex()
        finally:
            await holder.aclose()

    address = asyncio.run(asked())
    emit({"address": address, "key_id": key_id}, as_json=as_json, text=f"{address}  {key_id}")


@commands.command("check", help="Let every key sign something like its work that is of no use.")
def check(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Open each key, ask its holder for a signature, verify it, and say how long that took."""
    from prometheus_client import CollectorRegistry

    from oracle.config.load import load
    from oracle.keys.metrics import KeyMetrics

    async def checked() -> list[dict[str, Any]]:
        metrics = KeyMetrics(CollectorRegistry())
        keys = list(_named(load(config)))
        if not keys:
            raise ConfigError(f"{config} names no keys")
        return await asyncio.gather(*(_try(*named, metrics) for named in keys))

    rows = asyncio.run(checked())
    failed = [row for row in rows if row["error"]]
    if as_json:
        emit({"ok": not failed, "keys": rows}, as_json=True, text="")
    else:
        console.print(
            table(
                "Keys",
                ["for", "address", "held by", "signs in"],
                [
                    [r["for"], r["address"], r["holder"], r["error"] or f"{r['ms']:.1f} ms"]
                    for r in rows
                ],
            )
        )
    if failed:
        raise typer.Exit(1)


def _named(config: Config) -> Iterator[tuple[str, KeyConfig, Sign]]:
    """Yield every key of a configuration with what it is for."""
    from oracle.cli.deployment import salt_of
    from oracle.cli.probes import sign_as_member, sign_as_wallet

    if config.committee is not None and config.committee.keys:
        salt = salt_of(config)
        for at, key in enumerate(config.committee.keys):
            yield f"committee.keys.{at}", key, partial(sign_as_member, salt=salt)
    for chain in config.chains:
        yield f"chain {chain.name}", chain.key, partial(sign_as_wallet, chain=chain)


async def _try(place: str, key: KeyConfig, sign: Sign, metrics: KeyMetrics) -> dict[str, Any]:
    from oracle.keys.opening import open_signer

    row: dict[str, Any] = {"for": place, "holder": str(key), "address": "", "ms": None, "error": ""}
    try:
        signer = open_signer(key, metrics)
        row["address"] = f"0x{signer.address.hex()}"
        try:
            begun = time.monotonic()
            await sign(signer)
            row["ms"] = (time.monotonic() - begun) * 1000
        finally:
            await signer.aclose()
    except PlumblineError as error:
        row["error"] = str(error)
    return row

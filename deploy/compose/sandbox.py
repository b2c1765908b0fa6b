"""The venues and the chain of `docker compose --profile sandbox`, with a configuration of them.

Nothing here outlives its volumes, and no key is worth anything. Keys and the contract's address are
the same at every start: a chain that lost its state gets the same contract again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
from itertools import cycle
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final

import structlog
import yaml
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from web3.types import Nonce
from web3.utils.address import get_create_address

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from deploy.sandbox.keys import PASSWORD_FILE, SandboxKey, make_keys
from deploy.sandbox.venues.server import CONTROL, SandboxVenues
from oracle.keys.keystore import write_private

TEMPLATE: Final = Path(__file__).with_name("sandbox.yaml")
RELAYERS: Final = ("keys-relayer-1", "keys-relayer-2")
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - of a container, on networks of its own
_CONTROL_PORT: Final = 9000
_RPC_PORT: Final = 8545
_BLOCK_S: Final = 1
_ETHER: Final = 1000
_PAUSE_S: Final = 45.0
_STORY: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("shift", {"asset": "BTC", "percent": 1.2, "over_s": 10}),
    ("wick", {"venue": "binance", "symbol": "BTC/USDT", "percent": -8, "for_s": 15}),
    ("freeze", {"venue": "kraken", "for_s": 20}),
    ("disconnect", {"venue": "okx", "for_s": 20}),
    ("shift", {"asset": "BTC", "percent": -1.2, "over_s": 10}),
    ("depeg", {"asset": "USDT", "to_usd": 0.97, "over_s": 10}),
    ("depeg", {"asset": "USDT", "to_usd": 1.0, "over_s": 10}),
)
_log = structlog.get_logger(__name__)


async def serve(config_file: Path, made: Path, state: Path) -> None:
    """Run venues and chain until SIGTERM; the configuration is written once all is there."""
    running = asyncio.ensure_future(_run(config_file, made, state))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _run(config_file: Path, made: Path, state: Path) -> None:
    template = yaml.safe_load(TEMPLATE.read_text())
    ports = {feed["venue"]: int(feed["rest_url"].rsplit(":", 1)[1]) for feed in template["feeds"]}
    symbols = {feed["venue"]: feed["symbols"] for feed in template["feeds"]}
    chain_id = template["chains"][0]["chain_id"]
    members = _keys(made / "keys-committee", len(template["committee"]["keys"]), "member")
    wallets = [_keys(made / name, 1, "relayer")[0] for name in RELAYERS]
    async with (
        SandboxVenues(
            symbols=symbols, host=_EVERYWHERE, ports=ports | {CONTROL: _CONTROL_PORT}
        ) as venues,
        SandboxChain(chain_id, port=_RPC_PORT, folder=state / "chain", host=_EVERYWHERE) as chain,
    ):
        for wallet in wallets:
            await chain.fund(wallet.address, _ETHER)
        oracle = await _oracle(chain, _deployer(state), template, members)
        await chain.mine_every(_BLOCK_S)
        _write_config(config_file, template, members, oracle)
        _say_ready()
        _log.info("sandbox_ready", oracle=oracle, config=str(config_file))
        for knob, arguments in cycle(_STORY):
            await asyncio.sleep(_PAUSE_S)
            _log.info("sandbox_story", knob=knob, **arguments)
            getattr(venues.knobs, knob)(**arguments)


def _say_ready() -> None:
    """Leave what the health check looks for, where a start finds nothing of the one before."""
    Path(gettempdir(), "ready").touch()


def _keys(folder: Path, count: int, prefix: str) -> list[SandboxKey]:
    """Return keys of an earlier start, or make them."""
    files = [folder / f"{prefix}-{number}.json" for number in range(count)]
    if all(file.exists() for file in files):
        password = folder / PASSWORD_FILE
        held = [json.loads(file.read_text())["address"] for file in files]
        return [
            SandboxKey(to_checksum_address(address), file, password)
            for address, file in zip(held, files, strict=True)
        ]
    return make_keys(folder, count, prefix=prefix)


def _deployer(state: Path) -> LocalAccount:
    """Return the account that deploys, the same at every start, as its contract's address is."""
    file = state / "deployer"
    if not file.exists():
        write_private(file, secrets.token_hex(32))
    account: LocalAccount = Account.from_key(file.read_text())
    return account


async def _oracle(
    chain: SandboxChain, deployer: LocalAccount, template: dict[str, Any], members: list[SandboxKey]
) -> str:
    """Return the address of the contract: the deployer's first, made unless it is there."""
    address = to_checksum_address(get_create_address(deployer.address, Nonce(0)))
    if await chain.w3.eth.get_code(address):
        return str(address)
    await chain.fund(deployer.address, _ETHER)
    named = template["deployment"]
    guardian = await chain.account()
    return await deploy_mark_oracle(
        chain,
        network=named["network"],
        home_governor=named["home_governor"],
        nonce=named["nonce"],
        members=[key.address for key in members],
        threshold=template["committee"]["threshold"],
        guardian=guardian.address,
        owner=deployer,
    )


def _write_config(
    file: Path, template: dict[str, Any], members: list[SandboxKey], oracle: str
) -> None:
    template["committee"]["members"] = [key.address for key in members]
    template["chains"][0]["oracle"] = oracle
    partial = file.with_name(f".{file.name}")
    partial.write_text(yaml.safe_dump(template, sort_keys=False))
    partial.replace(file)

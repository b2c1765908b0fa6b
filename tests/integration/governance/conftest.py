"""A node with the perp framework governed on it, three accounts that trade, and `plumb gov`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import rlp
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address
from web3.contract import AsyncContract
from web3.types import RPCEndpoint

from deploy.sandbox.chains.anvil import SandboxChain, anvil
from deploy.sandbox.chains.contracts import ABI, deploy_contract, read_artifact, transact
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from oracle.governance.proposal import Proposal, of_parts
from oracle.model.errors import ConfigError
from oracle.report.word import encode_word
from oracle.risk.layout import Scope
from oracle.risk.parameters import Parameters
from tests.unit.relayer.words import COMMITTEE, T0_MS, report, valid

COMMAND = [sys.executable, "-c", "from oracle.cli import main; main()"]
HOME = "0x" + (1).to_bytes(20, "big").hex()
NOBODY = "0x" + "00" * 20
INSTRUMENTS = {0: "BTC-USD", 1: "ETH-USD", 2: "ETH-USD.index", 3: "ETH-USD.twap", 4: "SOL-USD"}
DEFAULTS = Parameters.load(Path(__file__).parents[3] / "deploy/risk/defaults.yaml")
E18, E6 = 10**18, 10**6
SUPPLY = 10_000_000 * E18
POOL_USD = 10_000_000
DAY_S = 86_400
SETTINGS = (DAY_S, 5 * DAY_S, 2 * DAY_S, 4, SUPPLY // 200)
FLOORS = (DAY_S // 2, 3 * DAY_S, DAY_S, 3, SUPPLY // 1000)
ORDERS, POOL, ENGINE = 2, 4, 1


def listing(scope: Scope, name: str, number: int) -> list[tuple[int, int, int, int]]:
    """Return the defaults as the arguments of `list`, with ages that a slow machine keeps to."""
    by_name = {instrument: at for at, instrument in INSTRUMENTS.items()}
    changes = DEFAULTS.changes(scope, name, number, by_name.__getitem__)
    slow = {"max_age_ms": 300_000}
    if scope == Scope.MARKET:
        upper = Parameters.parse({"markets": {name: slow}}, "slow")
        changes = upper.over(DEFAULTS).changes(scope, name, number, by_name.__getitem__)
    return [tuple(change) for change in changes]


@dataclass
class Site:
    """Contracts on a node, and who may act on them."""

    node: SandboxChain
    folder: Path
    owner: LocalAccount
    contracts: dict[str, AsyncContract] = field(default_factory=dict)
    slot: int = 0

    def at(self, name: str) -> str:
        """Return a contract's address."""
        return str(self.contracts[name].address)

    async def deploy(self, name: str, *arguments: object) -> None:
        """Deploy a contract from its artifact."""
        artifact = read_artifact(ABI / f"{name}.json")
        self.contracts[name] = await deploy_contract(self.node.w3, artifact, arguments, self.owner)

    async def do(self, name: str, function: str, *arguments: Any, by: Any = None) -> None:
        """Send a transaction."""
        call = self.contracts[name].functions[function](*arguments)
        await transact(self.node.w3, call, by or self.owner)

    def data(self, name: str, function: str, *arguments: Any) -> bytes:
        """Return calldata."""
        encoded = self.contracts[name].encode_abi(function, list(arguments))
        return bytes.fromhex(encoded[2:])

    async def price(self, btc_usd: int) -> None:
        """Store a signed report of now."""
        block = await self.node.w3.eth.get_block("latest")
        entries = [valid(price * 1000) for price in (btc_usd, 3000, 3000, 3000)]
        self.slot += 1
        signed = report(self.slot, {0: encode_word(block["timestamp"] * 1000, entries)})
        await self.do("MarkOracle", "update", signed.body)

    async def open(self, deposit_usd: int, size_btc: int, price: int, orders: Any) -> int:
        """Let a new account deposit and buy; return its number."""
        account = await self.node.account()
        number = int(account.address, 16) << 96
        await self.do("TestToken", "mint", account.address, deposit_usd * E6)
        await self.do("TestToken", "approve", self.at("Vault"), deposit_usd * E6, by=account)
        await self.do("Vault", "deposit", number, 0, deposit_usd * E6, by=account)
        block = await self.node.w3.eth.get_block("latest")
        quote = (price * E18, block["timestamp"] * 1000, 6, 0, 0, False)
        trade = (number, 0, size_btc * E18, 0, False, quote)
        await self.do("PerpEngine", "fill", trade, by=orders)
        return number

    async def propose(self, proposal: Proposal) -> None:
        """Propose to the governor."""
        w3 = self.node.w3
        await self.do(
            "PlumbGovernor", "propose",
            [w3.to_checksum_address(call.target) for call in proposal.calls],
            [call.value_wei for call in proposal.calls],
            [call.data for call in proposal.calls],
            proposal.description,
        )  # fmt: skip

    def proposal(self, *calls: tuple[str, bytes], description: str = "why") -> Proposal:
        """Return a proposal to call contracts by name."""
        targets, datas = zip(*((self.at(name), data) for name, data in calls), strict=True)
        return of_parts(targets, [0] * len(calls), datas, description)

    async def rpc(self, method: str, *params: object) -> Any:
        """Call a method of the node directly."""
        answer = await self.node.w3.provider.make_request(RPCEndpoint(method), list(params))
        return answer["result"]

    async def show(self, what: str, *options: str, code: int = 0) -> str:
        """Run `plumb gov show` and return what it prints."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "gov", "show", what, "--rpc", self.node.rpc_url,
            "--chain-id", str(self.node.chain_id), *options,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == code, err.decode()
        return (out if code == 0 else err).decode()

    async def shown(self, what: str, *options: str) -> dict[str, Any]:
        """Run it with --json, and all addresses."""
        more = ["--governor", self.at("PlumbGovernor"), "--engine", self.at("PerpEngine")]
        said: dict[str, Any] = json.loads(await self.show(what, *more, "--json", *options))
        return said


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The framework, owned by the timelock; without anvil skip, but fail in CI."""
    tmp_path = tmp_path_factory.mktemp("governance")
    try:
        anvil()
    except ConfigError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    async with SandboxChain(31_007, folder=tmp_path / "node", start_s=T0_MS // 1000) as node:
        made = Site(node, tmp_path, await node.account())
        await _deploy(made)
        await _govern(made)
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def site(deployed: Site) -> AsyncIterator[Site]:
    """The same as it was when it was deployed, whatever tests before did."""
    taken = await deployed.rpc("evm_snapshot")
    yield deployed
    assert await deployed.rpc("evm_revert", taken)


async def _deploy(site: Site) -> None:
    node, owner = site.node, site.owner.address
    oracle = await deploy_mark_oracle(
        node, network="plumbline-test", home_governor=HOME, nonce=1,
        members=[node.w3.to_checksum_address(member) for member in COMMITTEE.members],
        threshold=COMMITTEE.threshold, guardian=owner, owner=site.owner, instruments=INSTRUMENTS,
    )  # fmt: skip
    abi = read_artifact(ABI / "MarkOracle.json")["abi"]
    site.contracts["MarkOracle"] = node.w3.eth.contract(
        node.w3.to_checksum_address(oracle), abi=abi
    )
    await site.deploy("TestToken", "dollars", "USD", 6)
    await site.deploy("RiskParameters", oracle, owner)
    risk = site.at("RiskParameters")
    await site.deploy("Vault", site.at("TestToken"), oracle, risk, NOBODY, 0, owner)
    await site.deploy("PerpEngine", oracle, risk, site.at("Vault"), NOBODY, 0)
    for scope, name, number in (
        (Scope.GLOBAL, "", 0), (Scope.MARKET, "BTC-USD", 0), (Scope.COLLATERAL, "ETH", 1),
    ):  # fmt: skip
        await site.do("RiskParameters", "list", scope, number, listing(scope, name, number))


async def _govern(site: Site) -> None:
    """Deploy governance: the timelock knows the governor's address before it is there."""
    w3, owner = site.node.w3, site.owner.address
    await site.deploy("PlumbToken", owner, SUPPLY)
    nonce = await w3.eth.get_transaction_count(owner)
    governor = _created(owner, nonce + 1)
    await site.deploy("Timelock", (DAY_S, 2 * DAY_S, 7 * DAY_S), [], governor, owner)
    await site.deploy("PlumbGovernor", site.at("PlumbToken"), site.at("Timelock"), SETTINGS, FLOORS)
    assert site.at("PlumbGovernor") == governor
    await site.do("PlumbToken", "delegate", owner)
    for name in ("RiskParameters", "MarkOracle"):
        await site.do(name, "transferOwnership", site.at("Timelock"))
        await site.do("Timelock", "acceptOwnershipOf", site.at(name))
    await site.node.mine(1, interval_s=2)


def _created(sender: str, nonce: int) -> str:
    """Return where a sender's contract goes."""
    encoded = rlp.encode([bytes.fromhex(sender[2:]), nonce])
    return str(to_checksum_address(keccak(encoded)[12:]))


@pytest_asyncio.fixture(loop_scope="module")
async def traders(site: Site) -> dict[str, int]:
    """Accounts long of three bitcoin each, of which the price has fallen since."""
    node = site.node
    orders, pool = await node.account(), await node.account()
    await site.do("Vault", "setModule", site.at("PerpEngine"), ENGINE)
    await site.do("Vault", "setModule", orders.address, ORDERS)
    await site.do("Vault", "setModule", pool.address, POOL)
    await site.do("TestToken", "mint", pool.address, POOL_USD * E6)
    await site.do("TestToken", "approve", site.at("Vault"), POOL_USD * E6, by=pool)
    await site.do("Vault", "payIn", POOL_USD * E6, by=pool)
    await site.do("Vault", "move", 5, 1, POOL_USD * E18, by=pool)
    await site.price(60_000)
    accounts = {
        name: await site.open(deposit, 3, 60_000, orders)
        for name, deposit in (("safe", 20_000), ("tight", 11_400), ("weak", 7_450))
    }
    await node.mine(1, interval_s=2)
    await site.price(58_900)
    return accounts

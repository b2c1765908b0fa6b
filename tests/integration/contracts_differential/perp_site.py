"""The perp contracts on a real node, deployed once; stories are played there in passing blocks."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import coincurve
import httpx
from eth_abi.abi import decode, encode
from eth_account.signers.local import LocalAccount
from eth_utils.abi import collapse_if_tuple
from web3.contract import AsyncContract

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, deploy_contract, read_artifact, transact
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from oracle.model.validity import Action, Validity
from oracle.report.committee import Committee
from oracle.report.digest import deployment_salt
from oracle.report.report import Leaf, Unsigned
from oracle.report.report import Report as SignedReport
from oracle.report.report import encode as encode_report
from oracle.report.signature import compact
from oracle.report.word import pack_word
from oracle.risk.layout import FIELDS, Scope
from relayer.evm.abi import selector
from relayer.evm.reverts import Reverts
from tests.property.perp_player import (
    ALICE,
    BOB,
    COLLATERAL_RULES,
    ETHER,
    INSURANCE_USD,
    KEEPER,
    MARKET_RULES,
    MAX_FUTURE_MS,
    POOL_USD,
    RULES,
    START_S,
    Call,
    Report,
)
from tests.property.perp_rules import CollateralRules, GlobalRules, MarketRules
from tests.property.perp_state import Row
from tests.vectors.generate import address, members

_ZERO: Final = "0x" + "00" * 20
_GOVERNOR: Final = bytes(19) + b"\x01"
_MODULES: Final = {"engine": 1, "orders": 2, "liquidator": 3, "pool": 4}
_TIMEOUT_S: Final = 60.0
_GAS: Final = 30_000_000_000
_CALL_GAS: Final = 30_000_000
_PLENTY: Final = 10**30


class Block(NamedTuple):
    """Calls in one block at a time."""

    time_s: int
    calls: Sequence[tuple[int, str, bytes]]


class Answer(NamedTuple):
    """What a call returned, or the name of the error it reverted with."""

    data: bytes
    error: str | None


@dataclass(frozen=True)
class Deployed:
    """One contract: where it is, and what of its functions a call needs."""

    address: str
    functions: Mapping[str, tuple[bytes, tuple[str, ...], tuple[str, ...]]]

    def call(self, function: str, args: Sequence[Any]) -> bytes:
        """Return the calldata of a function; addresses may be numbers."""
        begins, inputs, _ = self.functions[function]
        plain = [
            f"0x{arg:040x}" if kind == "address" and isinstance(arg, int) else arg
            for kind, arg in zip(inputs, args, strict=True)
        ]
        return begins + encode(inputs, plain)

    def result(self, function: str, data: bytes) -> tuple[Any, ...]:
        """Decode what a function returned."""
        return tuple(decode(self.functions[function][2], data))


@dataclass(frozen=True, repr=False, eq=False)
class PerpSite:
    """The deployment, its one member's key, and the node."""

    contracts: Mapping[str, Deployed]
    committee: Committee
    key: coincurve.PrivateKey
    rpc_url: str
    client: httpx.Client
    reverts: Reverts

    def calldata(self, call: Call) -> tuple[int, str, bytes]:
        """Return the sender, the target and the bytes of a call, its report signed."""
        args = [self._signed(arg) if isinstance(arg, Report) else arg for arg in call.args]
        sender = call.sender or int(self.contracts["vault"].address, 16)
        return sender, call.target, self.contracts[call.target].call(call.function, args)

    def run(self, blocks: Sequence[Block]) -> list[Answer]:
        """Make the calls, one after the other, in blocks that are then forgotten."""
        params: dict[str, Any] = {"blockStateCalls": [self._block(block) for block in blocks]}
        request = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "eth_simulateV1",
            "params": [params, "latest"],
        }
        answer = self.client.post(self.rpc_url, json=request).json()
        assert "result" in answer, answer
        return [self._answer(call) for block in answer["result"] for call in block["calls"]]

    def _block(self, block: Block) -> dict[str, Any]:
        return {
            "blockOverrides": {"time": hex(block.time_s), "gasLimit": hex(_GAS)},
            "calls": [
                {
                    "from": f"0x{sender:040x}",
                    "to": self.contracts[target].address,
                    "gas": hex(_CALL_GAS),
                    "data": "0x" + data.hex(),
                }
                for sender, target, data in block.calls
            ],
        }

    def _answer(self, call: dict[str, Any]) -> Answer:
        data = bytes.fromhex(call["returnData"][2:])
        if call["status"] == "0x1":
            return Answer(data, None)
        return Answer(data, self.reverts.name(data).partition("(")[0])

    def _signed(self, report: Report) -> bytes:
        leaf = Leaf(0, report.prev_ms, pack_word(report.time_ms, report.entries))
        unsigned = Unsigned(1, report.time_ms // 400, bytes(32), (leaf,))
        signature = self.key.sign_recoverable(unsigned.digest(self.committee.salt), hasher=None)
        signed = SignedReport(
            unsigned.epoch, unsigned.slot, bytes(32), 1, (leaf,), (), 1, (compact(signature),)
        )
        return encode_report(signed)


@contextmanager
def open_perp_site() -> Iterator[PerpSite]:
    """Start a node and deploy the framework; the node ends with the context."""
    with asyncio.Runner() as runner, httpx.Client(timeout=_TIMEOUT_S) as client:
        chain = SandboxChain(31_337, start_s=START_S - 1000)
        runner.run(chain.__aenter__())
        try:
            yield runner.run(_Deployment(chain).site(client))
        finally:
            runner.run(chain.__aexit__(None, None, None))


class _Deployment:
    """What is deployed so far."""

    def __init__(self, chain: SandboxChain) -> None:
        self._chain = chain
        self._contracts: dict[str, AsyncContract] = {}
        self._abis: dict[str, list[dict[str, Any]]] = {}
        self._owner: LocalAccount

    async def site(self, client: httpx.Client) -> PerpSite:
        self._owner = await self._chain.account()
        (key,) = members(1)
        oracle = await self._oracle(key)
        for name, artifact, args in (
            ("usd", "TestToken", ("Dollar", "USD", 6)),
            ("ether", "TestToken", ("Ether", "ETH", 18)),
            ("params", "RiskParameters", (oracle, self._owner.address)),
        ):
            await self._deploy(name, artifact, args)
        params, usd = self._address("params"), self._address("usd")
        vault_args = (usd, oracle, params, _ZERO, 0, self._owner.address)
        await self._deploy("vault", "Vault", vault_args)
        vault = self._address("vault")
        await self._deploy("engine", "PerpEngine", (oracle, params, vault, _ZERO, 0))
        rest = (oracle, params, vault, self._address("engine"))
        await self._deploy("orders", "Orders", rest)
        await self._deploy("liquidator", "Liquidator", rest)
        await self._list()
        await self._fill()
        committee = Committee(
            deployment_salt("plumbline-test", _GOVERNOR, 0), 1, 1, (address(key),)
        )
        contracts = {
            name: Deployed(str(contract.address), _functions(self._abis[name]))
            for name, contract in self._contracts.items()
        }
        errors = [item for abi in self._abis.values() for item in abi if item["type"] == "error"]
        reverts = Reverts(errors)
        return PerpSite(contracts, committee, key, self._chain.rpc_url, client, reverts)

    async def _oracle(self, key: coincurve.PrivateKey) -> str:
        w3 = self._chain.w3
        oracle = await deploy_mark_oracle(
            self._chain,
            network="plumbline-test",
            home_governor="0x" + _GOVERNOR.hex(),
            nonce=0,
            members=[w3.to_checksum_address(address(key))],
            threshold=1,
            guardian="0x" + _GOVERNOR.hex(),
            owner=self._owner,
            max_future_ms=MAX_FUTURE_MS,
            instruments={number: f"instrument {number}" for number in range(4)},
        )
        self._abis["oracle"] = read_artifact(ABI / "MarkOracle.json")["abi"]
        contract = w3.eth.contract(w3.to_checksum_address(oracle), abi=self._abis["oracle"])
        self._contracts["oracle"] = contract
        # Without a bound nothing is held: jumps are the oracle's own matter.
        await self._send("oracle", "setDefaultJumpRule", (0, 1, 0))
        return oracle

    async def _list(self) -> None:
        for name in ("engine", "orders", "liquidator"):
            await self._send("vault", "setModule", self._address(name), _MODULES[name])
        # The owner himself pays in what the pool begins with.
        await self._send("vault", "setModule", self._owner.address, _MODULES["pool"])
        await self._send("params", "list", Scope.GLOBAL, 0, changes(Scope.GLOBAL, 0, RULES))
        for market, market_rules in MARKET_RULES.items():
            await self._send(
                "params", "list", Scope.MARKET, market, changes(Scope.MARKET, market, market_rules)
            )
        await self._send("vault", "listCollateral", self._address("ether"))
        rules = changes(Scope.COLLATERAL, ETHER, COLLATERAL_RULES[ETHER])
        await self._send("params", "list", Scope.COLLATERAL, ETHER, rules)

    async def _fill(self) -> None:
        vault, amount = self._address("vault"), (POOL_USD + INSURANCE_USD) * 10**6
        await self._send("usd", "mint", self._owner.address, amount)
        await self._send("usd", "approve", vault, amount)
        await self._send("vault", "payIn", POOL_USD * 10**6)
        await self._send("vault", "move", Row.REQUESTS, Row.POOL, POOL_USD * 10**18)
        await self._send("vault", "fundInsurance", INSURANCE_USD * 10**6)

    async def _deploy(self, name: str, artifact: str, args: Sequence[object]) -> None:
        read = read_artifact(ABI / f"{artifact}.json")
        self._abis[name] = read["abi"]
        contract = await deploy_contract(self._chain.w3, read, args, self._owner)
        self._contracts[name] = contract

    async def _send(self, name: str, function: str, *args: object) -> None:
        call = self._contracts[name].get_function_by_name(function)(*args)
        await transact(self._chain.w3, call, self._owner)

    def _address(self, name: str) -> str:
        return str(self._contracts[name].address)


def opening_calls(site: PerpSite) -> list[tuple[int, str, bytes]]:
    """Return the calls that give everyone tokens, and the vault leave to take them."""
    vault = site.contracts["vault"].address
    calls = []
    for owner in (ALICE, BOB, KEEPER):
        for token in ("usd", "ether"):
            contract = site.contracts[token]
            calls.append((owner, token, contract.call("mint", [owner, _PLENTY])))
            calls.append((owner, token, contract.call("approve", [vault, _PLENTY])))
    return calls


def changes(
    scope: Scope, number: int, rules: MarketRules | CollateralRules | GlobalRules
) -> list[tuple[int, int, int, int]]:
    """Return the listing of these rules: each field once, in the order of `Fields`."""
    fields = FIELDS[scope]
    listed = {fields[name].code: value for name, value in _named(rules).items()}
    return [(scope, number, code, listed[code]) for code in sorted(listed)]


def _named(rules: MarketRules | CollateralRules | GlobalRules) -> dict[str, int]:
    """Return the rules by the names of their fields in the contracts."""
    named: dict[str, int] = {}
    for field in dataclasses.fields(rules):
        value = getattr(rules, field.name)
        match field.name:
            case "brackets":
                for at, bracket in enumerate(value):
                    named[f"cap_{at}_usd"] = bracket.cap_usd
                    named[f"initial_{at}_bps"] = bracket.initial_bps
                    named[f"maintenance_{at}_bps"] = bracket.maintenance_bps
            case "haircuts":
                for at, haircut in enumerate(value):
                    named[f"haircut_cap_{at}_usd"] = haircut.cap_usd
                    named[f"haircut_{at}_bps"] = haircut.bps
            case "depths_usd":
                named |= {f"depth_{at}_usd": usd for at, usd in enumerate(value)}
            case "allowed":
                bits = list(Action)
                for validity in Validity:
                    allowed = sum(1 << bits.index(action) for action in value[validity])
                    named[f"allowed_{validity.name.lower()}"] = allowed
            case name:
                named[name] = value
    return named


def _functions(
    abi: Sequence[dict[str, Any]],
) -> dict[str, tuple[bytes, tuple[str, ...], tuple[str, ...]]]:
    """Return what calls begin with and take and return, by name: none is overloaded here."""
    functions = {}
    for item in abi:
        if item["type"] == "function":
            inputs = tuple(collapse_if_tuple(entry) for entry in item["inputs"])
            outputs = tuple(collapse_if_tuple(entry) for entry in item["outputs"])
            begins = selector(f"{item['name']}({','.join(inputs)})")
            functions[item["name"]] = (begins, inputs, outputs)
    return functions

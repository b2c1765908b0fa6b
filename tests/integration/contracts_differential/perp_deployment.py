"""Deploy the perp contracts on a real node, with the rules of the model's market."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import coincurve
import httpx
from eth_account.signers.local import LocalAccount
from eth_utils.abi import collapse_if_tuple
from web3.contract import AsyncContract

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, deploy_contract, read_artifact, transact
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from oracle.model.validity import Action, Validity
from oracle.report.committee import Committee
from oracle.report.digest import deployment_salt
from oracle.risk.layout import FIELDS, Scope
from relayer.evm.abi import selector
from relayer.evm.reverts import Reverts
from tests.integration.contracts_differential.perp_site import Deployed, PerpSite
from tests.property.perp_market import (
    COLLATERAL_RULES,
    ETHER,
    INSURANCE_USD,
    MARKET_RULES,
    MAX_FUTURE_MS,
    POOL_USD,
    RULES,
    START_S,
)
from tests.property.perp_rules import CollateralRules, GlobalRules, MarketRules
from tests.property.perp_state import Row
from tests.vectors.generate import address, members

_ZERO: Final = "0x" + "00" * 20
_GOVERNOR: Final = bytes(19) + b"\x01"
_MODULES: Final = {"engine": 1, "orders": 2, "liquidator": 3, "pool": 4}
_TIMEOUT_S: Final = 60.0


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

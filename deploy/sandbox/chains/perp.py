"""The perp framework on a sandbox chain: deployed, listed and filled, as a deployment begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from eth_account.signers.local import LocalAccount
from web3.contract import AsyncContract

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, deploy_contract, read_artifact, transact
from oracle.model.errors import ConfigError
from oracle.risk.layout import Scope
from oracle.risk.parameters import Parameters

DEFAULTS: Final = Path(__file__).parents[2] / "risk/defaults.yaml"
SETTLEMENT_DECIMALS: Final = 6
COLLATERAL_DECIMALS: Final = 18
NO_SEQUENCER: Final = "0x" + "00" * 20
_ENGINE, _ORDERS, _LIQUIDATOR, _POOL = 1, 2, 3, 4
_MOST: Final = 2**256 - 1
_E18: Final = 10**18


@dataclass(frozen=True)
class PerpSandbox:
    """The contracts, their tokens, and who owns them."""

    chain: SandboxChain
    owner: LocalAccount
    risk: AsyncContract
    vault: AsyncContract
    engine: AsyncContract
    orders: AsyncContract
    liquidator: AsyncContract
    pool: AsyncContract
    settlement: AsyncContract
    markets: Mapping[str, int]
    """Names of perp markets, and their numbers in the oracle."""
    collaterals: Mapping[str, int] = field(default_factory=dict)
    """Names of collaterals, and their numbers in the vault."""
    tokens: Mapping[str, AsyncContract] = field(default_factory=dict)

    async def give(self, trader: LocalAccount, amount: int, collateral: str | None = None) -> int:
        """Mint whole tokens, and deposit them into a trader's cross account; return its number."""
        account = int(trader.address, 16) << 96
        token = self.settlement if collateral is None else self.tokens[collateral]
        number = 0 if collateral is None else self.collaterals[collateral]
        units = amount * 10 ** await token.functions.decimals().call()
        w3, vault = self.chain.w3, self.vault
        await transact(w3, token.functions.mint(trader.address, units), trader)
        await transact(w3, token.functions.approve(vault.address, units), trader)
        await transact(w3, vault.functions.deposit(account, number, units), trader)
        return account

    async def fill_pool(self, amount_usd: int, provider: LocalAccount) -> None:
        """Request to deposit, let the epoch's time pass, and claim: chain time moves on."""
        w3, pool, units = self.chain.w3, self.pool, amount_usd * 10**SETTLEMENT_DECIMALS
        asked = pool.functions.requestDeposit(units, provider.address, provider.address)
        minted = self.settlement.functions.mint(provider.address, units)
        approved = self.settlement.functions.approve(pool.address, units)
        for call in (minted, approved, asked):
            await transact(w3, call, provider)
        epoch = await pool.functions.oldestEpoch().call()
        _, due_s = await pool.functions.timesOf(epoch).call()
        await self.chain.advance_to(due_s + 1)
        await transact(w3, pool.functions.process(), provider)
        claim = pool.functions.deposit(units, provider.address, provider.address)
        await transact(w3, claim, provider)

    async def fill_insurance(self, amount_usd: int, giver: LocalAccount) -> None:
        """Mint whole settlement tokens, and give them to the insurance."""
        w3, units = self.chain.w3, amount_usd * 10**SETTLEMENT_DECIMALS
        minted = self.settlement.functions.mint(giver.address, units)
        approved = self.settlement.functions.approve(self.vault.address, units)
        for call in (minted, approved, self.vault.functions.fundInsurance(units)):
            await transact(w3, call, giver)

    async def cash(self, row: int) -> float:
        """Return a row's cash in settlement tokens."""
        held: int = await self.vault.functions.cashOf(row).call()
        return held / _E18


async def deploy_perp(
    chain: SandboxChain,
    oracle: str,
    numbers: Mapping[str, int],
    *,
    parameters: Parameters | None = None,
    owner: LocalAccount | None = None,
) -> PerpSandbox:
    """Deploy, name the modules, and list what the parameters speak of.

    `oracle` has `numbers` bound: those of the markets, and of the collaterals' index and TWAP
    markets. All stays `owner`'s, a fresh account when None.

    Raises:
        ConfigError: the parameters speak of a market without a number.
    """
    parameters = parameters or Parameters.load(DEFAULTS)
    markets = {name: _number(numbers, name) for name in parameters.markets}
    owner = owner or await chain.account()
    token = read_artifact(ABI / "TestToken.json")
    w3 = chain.w3

    async def deploy(name: str, *arguments: object) -> AsyncContract:
        return await deploy_contract(w3, read_artifact(ABI / f"{name}.json"), arguments, owner)

    usd = await deploy_contract(w3, token, ("Dollar", "USD", SETTLEMENT_DECIMALS), owner)
    risk = await deploy("RiskParameters", oracle, owner.address)
    grace = (NO_SEQUENCER, 0)
    vault = await deploy("Vault", usd.address, oracle, risk.address, *grace, owner.address)
    engine = await deploy("PerpEngine", oracle, risk.address, vault.address, *grace)
    around = (oracle, risk.address, vault.address, engine.address)
    orders, liquidator = await deploy("Orders", *around), await deploy("Liquidator", *around)
    pool = await deploy("LiquidityPool", *around, "Plumbline pool", "PLP")
    for module, role in (
        (engine, _ENGINE),
        (orders, _ORDERS),
        (liquidator, _LIQUIDATOR),
        (pool, _POOL),
    ):
        await transact(w3, vault.functions.setModule(module.address, role), owner)
    made = PerpSandbox(chain, owner, risk, vault, engine, orders, liquidator, pool, usd, markets)
    return await _list(made, parameters, numbers, token)


async def _list(
    made: PerpSandbox, parameters: Parameters, numbers: Mapping[str, int], token: dict[str, object]
) -> PerpSandbox:
    w3, owner = made.chain.w3, made.owner
    collaterals = {name: at for at, name in enumerate(parameters.collaterals, start=1)}
    tokens = {}
    for name in collaterals:
        tokens[name] = await deploy_contract(w3, token, (name, name, COLLATERAL_DECIMALS), owner)
        listed = made.vault.functions.listCollateral(tokens[name].address)
        await transact(w3, listed, owner)
    for scope, named in (
        (Scope.GLOBAL, {"": 0}),
        (Scope.MARKET, made.markets),
        (Scope.COLLATERAL, collaterals),
    ):
        for name, number in named.items():
            changes = parameters.changes(scope, name, number, lambda key: _number(numbers, key))
            await transact(w3, made.risk.functions.list(scope, number, changes), owner)
    return PerpSandbox(
        made.chain,
        owner,
        made.risk,
        made.vault,
        made.engine,
        made.orders,
        made.liquidator,
        made.pool,
        made.settlement,
        made.markets,
        collaterals,
        tokens,
    )


def _number(numbers: Mapping[str, int], name: str) -> int:
    if name not in numbers:
        raise ConfigError(
            f"the risk parameters speak of market {name}, which has no number; "
            f"there are {', '.join(numbers)}"
        )
    return numbers[name]

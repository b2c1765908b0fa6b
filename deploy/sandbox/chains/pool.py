"""A real Uniswap v3 pool on a sandbox chain, from Uniswap's published artifacts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal

from eth_account.signers.local import LocalAccount
from web3.contract import AsyncContract

from deploy.sandbox.chains.anvil import EVM, SandboxChain
from deploy.sandbox.chains.contracts import ABI, deploy_contract, read_artifact, transact

V3_CORE: Final = EVM / "node_modules/@uniswap/v3-core/artifacts/contracts"
FEE_PIPS: Final = 500
"""0.05 %, the tier that the large WETH pools use."""
DEPTH_BASE: Final = 1000
"""Whole base tokens in the pool at the start."""
OBSERVATIONS: Final = 256
"""Swaps remembered: a TWAP reaches back so many blocks at least."""
BASE_DECIMALS, QUOTE_DECIMALS = 18, 6


@dataclass(frozen=True)
class UniswapSandbox:
    """A pool of WETH and USDT (test tokens with 18 and 6 decimals) with liquidity at all prices."""

    chain: SandboxChain
    address: str
    base: Literal["token0", "token1"]
    """Which token WETH is: the lower address is token0."""
    factory: str
    weth: str
    usdt: str
    _actor: AsyncContract
    _account: LocalAccount

    async def move_price(self, price: float) -> None:
        """Swap until one WETH costs `price` USDT, and wait until that is mined."""
        target = sqrt_price_x96(price, self.base)
        await transact(
            self.chain.w3, self._actor.functions.moveTo(self.address, target), self._account
        )


async def deploy_pool(
    chain: SandboxChain, *, price: float, depth_base: int = DEPTH_BASE
) -> UniswapSandbox:
    """Deploy factory, tokens and pool, and provide `depth_base` WETH and its worth in USDT.

    The pool's history begins with it: `observe` of a longer window reverts until it is so old.
    """
    w3, account = chain.w3, await chain.account()
    factory = await deploy_contract(w3, _published("UniswapV3Factory"), (), account)
    token = read_artifact(ABI / "TestToken.json")
    weth = await deploy_contract(w3, token, ("Wrapped Ether", "WETH", BASE_DECIMALS), account)
    usdt = await deploy_contract(w3, token, ("Tether USD", "USDT", QUOTE_DECIMALS), account)
    actor = await deploy_contract(w3, read_artifact(ABI / "PoolActor.json"), (), account)
    base: Literal["token0", "token1"] = (
        "token0" if int(weth.address, 16) < int(usdt.address, 16) else "token1"
    )
    pair = (weth.address, usdt.address, FEE_PIPS)
    await transact(w3, factory.functions.createPool(*pair), account)
    address: str = await factory.functions.getPool(*pair).call()
    pool = w3.eth.contract(w3.to_checksum_address(address), abi=_published("UniswapV3Pool")["abi"])
    liquidity = _liquidity(price, depth_base)
    for call in (
        pool.functions.initialize(sqrt_price_x96(price, base)),
        pool.functions.increaseObservationCardinalityNext(OBSERVATIONS),
        actor.functions.addFullRange(address, liquidity),
    ):
        await transact(w3, call, account)
    return UniswapSandbox(
        chain, address, base, factory.address, weth.address, usdt.address, actor, account
    )


def sqrt_price_x96(price: float, base: Literal["token0", "token1"]) -> int:
    """Return what a pool stores when one whole base token costs `price` of the other."""
    raw = Fraction(price) * Fraction(10) ** (QUOTE_DECIMALS - BASE_DECIMALS)
    token1_per_token0 = raw if base == "token0" else 1 / raw
    return math.isqrt(math.floor(token1_per_token0 * 2**192))


def _liquidity(price: float, depth_base: int) -> int:
    reserves = depth_base * 10**BASE_DECIMALS, Fraction(price) * depth_base * 10**QUOTE_DECIMALS
    return math.isqrt(math.floor(reserves[0] * reserves[1]))


def _published(name: str) -> dict[str, Any]:
    return read_artifact(V3_CORE / f"{name}.sol/{name}.json")

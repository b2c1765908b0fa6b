"""The view functions we call: IUniswapV3PoolState, …Immutables, …DerivedState and ERC-20."""

from __future__ import annotations

from typing import Any, Final


def _view(name: str, takes: tuple[str, ...], gives: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": [{"name": "", "type": kind} for kind in takes],
        "outputs": [{"name": "", "type": kind} for kind in gives],
    }


POOL: Final = [
    _view("token0", (), ("address",)),
    _view("token1", (), ("address",)),
    _view("liquidity", (), ("uint128",)),
    # sqrtPriceX96, tick, observationIndex, -Cardinality, -CardinalityNext, feeProtocol, unlocked.
    # Forks widen feeProtocol to 32 bits, which reads both.
    _view("slot0", (), ("uint160", "int24", "uint16", "uint16", "uint16", "uint32", "bool")),
    # secondsAgos to tickCumulatives, secondsPerLiquidityCumulativeX128s
    _view("observe", ("uint32[]",), ("int56[]", "uint160[]")),
]
TOKEN: Final = [_view("decimals", (), ("uint8",))]

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {
    IUniswapV3MintCallback
} from "@uniswap/v3-core/contracts/interfaces/callback/IUniswapV3MintCallback.sol";
import {
    IUniswapV3SwapCallback
} from "@uniswap/v3-core/contracts/interfaces/callback/IUniswapV3SwapCallback.sol";

/// @title PoolActor
/// @notice Provides liquidity to a Uniswap v3 pool of two TestTokens in the local sandbox, and
/// moves its price by real swaps. It mints what it owes, so it needs no balance: never deploy it
/// elsewhere.
contract PoolActor is IUniswapV3MintCallback, IUniswapV3SwapCallback {
    int24 private constant MAX_TICK = 887_272;

    /// @notice The caller of a callback is not the pool this contract is acting on.
    error NotThePool(address caller, address pool);

    /// @dev The pool being acted on; zero between actions.
    address private _pool;

    modifier actingOn(address pool) {
        _pool = pool;
        _;
        _pool = address(0);
    }

    /// @notice Add liquidity over the widest range the pool's tick spacing allows.
    function addFullRange(address pool, uint128 liquidity)
        external
        actingOn(pool)
        returns (uint256 amount0, uint256 amount1)
    {
        int24 spacing = IUniswapV3Pool(pool).tickSpacing();
        // The division rounds towards zero: the greatest usable tick is wanted.
        // forge-lint: disable-next-line(divide-before-multiply)
        int24 edge = (MAX_TICK / spacing) * spacing;
        return IUniswapV3Pool(pool).mint(address(this), -edge, edge, liquidity, "");
    }

    /// @notice Swap until the pool's price is `sqrtPriceX96`. Does nothing if it already is.
    function moveTo(address pool, uint160 sqrtPriceX96)
        external
        actingOn(pool)
        returns (int256 amount0, int256 amount1)
    {
        (uint160 current,,,,,,) = IUniswapV3Pool(pool).slot0();
        if (current == sqrtPriceX96) return (0, 0);
        bool zeroForOne = sqrtPriceX96 < current;
        return
            IUniswapV3Pool(pool).swap(address(this), zeroForOne, type(int128).max, sqrtPriceX96, "");
    }

    /// @inheritdoc IUniswapV3MintCallback
    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        _pay(amount0, amount1);
    }

    /// @inheritdoc IUniswapV3SwapCallback
    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        _pay(amount0 > 0 ? uint256(amount0) : 0, amount1 > 0 ? uint256(amount1) : 0);
    }

    function _pay(uint256 amount0, uint256 amount1) private {
        if (msg.sender != _pool) revert NotThePool(msg.sender, _pool);
        if (amount0 != 0) TestToken(IUniswapV3Pool(msg.sender).token0()).mint(msg.sender, amount0);
        if (amount1 != 0) TestToken(IUniswapV3Pool(msg.sender).token1()).mint(msg.sender, amount1);
    }
}

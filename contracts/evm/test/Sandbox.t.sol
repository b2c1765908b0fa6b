// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PoolActor} from "../script/sandbox/PoolActor.sol";
import {TestToken} from "../script/sandbox/TestToken.sol";
import {IUniswapV3Factory} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Factory.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {Test} from "forge-std/Test.sol";

/// @notice PoolActor against Uniswap's own published bytecode.
contract SandboxTest is Test {
    uint160 private constant ONE_X96 = 1 << 96;

    PoolActor private actor = new PoolActor();
    IUniswapV3Pool private pool;

    function setUp() public {
        IUniswapV3Factory factory = IUniswapV3Factory(
            vm.deployCode(
                "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"
            )
        );
        TestToken a = new TestToken("Ether", "ETH", 18);
        TestToken b = new TestToken("Dollar", "USD", 6);
        pool = IUniswapV3Pool(factory.createPool(address(a), address(b), 3000));
        pool.initialize(ONE_X96);
        actor.addFullRange(address(pool), 1e18);
    }

    function test_addFullRange_AddsLiquidityAtAnyPrice() public {
        assertEq(pool.liquidity(), 1e18);
        actor.moveTo(address(pool), ONE_X96 * 1000);
        assertEq(pool.liquidity(), 1e18);
    }

    function testFuzz_moveTo_ReachesThePriceByASwap(uint256 ppm) public {
        uint160 wanted = uint160((ONE_X96 * bound(ppm, 1000, 1_000_000_000)) / 1_000_000);
        actor.moveTo(address(pool), wanted);
        (uint160 reached,,,,,,) = pool.slot0();
        assertEq(reached, wanted);
    }

    function test_callbacks_RevertIf_CallerIsNotThePool() public {
        bytes memory error =
            abi.encodeWithSelector(PoolActor.NotThePool.selector, address(this), address(0));
        vm.expectRevert(error);
        actor.uniswapV3SwapCallback(1, 1, "");
        vm.expectRevert(error);
        actor.uniswapV3MintCallback(1, 1, "");
    }
}

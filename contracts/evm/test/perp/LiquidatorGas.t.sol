// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LiquidatorFixture} from "./LiquidatorFixture.sol";

/// @notice What a liquidation costs in all: a transaction of its own, its report carried along.
contract LiquidatorGasTest is LiquidatorFixture {
    uint256 private constant LIMIT = 220_000;

    /// @dev Two positions and two collaterals; the keeper has been paid before, and the reserve too.
    function prepare(bool called) private returns (bytes memory report) {
        uint256 account = cross(alice);
        fund(cross(bob), 5700);
        trade(cross(bob), BTC, 1e18);
        trade(cross(bob), ETH, 1e18);
        passS(60);
        fund(account, 4000);
        fundEther(account, 0.3e18);
        fundBitcoin(account, 0.02e8);
        trade(account, BTC, 1e18);
        trade(account, ETH, 10e18);
        moveTo(BTC, 55_400e18);
        liquidate(cross(bob), BTC);
        moveTo(BTC, 55_400e18);
        if (called) liquidator.marginCall(account);
        skipS(2);
        vm.roll(block.number + 1);
        setPrice(BTC, 55_300e18);
        return reportOf(0, block.timestamp * 1000, block.timestamp * 1000 - 1100);
    }

    /// forge-config: default.isolate = true
    function test_liquidate_CostsAtMostItsLimit() public {
        bytes memory report = prepare(true);
        vm.prank(keeper);
        liquidator.liquidate(cross(alice), BTC, report);
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        emit log_named_uint("liquidate", gas);
        assertLe(gas, LIMIT);
    }

    /// forge-config: default.isolate = true
    function test_liquidate_CostsAtMostItsLimit_Uncalled() public {
        bytes memory report = prepare(false);
        vm.prank(keeper);
        liquidator.liquidate(cross(alice), BTC, report);
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        emit log_named_uint("liquidate", gas);
        assertLe(gas, LIMIT);
    }
}

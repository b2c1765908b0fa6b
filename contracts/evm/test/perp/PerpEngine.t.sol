// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PerpFixture} from "./PerpFixture.sol";

contract PerpEngineTest is PerpFixture {
    function test_fill_OpensAndCloses() public {
        uint256 account = cross(alice);
        fund(account, 10_000);
        trade(account, BTC, 0.5e18);
        assertEq(sizeOf(account, BTC), 0.5e18);
        assertEq(engine.openMarkets().length, 1);
        reduce(account, BTC, -0.5e18);
        assertEq(sizeOf(account, BTC), 0);
        assertEq(engine.openMarkets().length, 0);
    }
}

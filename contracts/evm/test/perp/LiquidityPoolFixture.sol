// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidityPool} from "../../src/perp/interfaces/ILiquidityPool.sol";
import {Module} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {PerpFixture} from "./PerpFixture.sol";

/// @notice The framework with a real pool, which begins empty.
abstract contract LiquidityPoolFixture is PerpFixture {
    uint256 internal constant DELAY_S = 1 hours;

    ILiquidityPool internal pool;
    address internal lp = makeAddr("lp");
    address internal other = makeAddr("other lp");

    function setUp() public virtual override {
        super.setUp();
        pool = ILiquidityPool(
            vm.deployCode(
                "LiquidityPool.sol:LiquidityPool",
                abi.encode(oracle, params, vault, engine, "Plumbline Pool", "PLP")
            )
        );
        vault.move(Accounts.POOL, Accounts.REQUESTS, POOL_USD * 1e18);
        vault.payOut(address(0xdead), POOL_USD * 1e6);
        vm.startPrank(owner);
        vault.setModule(address(this), Module.NONE);
        vault.setModule(address(pool), Module.POOL);
        vm.stopPrank();
    }

    /// @dev Ask for shares, in whole units of the settlement token.
    function askDeposit(address who, uint256 amountUsd) internal returns (uint256 id) {
        return askUnits(who, amountUsd * 1e6);
    }

    function askUnits(address who, uint256 amount) internal returns (uint256 id) {
        usd.mint(who, amount);
        vm.startPrank(who);
        usd.approve(address(pool), amount);
        id = pool.requestDeposit(amount, who, who);
        vm.stopPrank();
    }

    function askRedeem(address who, uint256 shares) internal returns (uint256 id) {
        vm.prank(who);
        return pool.requestRedeem(shares, who, who);
    }

    /// @dev Let an epoch's time pass, store fresh marks, and price it.
    function process() internal returns (uint256 id) {
        skipS(DELAY_S);
        store();
        return pool.process();
    }

    /// @dev Give `who` shares for so much.
    function join(address who, uint256 amountUsd) internal returns (uint256 shares) {
        askDeposit(who, amountUsd);
        process();
        vm.startPrank(who);
        shares = pool.deposit(pool.maxDeposit(who), who);
        vm.stopPrank();
    }

    function claimAssets(address who) internal returns (uint256 assets) {
        vm.startPrank(who);
        assets = pool.redeem(pool.maxRedeem(who), who, who);
        vm.stopPrank();
    }

    /// @dev The traders of a market win or lose this much, realised.
    function realise(int256 traders, address who) internal {
        vm.startPrank(address(engine));
        if (traders > 0) vault.move(Accounts.POOL, cross(who), uint256(traders));
        else vault.move(cross(who), Accounts.POOL, uint256(-traders));
        vm.stopPrank();
    }
}

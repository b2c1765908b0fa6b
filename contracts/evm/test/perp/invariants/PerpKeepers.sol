// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Validity} from "../../../src/interfaces/IMarkOracle.sol";
import {ILiquidator} from "../../../src/perp/interfaces/ILiquidator.sol";
import {IPerpEngine} from "../../../src/perp/interfaces/IPerpEngine.sol";
import {IVault} from "../../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../../src/perp/lib/Accounts.sol";
import {PerpTraders} from "./PerpTraders.sol";

/// @notice What keepers do with accounts that fell, and with what they leave behind.
abstract contract PerpKeepers is PerpTraders {
    uint256 private constant BACKSTOP_DELAY_S = 900;
    uint256 private constant ADL_WINDOW_S = 60;

    function accrue(uint256 seed) external {
        uint256 market = seed % MARKETS;
        tried("accrue", keeper, address(s.engine), abi.encodeCall(IPerpEngine.accrue, (market)));
    }

    /// @notice One price falls or rises by up to two thirds, and keepers follow.
    function crash(uint256 seed) external {
        uint256 market = seed % MARKETS;
        uint256 bps = 1000 + (seed >> 8) % 5600;
        bool up = (seed >> 64) % 2 == 0;
        uint256 to = priceE18[market] * (up ? 10_000 + bps : 10_000 - bps) / 10_000;
        if (to > 1e18 && to < 1e24) priceE18[market] = to;
        pass(1);
        store();
        for (uint256 i; i < 1 + (seed >> 72) % 4; ++i) {
            this.liquidate(uint256(keccak256(abi.encode(seed, i))));
        }
        ++done["crash"];
    }

    function liquidate(uint256 seed) external {
        uint256 account = accountBelow(seed);
        if (account == 0) {
            account = accountAt(seed);
            bytes memory call_ =
                abi.encodeCall(ILiquidator.liquidate, (account, seed % MARKETS, bytes("")));
            return refused(keeper, address(s.liquidator), call_);
        }
        uint256[] memory markets = s.engine.marketsOf(account);
        uint256 market = markets[(seed >> 8) % markets.length];
        bytes memory data = abi.encodeCall(ILiquidator.liquidate, (account, market, bytes("")));
        (bool success,) = tried("liquidate", keeper, address(s.liquidator), data);
        if (success) assertLive(market, Validity.GUARDED);
    }

    function marginCall(uint256 seed) external {
        uint256 account = accountBelow(seed);
        if (account == 0) account = accountAt(seed);
        tried(
            "marginCall",
            keeper,
            address(s.liquidator),
            abi.encodeCall(ILiquidator.marginCall, (account))
        );
    }

    /// @notice Nobody came in time.
    function backstop(uint256 seed) external {
        uint256 account = accountBelow(seed);
        if (account == 0) return;
        bytes memory data = abi.encodeCall(ILiquidator.marginCall, (account));
        tried("marginCall", keeper, address(s.liquidator), data);
        if ((seed >> 16) % 4 != 0) return;
        pass(BACKSTOP_DELAY_S + 1);
        store();
        uint256[] memory markets = s.engine.marketsOf(account);
        uint256 market = markets[(seed >> 8) % markets.length];
        data = abi.encodeCall(ILiquidator.backstop, (account, market));
        (bool success,) = tried("backstop", keeper, address(s.liquidator), data);
        if (success) assertLive(market, Validity.GUARDED);
    }

    function seize(uint256 seed, uint256 amount) external {
        for (uint256 i; i < 2 * ACTORS; ++i) {
            uint256 account = accountAt(seed % 6 + i);
            int256 cashE18 = s.vault.cashOf(account);
            uint256 held = s.vault.heldBy(account);
            if (cashE18 >= 0 || held == 0) continue;
            uint256 collateral = held & 2 != 0 ? 1 : 2;
            uint256 repayE18 = bound(amount, 1, uint256(-cashE18));
            s.usd.mint(keeper, repayE18 / 1e12 + 1);
            vm.prank(keeper);
            s.vault.deposit(Accounts.numberOf(keeper, 0), 0, repayE18 / 1e12 + 1);
            bytes memory data = abi.encodeCall(
                ILiquidator.seize, (account, collateral, repayE18, Accounts.numberOf(keeper, 0))
            );
            tried("seize", keeper, address(s.liquidator), data);
            return;
        }
    }

    /// @notice What nothing is left to pay goes down the waterfall, in its order.
    function absorb(uint256 seed) external {
        for (uint256 i; i < 2 * ACTORS; ++i) {
            uint256 account = accountAt(seed % 6 + i);
            if (s.vault.cashOf(account) >= 0 || s.engine.marketsOf(account).length != 0) continue;
            int256 insuredE18 = cash(Accounts.INSURANCE);
            int256 pooledE18 = cash(Accounts.POOL);
            int256 deficitE18 = cash(Accounts.DEFICIT);
            bytes memory data = abi.encodeCall(ILiquidator.absorb, (account));
            (bool success,) = tried("absorb", keeper, address(s.liquidator), data);
            if (!success) continue;
            if (cash(Accounts.INSURANCE) < insuredE18) {
                assertEq(cash(Accounts.RESERVE), 0, "the reserve comes first");
            }
            if (cash(Accounts.POOL) < pooledE18) {
                assertEq(cash(Accounts.INSURANCE), 0, "the insurance comes first");
                ++done["pool bears"];
            }
            if (cash(Accounts.DEFICIT) < deficitE18) {
                assertEq(cash(Accounts.INSURANCE), 0, "a deficit comes last");
                ++done["deficit"];
            }
            assertEq(cash(account), 0, "absorbed in part");
            return;
        }
    }

    function deleverage(uint256 seed) external {
        uint256 market = seed % MARKETS;
        uint256 nominated = done["nominate"];
        for (uint256 i; i < 2 * ACTORS; ++i) {
            bytes memory call_ = abi.encodeCall(ILiquidator.nominate, (market, accountAt(i)));
            tried("nominate", keeper, address(s.liquidator), call_);
        }
        if (done["nominate"] == nominated) return;
        pass(ADL_WINDOW_S + 1);
        store();
        bytes memory data = abi.encodeCall(ILiquidator.deleverage, (market));
        (bool success,) = tried("deleverage", keeper, address(s.liquidator), data);
        if (success) assertLive(market, Validity.GUARDED);
    }

    function shareDeficit(uint256 seed) external {
        uint256 market = seed % (MARKETS + 1);
        if (market == MARKETS) market = type(uint16).max;
        if (seed % 5 == 0) {
            pass(ADL_WINDOW_S + 1);
            store();
        }
        bytes memory data = abi.encodeCall(ILiquidator.shareDeficit, (market));
        (bool success,) = tried("shareDeficit", keeper, address(s.liquidator), data);
        if (success) lossShared[market] = true;
    }

    function cash(uint256 account) internal view returns (int256) {
        return s.vault.cashOf(account);
    }

    /// @notice A rebase downwards of a collateral.
    function rebase(uint256 seed) external {
        if (seed % 4 != 0) return;
        uint256 collateral = 1 + (seed >> 8) % 2;
        uint256 held = s.tokens[collateral].balanceOf(address(s.vault));
        vm.prank(address(s.vault));
        s.tokens[collateral].transfer(address(0xdead), held * ((seed >> 16) % 50) / 1000);
        tried("sync", keeper, address(s.vault), abi.encodeCall(IVault.sync, (collateral)));
    }
}

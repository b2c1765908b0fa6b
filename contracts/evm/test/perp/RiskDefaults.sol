// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Change, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {Fields} from "../../src/perp/lib/Fields.sol";

/// @notice Careful parameters as a deployment lists them, in the order of `Fields`.
abstract contract RiskDefaults {
    /// @dev Brackets by how much of the order book they are: cap, initial and maintenance share.
    struct Tiers {
        uint256[3] capUsd;
        uint256[3] initialBps;
        uint256[3] maintenanceBps;
    }

    /// @dev 25× up to half a million, 5× at ten million.
    function btcDefaults(uint256 market) internal pure returns (Change[] memory) {
        Tiers memory tiers = Tiers(
            [uint256(500_000), 2_000_000, 10_000_000],
            [uint256(400), 800, 2000],
            [uint256(200), 400, 1000]
        );
        return _market(market, tiers, 2_000_000_000, 500_000);
    }

    /// @dev 20× up to a quarter of a million, 4× at five million.
    function ethDefaults(uint256 market) internal pure returns (Change[] memory) {
        Tiers memory tiers = Tiers(
            [uint256(250_000), 1_000_000, 5_000_000],
            [uint256(500), 1000, 2500],
            [uint256(250), 500, 1250]
        );
        return _market(market, tiers, 1_000_000_000, 250_000);
    }

    function etherDefaults(uint256 collateral, uint256 indexMarket, uint256 twapMarket)
        internal
        pure
        returns (Change[] memory)
    {
        return _collateral(collateral, indexMarket, twapMarket, [uint256(1000), 1500, 3000], 20_000);
    }

    function bitcoinDefaults(uint256 collateral, uint256 indexMarket, uint256 twapMarket)
        internal
        pure
        returns (Change[] memory)
    {
        return _collateral(collateral, indexMarket, twapMarket, [uint256(500), 1000, 2500], 1000);
    }

    function globalDefaults() internal pure returns (Change[] memory list) {
        list = new Change[](28);
        uint256[28] memory v = [
            uint256(0), // HALTED, MISSING and STALE allow nothing.
            0,
            0,
            0x02, // Below GUARDED: reduce.
            0x02,
            0x1e, // GUARDED: all but open and withdraw.
            0x3f,
            0.5e6,
            1e6,
            300,
            50,
            2000,
            100e6,
            5e6,
            12_500,
            2000,
            500,
            1 days,
            60,
            900,
            6000,
            100,
            1 hours,
            1_000_000,
            10_000_000,
            50_000_000,
            200_000_000,
            1_000_000_000
        ];
        for (uint256 i; i < 28; ++i) {
            list[i] = Change(Scope.GLOBAL, 0, _globalFields()[i], v[i]);
        }
    }

    function _market(uint256 id, Tiers memory t, uint256 skewScaleUsd, uint256 liquidationUsd)
        private
        pure
        returns (Change[] memory list)
    {
        list = new Change[](28);
        uint256[28] memory v = [
            t.capUsd[0],
            t.initialBps[0],
            t.maintenanceBps[0],
            t.capUsd[1],
            t.initialBps[1],
            t.maintenanceBps[1],
            t.capUsd[2],
            t.initialBps[2],
            t.maintenanceBps[2],
            1,
            Fields.LISTED,
            60_000,
            1000,
            600,
            200,
            5000,
            5000,
            12_500,
            5000,
            5000,
            4000,
            skewScaleUsd,
            10_000_000,
            liquidationUsd,
            10_000,
            10_000,
            300,
            6 hours
        ];
        for (uint256 i; i < 28; ++i) {
            list[i] = Change(Scope.MARKET, id, _marketFields()[i], v[i]);
        }
    }

    function _collateral(
        uint256 id,
        uint256 indexMarket,
        uint256 twapMarket,
        uint256[3] memory haircutsBps,
        uint256 depositCap
    ) private pure returns (Change[] memory list) {
        list = new Change[](13);
        uint256[13] memory v = [
            indexMarket,
            twapMarket,
            60_000,
            60_000,
            1_000_000,
            haircutsBps[0],
            5_000_000,
            haircutsBps[1],
            20_000_000,
            haircutsBps[2],
            depositCap,
            300,
            Fields.LISTED
        ];
        for (uint256 i; i < 13; ++i) {
            list[i] = Change(Scope.COLLATERAL, id, _collateralFields()[i], v[i]);
        }
    }

    /// @dev Also which fields there are, for tests that go through all of them.
    function _marketFields() internal pure returns (uint256[28] memory) {
        return [
            Fields.CAP_0_USD,
            Fields.INITIAL_0_BPS,
            Fields.MAINTENANCE_0_BPS,
            Fields.CAP_1_USD,
            Fields.INITIAL_1_BPS,
            Fields.MAINTENANCE_1_BPS,
            Fields.CAP_2_USD,
            Fields.INITIAL_2_BPS,
            Fields.MAINTENANCE_2_BPS,
            Fields.DEPTH,
            Fields.MARKET_STATE,
            Fields.MAX_AGE_MS,
            Fields.DELAY_MS,
            Fields.TAKER_FEE_E6,
            Fields.MAKER_FEE_E6,
            Fields.LIQUIDATION_FEE_E6,
            Fields.MAX_IMPACT_E6,
            Fields.TARGET_BPS,
            Fields.POOL_SHARE_BPS,
            Fields.ADL_START_BPS,
            Fields.ADL_STOP_BPS,
            Fields.SKEW_SCALE_USD,
            Fields.OPEN_INTEREST_CAP_USD,
            Fields.LIQUIDATION_CAP_USD,
            Fields.MAX_FUNDING_E6,
            Fields.FUNDING_VELOCITY_E6,
            Fields.PREMIUM_WEIGHT_E2,
            Fields.MAX_ACCRUAL_S
        ];
    }

    function _collateralFields() internal pure returns (uint256[13] memory) {
        return [
            Fields.INDEX_MARKET,
            Fields.TWAP_MARKET,
            Fields.INDEX_MAX_AGE_MS,
            Fields.TWAP_MAX_AGE_MS,
            Fields.HAIRCUT_CAP_0_USD,
            Fields.HAIRCUT_0_BPS,
            Fields.HAIRCUT_CAP_1_USD,
            Fields.HAIRCUT_1_BPS,
            Fields.HAIRCUT_CAP_2_USD,
            Fields.HAIRCUT_2_BPS,
            Fields.DEPOSIT_CAP,
            Fields.SEIZE_DISCOUNT_BPS,
            Fields.COLLATERAL_STATE
        ];
    }

    function _globalFields() internal pure returns (uint256[28] memory) {
        return [
            Fields.ALLOWED_HALTED,
            Fields.ALLOWED_MISSING,
            Fields.ALLOWED_STALE,
            Fields.ALLOWED_TOO_VOLATILE,
            Fields.ALLOWED_TOO_UNCERTAIN,
            Fields.ALLOWED_GUARDED,
            Fields.ALLOWED_VALID,
            Fields.SETTLEMENT_REWARD_E6,
            Fields.FAILURE_FEE_E6,
            Fields.ORDER_EXPIRY_S,
            Fields.MIN_MARGIN_USD,
            Fields.KEEPER_SHARE_BPS,
            Fields.KEEPER_MAX_E6,
            Fields.KEEPER_FLAT_E6,
            Fields.WARNING_BPS,
            Fields.INSURANCE_FEE_BPS,
            Fields.DRAWDOWN_BPS,
            Fields.DRAWDOWN_PERIOD_S,
            Fields.ADL_WINDOW_S,
            Fields.BACKSTOP_DELAY_S,
            Fields.BACKSTOP_BPS,
            Fields.MAX_DEBT_USD,
            Fields.POOL_DELAY_S,
            Fields.DEPTH_0_USD,
            Fields.DEPTH_1_USD,
            Fields.DEPTH_2_USD,
            Fields.DEPTH_3_USD,
            Fields.DEPTH_4_USD
        ];
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Tiers} from "./Tiers.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title LiquidationSize
/// @notice How much of a position to close so that an account stands at its target again.
library LiquidationSize {
    uint256 private constant BPS = 10_000;
    uint256 private constant E6 = 1e6;
    /// @dev Millionths to what a product of two shares in basis points is in.
    uint256 private constant E6_TO_BPS_SQUARED = 100;

    /// @notice The least notional `n` with `equity − n × fee ≥ target × (maintenance − n × share)`,
    /// rounded up; all of it where that is out of reach; 0 where it holds already.
    /// @dev For one bracket of the margin, in which a single share holds.
    function notional(
        int256 equityE18,
        uint256 maintenanceE18,
        uint256 notionalE18,
        uint256 shareBps,
        uint256 feeE6,
        uint256 targetBps
    ) internal pure returns (uint256 closeE18) {
        int256 lackBps = SafeCast.toInt256(maintenanceE18 * targetBps) - equityE18
            * SafeCast.toInt256(BPS);
        if (lackBps <= 0) return 0;
        uint256 freed = targetBps * shareBps;
        uint256 paid = feeE6 * E6_TO_BPS_SQUARED;
        if (freed <= paid) return notionalE18;
        closeE18 = Math.mulDiv(uint256(lackBps), BPS, freed - paid, Math.Rounding.Ceil);
        return Math.min(closeE18, notionalE18);
    }

    /// @notice The same over all brackets of a market's margin: from the top one down, since what is
    /// closed first frees the share of the highest.
    /// @param maintenanceE18 Of the account, over all its markets.
    /// @param notionalE18 Of the position.
    function toTarget(
        int256 equityE18,
        uint256 maintenanceE18,
        uint256 notionalE18,
        uint256 tiersWord,
        uint256 feeE6,
        uint256 targetBps
    ) internal pure returns (uint256 closeE18) {
        uint256 left = notionalE18;
        while (left != 0) {
            (uint256 shareBps, uint256 from) = Tiers.marginal(tiersWord, left, false);
            uint256 part = left - from;
            uint256 n = notional(equityE18, maintenanceE18, part, shareBps, feeE6, targetBps);
            closeE18 += n;
            if (n < part) break;
            equityE18 -= SafeCast.toInt256(Math.ceilDiv(part * feeE6, E6));
            maintenanceE18 -= Math.min(maintenanceE18, part * shareBps / BPS);
            left = from;
        }
    }
}

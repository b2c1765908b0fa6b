// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidator} from "../interfaces/ILiquidator.sol";
import {Margin} from "../interfaces/IPerpEngine.sol";
import {Fields, GlobalRisk} from "../lib/Fields.sol";
import {LiquidatorBase} from "./LiquidatorBase.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title MarginCalls
/// @notice Warns accounts, and keeps the clocks of what may happen when nobody acts.
abstract contract MarginCalls is LiquidatorBase {
    using Fields for GlobalRisk;
    using SafeCast for uint256;

    /// @dev A call says nothing of a fall long after it, which the account may have recovered from
    /// in between unseen: beyond this, it must be called again.
    uint256 internal constant CALL_LASTS_S = 1 days;
    /// @dev Collateral that nobody could price for so long is taken at what it was last worth.
    uint256 internal constant ABANDONED_S = 7 days;
    uint256 private constant OWES_LASTS_S = 4 * ABANDONED_S;

    /// @inheritdoc ILiquidator
    function marginCall(uint256 account) external {
        Margin memory m = _marginOf(account);
        GlobalRisk memory global = RISK.globalRisk();
        bool owes = _debtOf(account) != 0 && !_holdsPositions(account);
        uint256 warningE18 = m.maintenanceE18 * global.get(Fields.WARNING_BPS) / BPS;
        Record memory record = _records[account];
        if (m.equityE18 >= warningE18.toInt256() && !owes) {
            if (record.calledAtS == 0 && !record.liquidated) {
                revert Healthy(account, m.equityE18, warningE18);
            }
            (record.calledAtS, record.belowSinceS, record.owesSinceS) = (0, 0, 0);
            // Where it lost all once is no matter any more: unless there is a loss that nobody sees.
            if (m.complete) (record.liquidated, record.lostE18) = (false, 0);
            _records[account] = record;
            emit MarginCallEnded(account);
            return;
        }
        bool below = m.equityE18 < m.maintenanceE18.toInt256();
        uint256 lastsS = global.get(Fields.BACKSTOP_DELAY_S) + CALL_LASTS_S;
        uint40 belowSinceS = _since(below, record.belowSinceS, lastsS);
        uint40 owesSinceS = _since(owes, record.owesSinceS, OWES_LASTS_S);
        // Only what is news is told: the same call twice is no event.
        bool news = record.calledAtS == 0 || (belowSinceS != record.belowSinceS && below)
            || (owesSinceS != record.owesSinceS && owes);
        if (news) {
            record.calledAtS = uint40(block.timestamp);
            emit MarginCall(account, m.equityE18, m.maintenanceE18);
        }
        (record.belowSinceS, record.owesSinceS) = (belowSinceS, owesSinceS);
        _records[account] = record;
    }

    /// @dev The clock of a state: kept while it lasts, begun anew when it is too old to say anything.
    function _since(bool holds, uint40 sinceS, uint256 lastsS) private view returns (uint40) {
        if (!holds) return 0;
        bool fresh = sinceS != 0 && block.timestamp <= sinceS + lastsS;
        return fresh ? sinceS : uint40(block.timestamp);
    }

    /// @dev Revert unless a clock has run for `delayS`, and no longer than it counts.
    function _requireElapsed(uint256 sinceS, uint256 delayS, uint256 lastsS) internal view {
        if (sinceS == 0 || block.timestamp > sinceS + lastsS) {
            revert TooEarly(block.timestamp, block.timestamp + delayS);
        }
        if (block.timestamp < sinceS + delayS) revert TooEarly(block.timestamp, sinceS + delayS);
    }

    /// @dev Whether an account without a position has owed for so long that what cannot be priced of
    /// it may be taken.
    function _isAbandoned(uint256 account) internal view returns (bool) {
        uint256 sinceS = _records[account].owesSinceS;
        return sinceS != 0 && block.timestamp >= sinceS + ABANDONED_S
            && block.timestamp <= sinceS + OWES_LASTS_S;
    }
}

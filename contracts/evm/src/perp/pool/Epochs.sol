// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILiquidityPool} from "../interfaces/ILiquidityPool.sol";
import {Fields, GlobalRisk} from "../lib/Fields.sol";
import {NetAssets} from "./NetAssets.sol";

/// @title Epochs
/// @notice When an epoch takes requests, and when it is priced.
/// @dev At most two are not priced: the oldest, and the next one, which takes requests once the oldest
/// is closed.
abstract contract Epochs is ILiquidityPool, NetAssets {
    using Fields for GlobalRisk;

    struct Times {
        uint64 closesAtS;
        uint64 dueS;
    }

    /// @inheritdoc ILiquidityPool
    uint256 public oldestEpoch = 1;

    /// @inheritdoc ILiquidityPool
    mapping(uint256 requestId => Times) public timesOf;

    /// @dev The epoch that takes requests now. The first one starts its clock.
    function _openEpoch() internal returns (uint256 epoch) {
        epoch = oldestEpoch;
        uint256 closesAtS = timesOf[epoch].closesAtS;
        if (closesAtS != 0 && block.timestamp >= closesAtS) ++epoch;
        if (timesOf[epoch].closesAtS != 0) return epoch;
        uint256 delayS = RISK.globalRisk().get(Fields.POOL_DELAY_S);
        timesOf[epoch] =
            Times(uint64(block.timestamp + delayS / 2), uint64(block.timestamp + delayS));
    }

    /// @dev Take the oldest epoch to price, once its time has come.
    function _takeDue() internal returns (uint256 epoch, uint256 closedAtS) {
        epoch = oldestEpoch;
        Times memory times = timesOf[epoch];
        if (times.closesAtS == 0) revert NothingRequested(epoch);
        if (block.timestamp < times.dueS) revert TooEarly(block.timestamp, times.dueS);
        oldestEpoch = epoch + 1;
        _closeLate(epoch + 1);
        return (epoch, times.closesAtS);
    }

    /// @dev An epoch that had to wait for the one before took requests all that time: it closes now,
    /// and waits anew.
    function _closeLate(uint256 epoch) private {
        Times memory times = timesOf[epoch];
        if (times.closesAtS == 0 || block.timestamp < times.closesAtS) return;
        uint64 waitS = times.dueS - times.closesAtS;
        timesOf[epoch] = Times(uint64(block.timestamp), uint64(block.timestamp) + waitS);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title UpdateFee
/// @notice A fixed fee for each report that is sent through an adapter, zero if so deployed, and
/// the way back for what was paid beyond it.
/// @dev The adapter keeps no ledger: whatever it holds is the collector's. Refunds are the last
/// thing a call does, so who is called back finds everything done.
abstract contract UpdateFee {
    uint256 public immutable FEE_WEI;
    address payable public immutable COLLECTOR;

    /// @notice A fee needs a collector.
    error NoCollector(uint256 feeWei);

    constructor(uint256 feeWei, address payable collector) {
        if (feeWei != 0 && collector == address(0)) revert NoCollector(feeWei);
        (FEE_WEI, COLLECTOR) = (feeWei, collector);
    }

    /// @notice Send all fees to the collector. Anyone may.
    function collect() external {
        Address.sendValue(COLLECTOR, address(this).balance);
    }

    /// @dev Give the caller back what was paid beyond `dueWei`. A caller that cannot take it must
    /// pay exactly.
    function _refund(uint256 dueWei) internal {
        if (msg.value > dueWei) Address.sendValue(payable(msg.sender), msg.value - dueWei);
    }
}

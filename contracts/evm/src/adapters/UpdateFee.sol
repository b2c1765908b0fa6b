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

    /// @notice The caller takes no ether, and there is no fee to pay.
    error RefundNotTaken(address caller, uint256 restWei);

    constructor(uint256 feeWei, address payable collector) {
        if (feeWei != 0 && collector == address(0)) revert NoCollector(feeWei);
        (FEE_WEI, COLLECTOR) = (feeWei, collector);
    }

    /// @notice Send all fees to the collector. Anyone may.
    function collect() external {
        Address.sendValue(COLLECTOR, address(this).balance);
    }

    /// @dev Give the caller back what was paid beyond `dueWei`. What a caller does not take stays here,
    /// as with Pyth all that is overpaid does: what is due may fall to nothing because somebody else
    /// sent the same report first, and nobody must be able to fail a call by that. Without a
    /// collector it would be lost, so then the call reverts: nothing is ever due.
    function _refund(uint256 dueWei) internal {
        if (msg.value <= dueWei) return;
        uint256 restWei = msg.value - dueWei;
        (bool taken,) = msg.sender.call{value: restWei}("");
        if (!taken && COLLECTOR == address(0)) revert RefundNotTaken(msg.sender, restWei);
    }
}

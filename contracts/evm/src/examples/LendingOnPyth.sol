// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPyth, PythStructs} from "../adapters/interfaces/IPyth.sol";
import {ExampleLending} from "./ExampleLending.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title LendingOnPyth
/// @notice Reads as consumers of Pyth do. Users update the price in the same transaction, or find
/// one that somebody else has sent.
contract LendingOnPyth is ExampleLending {
    uint256 public constant MAX_AGE_S = 60;
    /// @dev A confidence interval wider than this share of the price says too little.
    uint256 public constant MAX_CONFIDENCE_BPS = 100;

    IPyth public immutable PYTH;
    bytes32 public immutable PRICE_ID;

    error BadPrice(int64 price, uint64 conf, int32 expo);

    constructor(
        address lender,
        IERC20Metadata collateral,
        IERC20Metadata debt,
        IPyth pyth,
        bytes32 priceId
    ) ExampleLending(lender, collateral, debt) {
        (PYTH, PRICE_ID) = (pyth, priceId);
    }

    /// @inheritdoc ExampleLending
    function priceOfCollateralE18() public view override returns (uint256) {
        PythStructs.Price memory read = PYTH.getPriceNoOlderThan(PRICE_ID, MAX_AGE_S);
        bool positive = read.price > 0 && read.expo <= 0 && read.expo >= -18;
        if (!positive || read.conf > _share(read.price)) {
            revert BadPrice(read.price, read.conf, read.expo);
        }
        return uint256(uint64(read.price)) * 10 ** uint256(uint32(18 + read.expo));
    }

    function _share(int64 price) private pure returns (uint256) {
        return (uint256(uint64(price)) * MAX_CONFIDENCE_BPS) / 10_000;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Erc7412Adapter} from "../adapters/Erc7412Adapter.sol";
import {ExampleLending} from "./ExampleLending.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title LendingOnErc7412
/// @notice Reads by ERC-7412: what lacks a fresh price reverts with the query for it, and clients
/// that know the standard send the answer first.
contract LendingOnErc7412 is ExampleLending {
    Erc7412Adapter public immutable ADAPTER;

    constructor(
        address lender,
        IERC20Metadata collateral,
        IERC20Metadata debt,
        Erc7412Adapter adapter
    ) ExampleLending(lender, collateral, debt) {
        ADAPTER = adapter;
    }

    /// @inheritdoc ExampleLending
    function priceOfCollateralE18() public view override returns (uint256 priceE18) {
        (priceE18,) = ADAPTER.price();
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {IPerpEngine} from "./interfaces/IPerpEngine.sol";
import {IRiskParameters} from "./interfaces/IRiskParameters.sol";
import {IVault} from "./interfaces/IVault.sol";
import {LiquidatorBase} from "./liquidation/LiquidatorBase.sol";
import {SharedLoss} from "./liquidation/SharedLoss.sol";

/// @title Liquidator
/// @notice What happens to accounts below maintenance, and who bears what they cannot: each level is a
/// base of its own in `liquidation/`, from the margin call to the shared loss.
contract Liquidator is SharedLoss {
    constructor(IMarkOracle oracle, IRiskParameters risk, IVault vault, IPerpEngine engine)
        LiquidatorBase(oracle, risk, vault, engine)
    {}
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee} from "../interfaces/ICommittee.sol";
import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {IVault} from "../perp/interfaces/IVault.sol";
import {IAttesterSet} from "./interfaces/IAttesterSet.sol";
import {IFarGovernor} from "./interfaces/IFarGovernor.sol";
import {IGuardian} from "./interfaces/IGuardian.sol";
import {IListingGate} from "./interfaces/IListingGate.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// @title SlowKinds
/// @notice The calls that are slow from the beginning: those that change code, who may do what, or what
/// may be listed.
library SlowKinds {
    function initial() internal pure returns (bytes4[13] memory) {
        return [
            IVault.setModule.selector,
            IMarkOracle.setCommittee.selector,
            ICommittee.setGuardian.selector,
            Ownable.transferOwnership.selector,
            Ownable.renounceOwnership.selector,
            IAccessControl.grantRole.selector,
            IAccessControl.revokeRole.selector,
            IAccessControl.renounceRole.selector,
            IGuardian.setCouncil.selector,
            IGuardian.setPauser.selector,
            IAttesterSet.rotate.selector,
            IFarGovernor.setSource.selector,
            IListingGate.setTerms.selector
        ];
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {IRiskParameters} from "../perp/interfaces/IRiskParameters.sol";
import {GuardianActs} from "./GuardianActs.sol";
import {IHomeGuardian} from "./interfaces/IHomeGuardian.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Guardian
/// @notice The guardian of the home chain.
/// @dev It cannot veto an operation all of whose calls limit or replace it: else it would be there for
/// ever. An operation that does anything else too can be vetoed.
contract Guardian is GuardianActs, IHomeGuardian {
    constructor(
        TimelockController timelock,
        IMarkOracle oracle,
        IRiskParameters parameters,
        address council_,
        address[] memory pausers
    ) GuardianActs(address(timelock), oracle, parameters, council_, pausers) {}

    /// @inheritdoc IHomeGuardian
    function veto(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt,
        string calldata reason
    ) external onlyCouncil reasoned(reason) {
        if (_areOwnRemoval(targets, payloads)) revert OwnRemoval();
        TimelockController timelock = TimelockController(payable(GOVERNANCE));
        bytes32 id = timelock.hashOperationBatch(targets, values, payloads, predecessor, salt);
        emit Vetoed(id, msg.sender, reason);
        timelock.cancel(id);
    }

    function _takesVeto(address target, bytes calldata data) internal view override returns (bool) {
        bytes32 role = keccak256("CANCELLER_ROLE");
        return target == GOVERNANCE
            && keccak256(data)
                == keccak256(abi.encodeCall(IAccessControl.revokeRole, (role, address(this))));
    }

    function _areOwnRemoval(address[] calldata targets, bytes[] calldata payloads)
        private
        view
        returns (bool)
    {
        for (uint256 i; i < targets.length; ++i) {
            if (!_isOwnRemoval(targets[i], payloads[i])) return false;
        }
        return true;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {IRiskParameters} from "../perp/interfaces/IRiskParameters.sol";
import {DecisionHash} from "./DecisionHash.sol";
import {GuardianActs} from "./GuardianActs.sol";
import {Call} from "./interfaces/IDecisions.sol";
import {IFarGovernor} from "./interfaces/IFarGovernor.sol";
import {IFarGuardian} from "./interfaces/IFarGuardian.sol";

/// @title FarGuardian
/// @notice The guardian of a far chain.
/// @dev Cannot veto a decision all of whose calls limit or replace it, as at home.
contract FarGuardian is GuardianActs, IFarGuardian {
    constructor(
        IFarGovernor governor,
        IMarkOracle oracle,
        IRiskParameters parameters,
        address council_,
        address[] memory pausers
    ) GuardianActs(address(governor), oracle, parameters, council_, pausers) {}

    /// @inheritdoc IFarGuardian
    function veto(uint64 nonce, Call[] calldata calls, string calldata reason)
        external
        onlyCouncil
        reasoned(reason)
    {
        IFarGovernor governor = IFarGovernor(GOVERNANCE);
        if (governor.decisionOf(nonce).payloadHash != DecisionHash.payload(calls)) {
            revert WrongCalls(nonce);
        }
        if (_areOwnRemoval(calls)) revert OwnRemoval();
        emit Vetoed(nonce, msg.sender, reason);
        governor.veto(nonce);
    }

    function _takesVeto(address target, bytes calldata data) internal view override returns (bool) {
        return target == GOVERNANCE && bytes4(data) == IFarGovernor.setGuardian.selector;
    }

    function _areOwnRemoval(Call[] calldata calls) private view returns (bool) {
        for (uint256 i; i < calls.length; ++i) {
            if (!_isOwnRemoval(calls[i].target, calls[i].data)) return false;
        }
        return calls.length != 0;
    }
}

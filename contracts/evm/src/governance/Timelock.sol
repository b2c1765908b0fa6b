// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ExecutionRules} from "./ExecutionRules.sol";
import {Gated, Waits} from "./interfaces/IExecutionRules.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Timelock
/// @notice Owns everything. Does what the governor queued, after the delay of its slowest call, unless
/// the guardian vetoed it; and nothing once 30 days have passed in which nobody executed it.
/// @dev Only the governor proposes and executes: anyone may call its `execute`, so that executing is
/// open, but by one path. Nobody but this contract grants a role; there is no other admin, not even
/// while deploying: the governor's and the guardian's addresses are known before they are deployed.
contract Timelock is TimelockController, ExecutionRules {
    uint256 public constant VALID_FOR_S = 30 days;

    error OnlyBatches();

    constructor(Waits memory waits, Gated[] memory gated, address governor, address guardian)
        TimelockController(waits.delayS, _only(governor), _only(governor), address(0))
        ExecutionRules(waits, gated)
    {
        _grantRole(CANCELLER_ROLE, guardian);
    }

    /// @notice Never: all that is queued is a batch, so that the guardian has one way to veto it.
    function schedule(address, uint256, bytes calldata, bytes32, bytes32, uint256)
        public
        pure
        override
    {
        revert OnlyBatches();
    }

    /// @inheritdoc TimelockController
    /// @dev A `delay` below that of the slowest call's kind counts as that.
    function scheduleBatch(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) public override {
        for (uint256 i; i < payloads.length; ++i) {
            delay = Math.max(delay, _delayOf(payloads[i]));
        }
        super.scheduleBatch(targets, values, payloads, predecessor, salt, delay);
    }

    /// @inheritdoc TimelockController
    function updateDelay(uint256 newDelay) external override onlySelf {
        emit MinDelayChange(_setDelay(newDelay), newDelay);
    }

    /// @inheritdoc TimelockController
    function getMinDelay() public view override returns (uint256) {
        return _delay();
    }

    /// @inheritdoc TimelockController
    /// @dev What nobody executed in time is as if it had never been.
    function getOperationState(bytes32 id) public view override returns (OperationState state) {
        state = super.getOperationState(id);
        if (state == OperationState.Ready && block.timestamp > getTimestamp(id) + VALID_FOR_S) {
            state = OperationState.Unset;
        }
    }

    function _execute(address target, uint256 value, bytes calldata data) internal override {
        _passGate(target, data);
        super._execute(target, value, data);
    }

    function _delaySelector() internal pure override returns (bytes4) {
        return TimelockController.updateDelay.selector;
    }

    function _only(address account) private pure returns (address[] memory accounts) {
        accounts = new address[](1);
        accounts[0] = account;
    }
}

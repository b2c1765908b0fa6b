// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SlowKinds} from "./SlowKinds.sol";
import {IExecutionGate} from "./interfaces/IExecutionGate.sol";
import {Gated, IExecutionRules, Waits} from "./interfaces/IExecutionRules.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title ExecutionRules
/// @notice Delays by the kind of call, and gates by its target.
/// @dev A kind is a selector, whoever is called: a new contract with a known function is slow at once.
abstract contract ExecutionRules is IExecutionRules {
    uint256 internal constant MOST_DELAY_S = 30 days;

    uint256 public immutable FLOOR_S;

    uint256 private _delayS;
    uint256 private _slowDelayS;
    /// @dev Before when each is not shortened again: else one decision could halve it many times.
    uint256 private _nextShorterS;
    uint256 private _nextShorterSlowS;
    mapping(bytes4 selector => bool) private _slow;
    mapping(address target => IExecutionGate) public gateOf;

    modifier onlySelf() {
        if (msg.sender != address(this)) revert OnlySelf(msg.sender);
        _;
    }

    constructor(Waits memory waits, Gated[] memory gated) {
        uint256 mostS = MOST_DELAY_S;
        if (waits.floorS == 0 || waits.floorS > mostS) {
            revert DelayOutOfRange(waits.floorS, 1, mostS);
        }
        FLOOR_S = waits.floorS;
        _requireRange(waits.delayS, waits.floorS, mostS);
        _requireRange(waits.slowDelayS, waits.delayS, mostS);
        (_delayS, _slowDelayS) = (waits.delayS, waits.slowDelayS);
        emit SlowDelayChanged(0, waits.slowDelayS);
        bytes4[13] memory kinds = SlowKinds.initial();
        for (uint256 i; i < kinds.length; ++i) {
            _setSlow(kinds[i], true);
        }
        for (uint256 i; i < gated.length; ++i) {
            _setGate(gated[i].target, gated[i].gate);
        }
    }

    /// @inheritdoc IExecutionRules
    function setSlow(bytes4 selector, bool slow) external onlySelf {
        if (_isRule(selector)) revert AlwaysSlow(selector);
        _setSlow(selector, slow);
    }

    /// @inheritdoc IExecutionRules
    function setGate(address target, IExecutionGate gate) external onlySelf {
        _setGate(target, gate);
    }

    /// @inheritdoc IExecutionRules
    function updateSlowDelay(uint256 slowDelayS) external onlySelf {
        uint256 fromS = _slowDelayS;
        uint256 halfS = fromS / 2;
        _requireRange(slowDelayS, halfS > _delayS ? halfS : _delayS, MOST_DELAY_S);
        if (slowDelayS < fromS) _nextShorterSlowS = _restAfter(_nextShorterSlowS);
        emit SlowDelayChanged(fromS, slowDelayS);
        _slowDelayS = slowDelayS;
    }

    /// @inheritdoc IExecutionRules
    function acceptOwnershipOf(address target) external {
        Ownable2Step(target).acceptOwnership();
    }

    /// @inheritdoc IExecutionRules
    function slowDelay() public view returns (uint256) {
        return _slowDelayS;
    }

    /// @inheritdoc IExecutionRules
    function isSlow(bytes4 selector) public view returns (bool) {
        return _slow[selector] || _isRule(selector);
    }

    /// @return fromS The delay before.
    function _setDelay(uint256 delayS) internal returns (uint256 fromS) {
        fromS = _delayS;
        uint256 halfS = fromS / 2;
        _requireRange(delayS, halfS > FLOOR_S ? halfS : FLOOR_S, _slowDelayS);
        if (delayS < fromS) _nextShorterS = _restAfter(_nextShorterS);
        _delayS = delayS;
    }

    function _delay() internal view returns (uint256) {
        return _delayS;
    }

    /// @dev How long a call waits.
    function _delayOf(bytes calldata data) internal view returns (uint256) {
        return isSlow(bytes4(data)) ? _slowDelayS : _delayS;
    }

    /// @dev Let the target's gate look at a call that comes next.
    function _passGate(address target, bytes calldata data) internal {
        IExecutionGate gate = gateOf[target];
        if (address(gate) != address(0)) gate.beforeCall(target, data);
    }

    /// @dev The selector that sets the delay of most calls.
    function _delaySelector() internal pure virtual returns (bytes4);

    function _isRule(bytes4 selector) private pure returns (bool) {
        return selector == this.setSlow.selector || selector == this.setGate.selector
            || selector == this.updateSlowDelay.selector || selector == _delaySelector();
    }

    /// @dev Revert before the time given.
    /// @return nextS When the rest ends that begins now.
    function _restAfter(uint256 fromS) private view returns (uint256 nextS) {
        if (block.timestamp < fromS) revert ShortenedTooSoon(fromS);
        return block.timestamp + _slowDelayS;
    }

    function _setSlow(bytes4 selector, bool slow) private {
        _slow[selector] = slow;
        emit KindChanged(selector, slow);
    }

    function _setGate(address target, IExecutionGate gate) private {
        gateOf[target] = gate;
        emit GateChanged(target, gate);
    }

    function _requireRange(uint256 givenS, uint256 leastS, uint256 mostS) private pure {
        if (givenS < leastS || givenS > mostS) revert DelayOutOfRange(givenS, leastS, mostS);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRiskParameters, Rule} from "../interfaces/IRiskParameters.sol";

/// @title Rules
/// @notice What a rule allows.
library Rules {
    uint256 private constant BPS = 10_000;
    /// @dev What the guardian raises, he at most doubles.
    uint256 private constant MOST_RAISE = 2;

    /// @notice A parameter that is a number. Without a step it is fixed once listed.
    function number(
        bytes32 name,
        uint256 least,
        uint256 most,
        uint256 stepBps,
        uint256 stepAbs,
        int8 tighter
    ) internal pure returns (Rule memory) {
        return Rule(name, least, most, stepBps, stepAbs, false, tighter);
    }

    /// @notice A parameter that is a set of bits, one of which may change at once.
    function bits(bytes32 name, uint256 always, uint256 ever, int8 tighter)
        internal
        pure
        returns (Rule memory)
    {
        return Rule(name, always, ever, 0, 1, true, tighter);
    }

    function requireWithin(Rule memory rule, uint256 to) internal pure {
        bool within = rule.bits
            ? to & rule.least == rule.least && to & ~rule.most == 0
            : to >= rule.least && to <= rule.most;
        if (!within) revert IRiskParameters.OutOfBounds(rule.name, to, rule.least, rule.most);
    }

    function requireStep(Rule memory rule, uint256 from, uint256 to) internal pure {
        uint256 limit = from * rule.stepBps / BPS;
        if (limit < rule.stepAbs) limit = rule.stepAbs;
        uint256 step = rule.bits ? _countBits(from ^ to) : to > from ? to - from : from - to;
        if (step > limit) revert IRiskParameters.StepTooLarge(rule.name, from, to, limit);
    }

    /// @notice Revert unless the emergency path may take a parameter that governance set to `base`,
    /// and that is `from` now, to `to`.
    function requireTighter(Rule memory rule, uint256 base, uint256 from, uint256 to)
        internal
        pure
    {
        if (rule.tighter == 0 || tighterOf(rule, from, to) != to) {
            revert IRiskParameters.NotTighter(rule.name, from, to);
        }
        requireWithin(rule, to);
        uint256 most = base * MOST_RAISE;
        if (rule.tighter > 0 && to > most) {
            revert IRiskParameters.OutOfBounds(rule.name, to, rule.least, most);
        }
    }

    /// @notice The tighter of two values of a parameter that can be tightened.
    function tighterOf(Rule memory rule, uint256 a, uint256 b) internal pure returns (uint256) {
        if (rule.bits) return a & b;
        return (a < b) == (rule.tighter < 0) ? a : b;
    }

    function _countBits(uint256 set) private pure returns (uint256 count) {
        for (; set != 0; set &= set - 1) {
            ++count;
        }
    }
}

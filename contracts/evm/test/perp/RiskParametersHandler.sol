// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Change, IRiskParameters, Rule, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {RiskDefaults} from "./RiskDefaults.sol";
import {CommonBase} from "forge-std/Base.sol";
import {StdUtils} from "forge-std/StdUtils.sol";

/// @notice Governance and a guardian who try everything: any field, any value, any time.
contract RiskParametersHandler is CommonBase, StdUtils, RiskDefaults {
    IRiskParameters private immutable _PARAMS;
    address private immutable _OWNER;
    address private immutable _GUARDIAN;

    uint256 public changed;
    uint256 public tightened;
    /// @dev By scope and field of the one thing of each scope: when it last moved, and what it was.
    mapping(Scope scope => mapping(uint256 field => uint256)) public movedAtS;
    uint256 public fastMoves;
    uint256 public farMoves;

    constructor(IRiskParameters params, address owner, address guardian) {
        (_PARAMS, _OWNER, _GUARDIAN) = (params, owner, guardian);
    }

    function wait(uint256 forS) external {
        vm.warp(block.timestamp + bound(forS, 1, 3 days));
    }

    function change(uint256 which, uint256 to, uint256 how) external {
        Change memory c = _pick(which);
        uint256 old = _PARAMS.governed(c.scope, c.id, c.field);
        Rule memory r = _PARAMS.rule(c.scope, c.field);
        c.value = _value(r, old, to, how);
        Change[] memory changes = new Change[](1);
        changes[0] = c;
        vm.prank(_OWNER);
        try _PARAMS.change(changes) {
            ++changed;
            uint256 last = movedAtS[c.scope][c.field];
            if (last != 0 && block.timestamp < last + 1 days) ++fastMoves;
            movedAtS[c.scope][c.field] = block.timestamp;
            if (!_isWithinStep(r, old, c.value)) ++farMoves;
        } catch {}
    }

    function tighten(uint256 which, uint256 to, uint256 how, uint256 forS, bool byOwner) external {
        Change memory c = _pick(which);
        Rule memory r = _PARAMS.rule(c.scope, c.field);
        c.value = _value(r, _PARAMS.value(c.scope, c.id, c.field), to, how);
        Change[] memory changes = new Change[](1);
        changes[0] = c;
        uint256 untilS = block.timestamp + bound(forS, 1, 8 days);
        vm.prank(byOwner ? _OWNER : _GUARDIAN);
        try _PARAMS.tighten(changes, untilS) {
            ++tightened;
        } catch {}
    }

    function endEmergency(uint256 which) external {
        Change memory c = _pick(which);
        vm.prank(_OWNER);
        _PARAMS.endEmergency(c.scope, c.id);
    }

    function _isWithinStep(Rule memory r, uint256 old, uint256 to) private pure returns (bool) {
        if (r.bits) {
            uint256 changedBits = old ^ to;
            return changedBits & (changedBits - (changedBits == 0 ? 0 : 1)) == 0;
        }
        uint256 by = to > old ? to - old : old - to;
        return by <= r.stepAbs || by * 10_000 <= old * r.stepBps;
    }

    /// @dev Mostly within a step, for what is refused teaches nothing.
    function _value(Rule memory r, uint256 old, uint256 to, uint256 how)
        private
        pure
        returns (uint256)
    {
        if (r.bits) return how % 4 == 0 ? to & 0xff : old ^ (1 << (to % 6));
        if (how % 8 == 0) return bound(to, 0, r.most * 2);
        if (how % 8 == 1) return bound(to, r.least, r.most);
        uint256 step = old * r.stepBps / 10_000;
        if (step < r.stepAbs) step = r.stepAbs;
        return bound(to, old > step ? old - step : 0, old + step);
    }

    function _pick(uint256 which) private pure returns (Change memory) {
        uint256 i = which % 69;
        if (i < 28) return btcDefaults(0)[i];
        if (i < 56) return globalDefaults()[i - 28];
        return etherDefaults(1, 2, 3)[i - 56];
    }
}

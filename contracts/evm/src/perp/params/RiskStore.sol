// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Change, IRiskParameters, Rule, Scope} from "../interfaces/IRiskParameters.sol";
import {CollateralRisk, Fields, GlobalRisk, MarketRisk} from "../lib/Fields.sol";
import {CollateralRules} from "./CollateralRules.sol";
import {GlobalRules} from "./GlobalRules.sol";
import {MarketRules} from "./MarketRules.sol";
import {Rules} from "./Rules.sol";

/// @title RiskStore
/// @notice The words of every scope: those governance set, and a second set that holds instead of them
/// while an emergency lasts.
/// @dev Why the second set never is looser than the first: it begins as a copy, `_tightenField` only
/// goes the rule's way from what it holds, and `_setField` leaves it the tighter of its own value and
/// the new one (or lets it follow, if it was the governed value).
abstract contract RiskStore is IRiskParameters {
    using Fields for uint256;
    using Rules for Rule;

    uint256 private constant SCOPES = 3;

    /// @dev By scope and id.
    mapping(uint256 id => uint256[3] words)[SCOPES] private _governed;
    mapping(uint256 id => uint256[3] words)[SCOPES] private _tightened;

    /// @inheritdoc IRiskParameters
    function marketRisk(uint256 market) external view returns (MarketRisk memory) {
        uint256[3] storage words = _governed[uint256(Scope.MARKET)][market];
        uint256 trading = words[1];
        if (block.timestamp < trading.cut(Fields.MARKET_EMERGENCY_UNTIL_S)) {
            words = _tightened[uint256(Scope.MARKET)][market];
            trading = words[1];
        }
        return MarketRisk(words[0], trading, words[2]);
    }

    /// @inheritdoc IRiskParameters
    function collateralRisk(uint256 collateral) external view returns (CollateralRisk memory) {
        uint256[3] storage words = _governed[uint256(Scope.COLLATERAL)][collateral];
        uint256 limits = words[1];
        if (block.timestamp < limits.cut(Fields.COLLATERAL_EMERGENCY_UNTIL_S)) {
            words = _tightened[uint256(Scope.COLLATERAL)][collateral];
            limits = words[1];
        }
        return CollateralRisk(words[0], limits);
    }

    /// @inheritdoc IRiskParameters
    function globalRisk() external view returns (GlobalRisk memory) {
        uint256[3] storage words = _governed[uint256(Scope.GLOBAL)][0];
        uint256 losses = words[1];
        if (block.timestamp < losses.cut(Fields.GLOBAL_EMERGENCY_UNTIL_S)) {
            words = _tightened[uint256(Scope.GLOBAL)][0];
            losses = words[1];
        }
        return GlobalRisk(words[0], losses, words[2]);
    }

    /// @inheritdoc IRiskParameters
    function rule(Scope scope, uint256 field) external pure returns (Rule memory) {
        return _rule(scope, field);
    }

    /// @inheritdoc IRiskParameters
    function value(Scope scope, uint256 id, uint256 field) external view returns (uint256) {
        bool emergency = _emergencyUntilS(scope, id) != 0;
        return _read(emergency ? _tightWords(scope, id) : _words(scope, id), field);
    }

    /// @inheritdoc IRiskParameters
    function governed(Scope scope, uint256 id, uint256 field) external view returns (uint256) {
        return _read(_words(scope, id), field);
    }

    /// @dev Give a parameter the value of governance.
    function _setField(Rule memory r, Change calldata c) internal returns (uint256 from) {
        uint256[3] storage words = _words(c.scope, c.id);
        from = _read(words, c.field);
        _write(words, c.field, c.value);
        if (_emergencyUntilS(c.scope, c.id) == 0) return from;
        uint256[3] storage tight = _tightWords(c.scope, c.id);
        uint256 held = _read(tight, c.field);
        _write(tight, c.field, held == from ? c.value : r.tighterOf(c.value, held));
    }

    /// @dev Give a parameter the tighter value of an emergency that runs.
    function _tightenField(Rule memory r, Change calldata c) internal returns (uint256 from) {
        uint256[3] storage tight = _tightWords(c.scope, c.id);
        from = _read(tight, c.field);
        r.requireTighter(_read(_words(c.scope, c.id), c.field), from, c.value);
        _write(tight, c.field, c.value);
    }

    /// @dev Start an emergency from the governed values, or let the one that runs last longer.
    /// @return endS When it ends.
    function _startEmergency(Scope scope, uint256 id, uint256 untilS)
        internal
        returns (uint256 endS)
    {
        uint256 runsUntilS = _emergencyUntilS(scope, id);
        if (runsUntilS == 0) {
            uint256[3] storage words = _words(scope, id);
            _tightened[uint256(scope)][id] = words;
        }
        endS = runsUntilS > untilS ? runsUntilS : untilS;
        _setEmergencyEnd(scope, id, endS);
    }

    function _setEmergencyEnd(Scope scope, uint256 id, uint256 endS) internal {
        uint256 field = _untilField(scope);
        _write(_words(scope, id), field, endS);
        _write(_tightWords(scope, id), field, endS);
    }

    /// @dev When the emergency that runs ends; 0 for none.
    function _emergencyUntilS(Scope scope, uint256 id) internal view returns (uint256 untilS) {
        untilS = _read(_words(scope, id), _untilField(scope));
        if (untilS <= block.timestamp) return 0;
    }

    function _isListed(Scope scope, uint256 id) internal view returns (bool) {
        uint256[3] storage words = _words(scope, id);
        if (scope == Scope.GLOBAL) return words[0] != 0;
        bool market = scope == Scope.MARKET;
        return _read(words, market ? Fields.MARKET_STATE : Fields.COLLATERAL_STATE) != 0;
    }

    function _governedMarket(uint256 id) internal view returns (MarketRisk memory) {
        uint256[3] storage words = _words(Scope.MARKET, id);
        return MarketRisk(words[0], words[1], words[2]);
    }

    function _governedCollateral(uint256 id) internal view returns (CollateralRisk memory) {
        uint256[3] storage words = _words(Scope.COLLATERAL, id);
        return CollateralRisk(words[0], words[1]);
    }

    function _governedGlobal() internal view returns (GlobalRisk memory) {
        uint256[3] storage words = _words(Scope.GLOBAL, 0);
        return GlobalRisk(words[0], words[1], words[2]);
    }

    /// @dev Every field that has a rule; the ends of emergencies have none.
    function _rule(Scope scope, uint256 field) internal pure returns (Rule memory r) {
        if (scope == Scope.MARKET) r = MarketRules.rule(field);
        else if (scope == Scope.COLLATERAL) r = CollateralRules.rule(field);
        else r = GlobalRules.rule(field);
        if (r.name == 0) revert UnknownField(scope, field);
    }

    function _fieldCount(Scope scope) internal pure returns (uint256) {
        if (scope == Scope.MARKET) return MarketRules.COUNT;
        return scope == Scope.COLLATERAL ? CollateralRules.COUNT : GlobalRules.COUNT;
    }

    function _words(Scope scope, uint256 id) private view returns (uint256[3] storage) {
        return _governed[uint256(scope)][id];
    }

    function _tightWords(Scope scope, uint256 id) private view returns (uint256[3] storage) {
        return _tightened[uint256(scope)][id];
    }

    function _read(uint256[3] storage words, uint256 field) private view returns (uint256) {
        return words[field >> 16].cut(field);
    }

    function _write(uint256[3] storage words, uint256 field, uint256 to) private {
        words[field >> 16] = words[field >> 16].put(field, to);
    }

    function _untilField(Scope scope) private pure returns (uint256) {
        if (scope == Scope.MARKET) return Fields.MARKET_EMERGENCY_UNTIL_S;
        if (scope == Scope.COLLATERAL) return Fields.COLLATERAL_EMERGENCY_UNTIL_S;
        return Fields.GLOBAL_EMERGENCY_UNTIL_S;
    }
}

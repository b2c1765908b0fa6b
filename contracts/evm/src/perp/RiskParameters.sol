// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {IAccessPolicy} from "./interfaces/IAccessPolicy.sol";
import {Change, IRiskParameters, Rule, Scope} from "./interfaces/IRiskParameters.sol";
import {CollateralRisk, Fields, GlobalRisk, MarketRisk} from "./lib/Fields.sol";
import {Consistency} from "./params/Consistency.sol";
import {RiskStore} from "./params/RiskStore.sol";
import {Rules} from "./params/Rules.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title RiskParameters
/// @notice Every number of the risk framework. What a field may be is in `params/*Rules`, what must go
/// together in `params/Consistency`, where the words lie in `params/RiskStore`.
/// @dev A parameter moves one step a day, whatever is executed that day: no proposal, and no number of
/// them passed together, takes it far.
contract RiskParameters is RiskStore, Ownable2Step {
    using Consistency for CollateralRisk;
    using Consistency for GlobalRisk;
    using Consistency for MarketRisk;
    using Fields for CollateralRisk;
    using Fields for MarketRisk;
    using Rules for Rule;

    uint256 private constant STEP_INTERVAL_S = 1 days;
    uint256 private constant MAX_EMERGENCY_S = 7 days;
    /// @dev After a week of the guardian's, how long he can tighten nothing.
    uint256 private constant REST_S = 7 days;
    /// @dev Where a market begins: nobody knows yet how deep it is.
    uint256 private constant MOST_DEPTH_LISTED = 1;
    /// @dev The vault's numbers of further collaterals: 0 is the settlement token.
    uint256 private constant MOST_COLLATERAL = 255;

    IMarkOracle public immutable ORACLE;

    address public guardian;
    /// @dev When the guardian's week ends: it begins with the first that he tightens.
    uint256 private _guardianUntilS;
    uint256[] private _markets;
    mapping(uint256 market => IAccessPolicy) public accessPolicy;
    mapping(Scope scope => mapping(uint256 id => mapping(uint256 field => uint256))) private
        _nextChangeS;

    constructor(IMarkOracle oracle, address initialOwner) Ownable(initialOwner) {
        ORACLE = oracle;
    }

    /// @inheritdoc IRiskParameters
    function change(Change[] calldata changes) external onlyOwner {
        for (uint256 i; i < changes.length; ++i) {
            _change(changes[i]);
        }
        for (uint256 i; i < changes.length; ++i) {
            _requireConsistent(changes[i].scope, changes[i].id);
        }
    }

    /// @inheritdoc IRiskParameters
    function list(Scope scope, uint256 id, Change[] calldata changes) external onlyOwner {
        if (_isListed(scope, id)) revert AlreadyListed(scope, id);
        uint256 count = _fieldCount(scope);
        if (changes.length != count) revert IncompleteListing(changes.length, count);
        for (uint256 i; i < count; ++i) {
            Change calldata c = changes[i];
            if (c.scope != scope || c.id != id) revert NotListed(c.scope, c.id);
            if (i > 0 && c.field <= changes[i - 1].field) revert ListingOrder(i, c.field);
            Rule memory r = _rule(scope, c.field);
            r.requireWithin(c.value);
            uint256 from = _setField(r, c);
            emit ParameterChanged(scope, id, c.field, from, c.value);
        }
        _requireListable(scope, id);
        _requireConsistent(scope, id);
        if (scope == Scope.MARKET) _markets.push(id);
        emit Listed(scope, id);
    }

    /// @inheritdoc IRiskParameters
    function tighten(Change[] calldata changes, uint256 untilS) external {
        bool byOwner = msg.sender == owner();
        if (!byOwner && msg.sender != guardian) revert NotGuardian(msg.sender);
        uint256 limitS = byOwner ? block.timestamp + MAX_EMERGENCY_S : _guardianLimitS();
        if (untilS <= block.timestamp) revert EmergencyOver(untilS, block.timestamp);
        if (untilS > limitS) revert EmergencyTooLong(untilS, limitS);
        for (uint256 i; i < changes.length; ++i) {
            Change calldata c = changes[i];
            if (!_isListed(c.scope, c.id)) revert NotListed(c.scope, c.id);
            Rule memory r = _rule(c.scope, c.field);
            uint256 endS = _startEmergency(c.scope, c.id, untilS);
            uint256 from = _tightenField(r, c);
            emit ParameterTightened(c.scope, c.id, c.field, from, c.value, endS, msg.sender);
        }
    }

    /// @inheritdoc IRiskParameters
    function endEmergency(Scope scope, uint256 id) external onlyOwner {
        if (!_isListed(scope, id)) revert NotListed(scope, id);
        _setEmergencyEnd(scope, id, 0);
        emit EmergencyEnded(scope, id, msg.sender);
    }

    /// @inheritdoc IRiskParameters
    function setAccessPolicy(uint256 market, IAccessPolicy policy) external onlyOwner {
        if (!_isListed(Scope.MARKET, market)) revert NotListed(Scope.MARKET, market);
        accessPolicy[market] = policy;
        emit AccessPolicyChanged(market, policy);
    }

    /// @inheritdoc IRiskParameters
    /// @dev A new guardian need not wait for what the one before did.
    function setGuardian(address guardian_) external onlyOwner {
        emit GuardianChanged(guardian, guardian_);
        guardian = guardian_;
        _guardianUntilS = 0;
    }

    /// @inheritdoc IRiskParameters
    function nextChangeS(Scope scope, uint256 id, uint256 field) external view returns (uint256) {
        return _nextChangeS[scope][id][field];
    }

    /// @inheritdoc IRiskParameters
    function listedMarkets() external view returns (uint256[] memory) {
        return _markets;
    }

    /// @notice Never: without an owner no parameter could follow its market.
    function renounceOwnership() public pure override {
        revert OwnershipIsKept();
    }

    function _change(Change calldata c) private {
        if (!_isListed(c.scope, c.id)) revert NotListed(c.scope, c.id);
        Rule memory r = _rule(c.scope, c.field);
        uint256 nextS = _nextChangeS[c.scope][c.id][c.field];
        if (block.timestamp < nextS) revert TooSoon(r.name, nextS);
        _nextChangeS[c.scope][c.id][c.field] = block.timestamp + STEP_INTERVAL_S;
        r.requireWithin(c.value);
        uint256 from = _setField(r, c);
        r.requireStep(from, c.value);
        emit ParameterChanged(c.scope, c.id, c.field, from, c.value);
        // What was open need not have meant anything in the oracle since.
        bool opens = c.field == Fields.MARKET_STATE && c.value == Fields.LISTED;
        if (opens && c.scope == Scope.MARKET) _requireInstrument(c.id);
    }

    /// @dev How long the guardian may tighten for; starts his week if he has one.
    function _guardianLimitS() private returns (uint256 limitS) {
        limitS = _guardianUntilS;
        if (block.timestamp < limitS) return limitS;
        uint256 nextS = limitS + REST_S;
        if (block.timestamp < nextS) revert TooSoon("EMERGENCY", nextS);
        limitS = block.timestamp + MAX_EMERGENCY_S;
        _guardianUntilS = limitS;
    }

    function _requireListable(Scope scope, uint256 id) private view {
        if (scope == Scope.GLOBAL) {
            if (id != 0) revert NotListed(scope, id);
        } else if (scope == Scope.MARKET) {
            _requireInstrument(id);
            uint256 depth = _governedMarket(id).get(Fields.DEPTH);
            if (depth > MOST_DEPTH_LISTED) {
                revert OutOfBounds("DEPTH", depth, 0, MOST_DEPTH_LISTED);
            }
        } else {
            if (id == 0 || id > MOST_COLLATERAL) revert NotListed(scope, id);
            CollateralRisk memory risk = _governedCollateral(id);
            _requireInstrument(risk.get(Fields.INDEX_MARKET));
            _requireInstrument(risk.get(Fields.TWAP_MARKET));
        }
    }

    function _requireInstrument(uint256 market) private view {
        (bytes32 instrument,) = ORACLE.instrumentOf(market);
        if (instrument == 0) revert NoInstrument(market);
    }

    /// @dev Judges what governance set: what an emergency tightens keeps to all that matters by itself.
    function _requireConsistent(Scope scope, uint256 id) private view {
        if (scope == Scope.MARKET) {
            MarketRisk memory market = _governedMarket(id);
            market.check();
            market.checkDepth(_governedGlobal());
        } else if (scope == Scope.COLLATERAL) {
            _governedCollateral(id).check();
        } else {
            GlobalRisk memory all = _governedGlobal();
            all.check();
            uint256[] memory markets = _markets;
            for (uint256 i; i < markets.length; ++i) {
                _governedMarket(markets[i]).checkDepth(all);
            }
        }
    }
}

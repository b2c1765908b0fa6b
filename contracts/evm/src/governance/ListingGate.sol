// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarkOracle, Mark, Validity} from "../interfaces/IMarkOracle.sol";
import {Change, IRiskParameters, Scope} from "../perp/interfaces/IRiskParameters.sol";
import {Fields, GlobalRisk} from "../perp/lib/Fields.sol";
import {IExecutionGate} from "./interfaces/IExecutionGate.sol";
import {IListingGate, Probation, Terms} from "./interfaces/IListingGate.sol";

/// @title ListingGate
/// @notice Stands between governance and RiskParameters: what is listed, and how fast it grows.
contract ListingGate is IListingGate {
    using Fields for GlobalRisk;

    uint256 private constant LEAST_PROBATION_S = 7 days;
    uint256 private constant MOST_PROBATION_S = 180 days;
    uint256 private constant LEAST_INTERVAL_S = 10 minutes;
    uint256 private constant MOST_INTERVAL_S = 1 days;
    uint256 private constant MOST_AGE_MS = 1 hours * 1000;
    /// @dev Of sampling intervals: a longer gap begins the time anew.
    uint256 private constant MAX_GAP = 4;
    uint256 private constant PRICE_UNIT = 1e18;

    address public immutable EXECUTOR;
    IMarkOracle public immutable ORACLE;
    IRiskParameters public immutable PARAMETERS;

    Terms private _terms;
    mapping(uint256 market => Probation) private _probations;
    /// @dev When a market was listed by this gate, or last promoted.
    mapping(uint256 market => uint256) private _movedAtS;

    modifier onlyExecutor() {
        if (msg.sender != EXECUTOR) revert NotExecutor(msg.sender);
        _;
    }

    /// @param executor The timelock, or the far governor.
    constructor(
        address executor,
        IMarkOracle oracle,
        IRiskParameters parameters,
        Terms memory terms_
    ) {
        (EXECUTOR, ORACLE, PARAMETERS) = (executor, oracle, parameters);
        _setTerms(terms_);
    }

    /// @inheritdoc IListingGate
    function sample(uint256 market) external {
        _requireBound(market);
        Mark memory mark = ORACLE.readMarkAged(market, _terms.maxAgeMs);
        Probation storage probation = _probations[market];
        if (_isBad(mark)) {
            if (probation.sinceS == 0) revert NothingToSample(market, mark.validity);
            delete _probations[market];
            emit ProbationRestarted(market, mark.validity, mark.paused, msg.sender);
            return;
        }
        if (mark.validity != Validity.VALID) revert NothingToSample(market, mark.validity);
        if (_hasGap(probation)) {
            probation.sinceS = uint40(block.timestamp);
            probation.samples = 0;
        } else {
            uint256 nextS = uint256(probation.lastS) + _terms.sampleIntervalS;
            if (block.timestamp < nextS) revert TooEarly(nextS);
        }
        probation.lastS = uint40(block.timestamp);
        ++probation.samples;
        emit Sampled(market, probation.samples, probation.sinceS);
    }

    /// @inheritdoc IListingGate
    function setTerms(Terms calldata terms_) external onlyExecutor {
        _setTerms(terms_);
    }

    /// @inheritdoc IExecutionGate
    function beforeCall(address target, bytes calldata data) external onlyExecutor {
        if (target != address(PARAMETERS)) return;
        if (bytes4(data) == IRiskParameters.list.selector) {
            (Scope scope, uint256 id, Change[] memory changes) =
                abi.decode(data[4:], (Scope, uint256, Change[]));
            if (scope == Scope.MARKET) _checkMarket(id, changes);
            else if (scope == Scope.COLLATERAL) _checkCollateral(id, changes);
        } else if (bytes4(data) == IRiskParameters.change.selector) {
            _checkPromotions(abi.decode(data[4:], (Change[])));
        }
    }

    /// @inheritdoc IListingGate
    function terms() external view returns (Terms memory) {
        return _terms;
    }

    /// @inheritdoc IListingGate
    function probationOf(uint256 market) external view returns (Probation memory) {
        return _probations[market];
    }

    /// @inheritdoc IListingGate
    function requireProven(uint256 market) public view {
        _requireBound(market);
        Probation storage probation = _probations[market];
        // Half of those that there is time for: nobody samples to the second.
        uint256 needed = _terms.probationS / _terms.sampleIntervalS / 2;
        bool isLong = block.timestamp >= uint256(probation.sinceS) + _terms.probationS;
        if (!isLong || probation.samples < needed || _hasGap(probation)) {
            revert NotProven(market, probation.sinceS, probation.samples, needed);
        }
        // Reverts unless it is VALID, in time and not paused at this moment too.
        ORACLE.usablePrice(market, _terms.maxAgeMs);
    }

    function _checkMarket(uint256 market, Change[] memory changes) private {
        requireProven(market);
        uint256 depth = _valueOf(changes, Fields.DEPTH);
        // The parameters themselves hold the open interest to what the depth allows.
        if (depth != 0) revert DepthTooGreat(market, depth, 0);
        _movedAtS[market] = block.timestamp;
    }

    function _checkCollateral(uint256 collateral, Change[] memory changes) private view {
        uint256 index = _valueOf(changes, Fields.INDEX_MARKET);
        requireProven(index);
        requireProven(_valueOf(changes, Fields.TWAP_MARKET));
        (uint256 priceE18,) = ORACLE.usablePrice(index, _terms.maxAgeMs);
        uint256 capUsd = _valueOf(changes, Fields.DEPOSIT_CAP) * priceE18 / PRICE_UNIT;
        uint256 mostUsd = PARAMETERS.globalRisk().get(Fields.DEPTH_0_USD);
        if (capUsd > mostUsd) revert DepositCapTooGreat(collateral, capUsd, mostUsd);
    }

    function _checkPromotions(Change[] memory changes) private {
        for (uint256 i; i < changes.length; ++i) {
            Change memory c = changes[i];
            if (c.scope != Scope.MARKET || c.field != Fields.DEPTH) continue;
            uint256 depth = PARAMETERS.value(Scope.MARKET, c.id, Fields.DEPTH);
            if (c.value <= depth) continue;
            if (c.value > depth + 1) revert DepthTooGreat(c.id, c.value, depth + 1);
            uint256 nextS = _movedAtS[c.id] + _terms.promotionS;
            if (block.timestamp < nextS) revert PromotedTooSoon(c.id, nextS);
            _movedAtS[c.id] = block.timestamp;
            emit Promoted(c.id, c.value);
        }
    }

    function _setTerms(Terms memory t) private {
        _requireRange("probationS", t.probationS, LEAST_PROBATION_S, MOST_PROBATION_S);
        _requireRange("sampleIntervalS", t.sampleIntervalS, LEAST_INTERVAL_S, MOST_INTERVAL_S);
        _requireRange("maxAgeMs", t.maxAgeMs, 1, MOST_AGE_MS);
        _requireRange("promotionS", t.promotionS, LEAST_PROBATION_S, MOST_PROBATION_S);
        _terms = t;
        emit TermsChanged(t);
    }

    /// @dev A number that means something never comes to mean anything else but nothing.
    function _requireBound(uint256 market) private view {
        (bytes32 instrument,) = ORACLE.instrumentOf(market);
        if (instrument == 0) revert NotBound(market);
    }

    function _hasGap(Probation storage probation) private view returns (bool) {
        return block.timestamp > uint256(probation.lastS) + MAX_GAP * _terms.sampleIntervalS;
    }

    /// @dev What was signed is bad, or the market is stopped. What is old or guarded is not, yet no
    /// good either.
    function _isBad(Mark memory mark) private pure returns (bool) {
        return mark.paused || (mark.validity < Validity.GUARDED && mark.validity != Validity.STALE);
    }

    /// @return value 0 if it is not among them, which the parameters refuse.
    function _valueOf(Change[] memory changes, uint256 field) private pure returns (uint256 value) {
        for (uint256 i; i < changes.length; ++i) {
            if (changes[i].field == field) return changes[i].value;
        }
    }

    function _requireRange(bytes32 name, uint256 given, uint256 least, uint256 most) private pure {
        if (given < least || given > most) revert TermOutOfRange(name, given, least, most);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EntryFault, IMarkOracle, Leaf} from "../interfaces/IMarkOracle.sol";
import {GroupWord} from "../report/GroupWord.sol";
import {IAccessPolicy} from "./interfaces/IAccessPolicy.sol";
import {IOrders, Order, OrderEnd, OrderKind} from "./interfaces/IOrders.sol";
import {IPerpEngine, Quote, Trade} from "./interfaces/IPerpEngine.sol";
import {IRiskParameters} from "./interfaces/IRiskParameters.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Accounts} from "./lib/Accounts.sol";
import {Action, Fields, GlobalRisk, MarketRisk} from "./lib/Fields.sol";
import {OrderPayments} from "./orders/OrderPayments.sol";
import {OrderReports} from "./orders/OrderReports.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Orders
/// @notice Orders in two steps, so that neither who trades nor who settles chooses among prices.
/// @dev It holds no tokens: what orders put down is a row of the vault. To replace it, keep it a module
/// until no order is pending.
contract Orders is OrderPayments, ReentrancyGuardTransient {
    using Fields for GlobalRisk;
    using Fields for MarketRisk;
    using GroupWord for uint256;
    using OrderReports for IMarkOracle;
    using OrderReports for Leaf[];
    using SafeCast for int256;
    using SafeCast for uint256;

    /// @notice How long a stop or take-profit may wait for its trigger.
    uint256 public constant MAX_WAIT_S = 90 days;
    uint256 private constant POLICY_GAS = 100_000;

    IMarkOracle public immutable ORACLE;
    uint256 private immutable MAX_FUTURE_MS;

    struct Outcome {
        OrderEnd how;
        bytes4 reason;
        uint256 priceE18;
        uint256 closedE18;
    }

    constructor(IMarkOracle oracle, IRiskParameters risk, IVault vault, IPerpEngine engine)
        OrderPayments(risk, vault, engine)
    {
        (ORACLE, MAX_FUTURE_MS) = (oracle, oracle.MAX_FUTURE_MS());
    }

    /// @inheritdoc IOrders
    function commit(
        uint256 account,
        uint256 market,
        OrderKind kind,
        int256 sizeDeltaE18,
        uint256 acceptablePriceE18,
        uint256 triggerE18,
        uint256 expiresAtS
    ) external returns (uint256 id) {
        if (Accounts.ownerOf(account) != msg.sender) {
            revert NotTheOwner(account, msg.sender);
        }
        if (sizeDeltaE18 == 0) revert ZeroSize();
        if (_isConditional(kind) != (triggerE18 != 0)) revert BadTrigger(kind, triggerE18);
        Order memory o;
        (o.account, o.market, o.kind) = (account, market.toUint16(), kind);
        (o.sizeDeltaE18, o.acceptablePriceE18, o.triggerE18) =
        (sizeDeltaE18.toInt128(), acceptablePriceE18.toUint128(), triggerE18.toUint128());
        _requireMarket(market, kind);
        _setTerms(o, expiresAtS);
        id = _add(o);
        emit Committed(id, account, o);
        if (kind == OrderKind.MARKET) _putDown(o);
    }

    /// @inheritdoc IOrders
    function trigger(uint256 id) external {
        Order memory o = _require(id);
        if (o.dueMs != 0) revert AlreadyTriggered(id);
        if (block.timestamp > o.expiresAtS) revert Expired(id, o.expiresAtS);
        uint256 priceE18 = ENGINE.priceFor(o.market, Action.REDUCE);
        bool falling = (o.kind == OrderKind.STOP) == (o.sizeDeltaE18 < 0);
        bool reached = falling ? priceE18 <= o.triggerE18 : priceE18 >= o.triggerE18;
        if (!reached) revert NotTriggered(id, priceE18, o.triggerE18);
        uint256 dueMs = _dueMs(o.market);
        uint256 endS = _secondOf(dueMs) + RISK.globalRisk().get(Fields.ORDER_EXPIRY_S);
        _reschedule(id, dueMs.toUint48(), endS.toUint40());
        emit Triggered(id, priceE18, dueMs);
    }

    /// @inheritdoc IOrders
    function settle(uint256 id, bytes calldata report) external nonReentrant returns (OrderEnd) {
        (OrderEnd how, bytes memory refusal) = _settle(id, ORACLE.verified(report));
        if (refusal.length != 0) _revertWith(refusal);
        return how;
    }

    /// @inheritdoc IOrders
    function settleMany(uint256[] calldata ids, bytes calldata report) external nonReentrant {
        Leaf[] memory leaves = ORACLE.verified(report);
        for (uint256 i; i < ids.length; ++i) {
            (, bytes memory refusal) = _settle(ids[i], leaves);
            if (refusal.length != 0) emit Skipped(ids[i], bytes4(refusal));
        }
    }

    /// @inheritdoc IOrders
    function expire(uint256 id) external nonReentrant {
        Order memory o = _require(id);
        bool withdrawn = o.dueMs == 0 && Accounts.ownerOf(o.account) == msg.sender;
        if (!withdrawn && block.timestamp <= o.expiresAtS) revert NotExpired(id, o.expiresAtS);
        _remove(id, o);
        emit Settled(id, OrderEnd.EXPIRED, 0, 0, msg.sender);
        if (!withdrawn) _pay(id, o, OrderEnd.EXPIRED, 0);
    }

    /// @return refusal Why it cannot be settled now; nothing has changed then.
    function _settle(uint256 id, Leaf[] memory leaves)
        private
        returns (OrderEnd, bytes memory refusal)
    {
        Order memory o = _find(id);
        uint256 word;
        (word, refusal) = leaves.deciding(id, o);
        if (refusal.length != 0) return (OrderEnd.EXPIRED, refusal);
        _remove(id, o);
        Outcome memory outcome;
        (outcome, refusal) = _trade(o, word);
        if (refusal.length != 0) {
            _restore(id, o);
            return (OrderEnd.EXPIRED, refusal);
        }
        emit Settled(id, outcome.how, outcome.reason, outcome.priceE18, msg.sender);
        _pay(id, o, outcome.how, outcome.closedE18);
        return (outcome.how, refusal);
    }

    function _trade(Order memory o, uint256 word)
        private
        returns (Outcome memory outcome, bytes memory refusal)
    {
        uint256 position = o.market % GroupWord.MARKETS;
        uint256 entry = word.entry(position);
        bool forbidden = entry.fault() != EntryFault.NONE
            || ORACLE.groupWord(o.market / GroupWord.MARKETS).isPaused(position);
        if (forbidden) {
            (outcome.how, outcome.reason) = (OrderEnd.FORBIDDEN, IPerpEngine.NotAllowed.selector);
            return (outcome, refusal);
        }
        Quote memory quote = OrderReports.quoteOf(word, entry);
        outcome.priceE18 = quote.priceE18;
        try ENGINE.fill(
            Trade({
                account: o.account,
                market: o.market,
                sizeDeltaE18: o.sizeDeltaE18,
                acceptablePriceE18: o.acceptablePriceE18,
                reduceOnly: o.kind != OrderKind.MARKET,
                quote: quote
            })
        ) returns (
            int256 sizeDeltaE18, uint256 priceE18
        ) {
            outcome.priceE18 = priceE18;
            outcome.closedE18 = Math.mulDiv(
                sizeDeltaE18 < 0 ? uint256(-sizeDeltaE18) : uint256(sizeDeltaE18),
                priceE18,
                10 ** 18
            );
        } catch (bytes memory reason) {
            OrderReports.Fault fault = OrderReports.faultOf(reason, quote, o.market, RISK);
            if (fault == OrderReports.Fault.UNKNOWN) _revertWith(reason);
            if (fault == OrderReports.Fault.OF_THE_MOMENT) return (outcome, reason);
            outcome.reason = bytes4(reason);
            outcome.how =
                fault == OrderReports.Fault.OF_THE_ORDER ? OrderEnd.FAILED : OrderEnd.FORBIDDEN;
        }
    }

    /// @dev Revert unless the market takes orders of this kind, and from this sender.
    function _requireMarket(uint256 market, OrderKind kind) private view {
        uint256 state = RISK.marketRisk(market).get(Fields.MARKET_STATE);
        bool opens = kind == OrderKind.MARKET;
        if (state == Fields.UNLISTED || (opens && state != Fields.LISTED)) {
            revert IPerpEngine.MarketNotOpen(market, state);
        }
        if (!opens) return;
        IAccessPolicy policy = RISK.accessPolicy(market);
        if (address(policy) != address(0) && !_mayOpen(policy, market)) {
            revert AccessDenied(msg.sender, market);
        }
    }

    /// @dev Whatever a policy does but to say yes is a no.
    function _mayOpen(IAccessPolicy policy, uint256 market) private view returns (bool yes) {
        bytes memory asked = abi.encodeCall(IAccessPolicy.mayOpen, (msg.sender, market));
        assembly ("memory-safe") {
            let ok := staticcall(POLICY_GAS, policy, add(asked, 0x20), mload(asked), 0, 0x20)
            yes := and(and(ok, gt(returndatasize(), 0x1f)), eq(mload(0), 1))
        }
    }

    /// @dev Set what holds of an order for its life.
    function _setTerms(Order memory o, uint256 expiresAtS) private view {
        GlobalRisk memory global = RISK.globalRisk();
        o.rewardE6 = uint32(global.get(Fields.SETTLEMENT_REWARD_E6));
        o.failureE6 = uint32(global.get(Fields.FAILURE_FEE_E6));
        uint256 dueMs = _dueMs(o.market);
        uint256 openS = global.get(Fields.ORDER_EXPIRY_S);
        uint256 leastS = _secondOf(dueMs) + openS / 2;
        uint256 mostS = _secondOf(dueMs) + openS;
        if (_isConditional(o.kind)) mostS = block.timestamp + MAX_WAIT_S;
        else o.dueMs = dueMs.toUint48();
        if (expiresAtS == 0) expiresAtS = mostS;
        if (expiresAtS < leastS || expiresAtS > mostS) {
            revert BadExpiry(expiresAtS, leastS, mostS);
        }
        o.expiresAtS = expiresAtS.toUint40();
    }

    /// @dev When an order that is committed or triggered now is due, in signed time: later than what
    /// any report can say that the oracle takes in this block.
    function _dueMs(uint256 market) private view returns (uint256) {
        uint256 delayMs = RISK.marketRisk(market).get(Fields.DELAY_MS);
        return block.timestamp * 1000 + MAX_FUTURE_MS + delayMs;
    }

    /// @dev The first whole second at or after a time.
    function _secondOf(uint256 unixMs) private pure returns (uint256) {
        return Math.ceilDiv(unixMs, 1000);
    }

    function _revertWith(bytes memory reason) private pure {
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}

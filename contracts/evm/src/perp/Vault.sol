// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AggregatorV3Interface} from "../adapters/interfaces/AggregatorV3Interface.sol";
import {IMarkOracle} from "../interfaces/IMarkOracle.sol";
import {MarkGate} from "./MarkGate.sol";
import {IPerpEngine} from "./interfaces/IPerpEngine.sol";
import {IRiskParameters} from "./interfaces/IRiskParameters.sol";
import {IVault, Module} from "./interfaces/IVault.sol";
import {Accounts} from "./lib/Accounts.sol";
import {CollateralRisk, Fields} from "./lib/Fields.sol";
import {Collaterals} from "./vault/Collaterals.sol";
import {Valuation} from "./vault/Valuation.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Vault
/// @notice Where tokens come in and go out. The assumptions are in IVault.
contract Vault is Valuation, ReentrancyGuardTransient {
    using Accounts for uint256;
    using Fields for CollateralRisk;

    constructor(
        IERC20 settlement,
        IMarkOracle oracle,
        IRiskParameters risk,
        AggregatorV3Interface sequencerFeed,
        uint256 graceS,
        address initialOwner
    ) Collaterals(settlement) MarkGate(oracle, risk, sequencerFeed, graceS) Ownable(initialOwner) {}

    /// @inheritdoc IVault
    function deposit(uint256 account, uint256 collateral, uint256 amount) external nonReentrant {
        _requireOwner(account);
        uint256 received;
        if (collateral == 0) {
            received = _pull(SETTLEMENT, amount);
            _credit(account, received * SCALE);
        } else {
            received = _takeWithinCap(account, collateral, amount);
        }
        emit Deposited(account, collateral, received, msg.sender);
    }

    /// @inheritdoc IVault
    function withdraw(uint256 account, uint256 collateral, uint256 amount, address to)
        external
        nonReentrant
    {
        _requireOwner(account);
        bool judged = _noteIfJudged(account);
        if (collateral == 0) {
            amount = _debitCash(account, amount);
        } else {
            amount = _burnCollateral(account, collateral, amount);
        }
        if (judged) IPerpEngine(engine).requireWithdrawable(account);
        emit Withdrawn(account, collateral, amount, to);
        _push(tokenOf(collateral), to, amount);
    }

    /// @inheritdoc IVault
    function transfer(uint256 from, uint256 to, uint256 collateral, uint256 amountE18)
        external
        nonReentrant
    {
        _requireOwner(from);
        _requireOwner(to);
        bool judged = _noteIfJudged(from);
        if (collateral == 0) {
            _debitHeld(from, amountE18);
            _credit(to, amountE18);
            emit Moved(from, to, amountE18);
        } else {
            _moveShares(from, to, collateral, amountE18);
        }
        if (judged) IPerpEngine(engine).requireWithdrawable(from);
    }

    /// @inheritdoc IVault
    /// @dev Not while tokens are on their way: they would be counted for shares of others.
    function sync(uint256 collateral) external nonReentrant {
        _syncOne(collateral);
    }

    /// @inheritdoc IVault
    function fundInsurance(uint256 amount) external nonReentrant {
        _takeIn(Accounts.INSURANCE, amount);
    }

    /// @inheritdoc IVault
    function move(uint256 from, uint256 to, uint256 amountE18) external {
        _requireNotEntered();
        _moveAs(_roleOfCaller(), from, to, amountE18);
    }

    /// @inheritdoc IVault
    function moveCollateral(uint256 from, uint256 to, uint256 collateral, uint256 sharesE18)
        external
    {
        _requireNotEntered();
        _requireRole(Module.LIQUIDATOR);
        if (!_mayMove(Module.LIQUIDATOR, from, to)) {
            revert NotItsRows(Module.LIQUIDATOR, from, to);
        }
        _moveShares(from, to, collateral, sharesE18);
    }

    /// @inheritdoc IVault
    function payIn(uint256 amount) external nonReentrant returns (uint256 received) {
        _requireRole(Module.POOL);
        received = _takeIn(Accounts.REQUESTS, amount);
        claimsE18[msg.sender] += received * SCALE;
    }

    /// @inheritdoc IVault
    function payOut(address to, uint256 amount) external nonReentrant {
        _takeClaim(amount * SCALE);
        _debit(Accounts.REQUESTS, amount * SCALE);
        emit Withdrawn(Accounts.REQUESTS, 0, amount, to);
        _push(SETTLEMENT, to, amount);
    }

    function _takeIn(uint256 row, uint256 amount) private returns (uint256 received) {
        received = _pull(SETTLEMENT, amount);
        _credit(row, received * SCALE);
        emit Deposited(row, 0, received, msg.sender);
    }

    function _takeWithinCap(uint256 account, uint256 collateral, uint256 amount)
        private
        returns (uint256 received)
    {
        CollateralRisk memory risk = RISK.collateralRisk(collateral);
        uint256 state = risk.get(Fields.COLLATERAL_STATE);
        if (state != Fields.LISTED) revert CollateralPaused(collateral, state);
        received = _takeCollateral(account, collateral, amount);
        uint256 capE18 = risk.get(Fields.DEPOSIT_CAP) * UNIT;
        uint256 heldE18 = _tokensIn(collateral);
        if (heldE18 > capE18) revert CapExceeded(collateral, heldE18, capE18);
    }

    /// @dev Take cash that the account has, and that the tokens cover beside what waits for the pool or
    /// has left it.
    function _debitCash(uint256 account, uint256 amount) private returns (uint256) {
        if (amount == type(uint256).max) {
            int256 cashE18 = _rows[account].cashE18;
            amount = cashE18 > 0 ? uint256(cashE18) / SCALE : 0;
        }
        if (amount == 0) revert ZeroAmount();
        uint256 amountE18 = amount * SCALE;
        _debitHeld(account, amountE18);
        uint256 heldE18 = SETTLEMENT.balanceOf(address(this)) * SCALE;
        uint256 setAsideE18 = uint256(int256(_rows[Accounts.REQUESTS].cashE18));
        if (amountE18 + setAsideE18 > heldE18) revert NotFree(amountE18, heldE18 - setAsideE18);
        return amount;
    }

    /// @dev Whether a withdrawal needs margin: without positions and debt nothing is asked of prices. If
    /// so, note the rates of all the account holds: before shares are burned, whose tokens are still
    /// here then and would pass for everyone else's.
    function _noteIfJudged(uint256 account) private returns (bool judged) {
        IPerpEngine judge = IPerpEngine(engine);
        if (address(judge) == address(0)) return false;
        judged = _rows[account].cashE18 < 0 || judge.marketsOf(account).length != 0;
        if (judged) _syncHeld(account);
    }

    /// @dev For what calls nobody: while tokens are on their way, no row moves.
    function _requireNotEntered() private view {
        if (_reentrancyGuardEntered()) revert ReentrancyGuardReentrantCall();
    }

    function _requireOwner(uint256 account) private view {
        if (account.ownerOf() != msg.sender) revert NotTheOwner(account, msg.sender);
    }
}

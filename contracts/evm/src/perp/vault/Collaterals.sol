// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IVault} from "../interfaces/IVault.sol";
import {Accounts} from "../lib/Accounts.sol";
import {Ledger} from "./Ledger.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Collaterals
/// @notice The tokens besides the settlement token: what is held of each, and whose it is, in shares.
/// @dev A share is a token × 10^18 while nothing is lost. What a token takes, gives or does when it is
/// moved is seen in the vault's balance only.
abstract contract Collaterals is Ledger {
    using Accounts for uint256;
    using SafeERC20 for IERC20;

    struct Collateral {
        IERC20 token;
        uint8 decimals;
        /// @dev Tokens to a share, as last noted. In the slot that every valuation reads.
        uint64 rateE18;
        uint256 totalSharesE18;
    }

    uint256 internal constant UNIT = 1e18;
    uint256 internal constant UNIT_DECIMALS = 18;
    uint256 private constant MOST_HELD = 5;
    /// @dev Numbers are bits of `Row.held`, and 0 is the settlement token.
    uint256 private constant MOST_LISTED = 63;
    /// @dev Below, shares would grow out of all proportion.
    uint256 private constant MIN_RATE_E18 = 0.01e18;
    /// @dev Enough for any token's balance, and too little for one to use up a liquidation's gas.
    uint256 private constant BALANCE_GAS = 100_000;

    uint256 private _listed;
    mapping(uint256 collateral => Collateral) private _collaterals;
    mapping(uint256 account => mapping(uint256 collateral => uint256)) private _sharesE18;

    IERC20 public immutable SETTLEMENT;
    /// @notice Cash to a unit of the settlement token.
    uint256 public immutable SCALE;

    constructor(IERC20 settlement) {
        _append(settlement);
        SETTLEMENT = settlement;
        SCALE = 10 ** (UNIT_DECIMALS - IERC20Metadata(address(settlement)).decimals());
    }

    /// @inheritdoc IVault
    function listCollateral(IERC20 token) external onlyOwner returns (uint256 collateral) {
        collateral = _listed;
        if (collateral > MOST_LISTED) revert TooManyListed(MOST_LISTED);
        for (uint256 i; i < collateral; ++i) {
            if (_collaterals[i].token == token) revert BadToken(token);
        }
        _append(token);
    }

    /// @inheritdoc IVault
    function sharesOf(uint256 account, uint256 collateral) external view returns (uint256) {
        return _sharesE18[account][collateral];
    }

    /// @inheritdoc IVault
    function totalSharesOf(uint256 collateral) external view returns (uint256) {
        return _stateOf(collateral).totalSharesE18;
    }

    /// @inheritdoc IVault
    function rateE18(uint256 collateral) external view returns (uint256) {
        return _rateOf(_stateOf(collateral));
    }

    /// @inheritdoc IVault
    function tokenOf(uint256 collateral) public view returns (IERC20 token) {
        token = _collaterals[collateral].token;
        if (address(token) == address(0)) revert UnknownCollateral(collateral);
    }

    /// @dev Take tokens in and give shares of the same worth.
    function _takeCollateral(uint256 account, uint256 collateral, uint256 amount)
        internal
        returns (uint256 received)
    {
        Collateral storage state = _stateOf(collateral);
        uint256 noted = _sync(collateral, state);
        if (noted < MIN_RATE_E18) revert RateTooLow(collateral, noted, MIN_RATE_E18);
        uint256 total = state.totalSharesE18;
        uint256 before = _held(state);
        received = _pull(state.token, amount);
        uint256 shares = received * _scale(state);
        if (before < total) shares = Math.mulDiv(shares, total, before);
        state.totalSharesE18 = total + shares;
        _addShares(account, collateral, shares);
    }

    /// @dev Burn what the tokens are worth in shares, rounded up; all of it, for the greatest amount.
    /// @return amount What is to be sent.
    function _burnCollateral(uint256 account, uint256 collateral, uint256 amount)
        internal
        returns (uint256)
    {
        if (amount == 0) revert ZeroAmount();
        Collateral storage state = _stateOf(collateral);
        _sync(collateral, state);
        uint256 total = state.totalSharesE18;
        uint256 held = Math.min(_held(state), total);
        uint256 shares = _sharesE18[account][collateral];
        if (amount == type(uint256).max) {
            if (shares == 0) revert ZeroAmount();
            amount = Math.mulDiv(shares, held, total) / _scale(state);
        } else {
            uint256 amountE18 = amount * _scale(state);
            uint256 heldE18 = total == 0 ? 0 : Math.mulDiv(shares, held, total);
            if (amountE18 > heldE18) {
                revert MoreThanHeld(account, collateral, amountE18, heldE18);
            }
            shares = Math.mulDiv(amountE18, total, held, Math.Rounding.Ceil);
        }
        state.totalSharesE18 = total - shares;
        _takeShares(account, collateral, shares);
        return amount;
    }

    function _moveShares(uint256 from, uint256 to, uint256 collateral, uint256 sharesE18) internal {
        _stateOf(collateral);
        _takeShares(from, collateral, sharesE18);
        _addShares(to, collateral, sharesE18);
        emit CollateralMoved(from, to, collateral, sharesE18);
    }

    /// @dev Take tokens of the caller in.
    /// @return received What arrived.
    function _pull(IERC20 token, uint256 amount) internal returns (uint256 received) {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        received = token.balanceOf(address(this)) - before;
        if (received == 0) revert ZeroAmount();
    }

    /// @dev Send tokens out. What sending costs beyond them would be taken from others.
    function _push(IERC20 token, address to, uint256 amount) internal {
        if (to == address(0) || to == address(this)) revert BadRecipient(to);
        if (amount == 0) return;
        uint256 before = token.balanceOf(address(this));
        token.safeTransfer(to, amount);
        uint256 left = token.balanceOf(address(this));
        if (before > left + amount) revert SpentTooMuch(token, before - left, amount);
    }

    /// @dev What an account's shares are in tokens × 10^18, at the rate last noted: to ask each token
    /// would cost every trade and every liquidation more than reading it.
    function _tokensOf(uint256 account, uint256 collateral) internal view returns (uint256) {
        return _sharesE18[account][collateral] * _collaterals[collateral].rateE18 / UNIT;
    }

    function _syncOne(uint256 collateral) internal {
        _sync(collateral, _stateOf(collateral));
    }

    /// @dev Note the rates of all an account holds.
    function _syncHeld(uint256 account) internal {
        uint256 held = _rows[account].held;
        for (uint256 collateral = 1; held >> collateral != 0; ++collateral) {
            if ((held >> collateral) & 1 != 0) _sync(collateral, _collaterals[collateral]);
        }
    }

    function _stateOf(uint256 collateral) internal view returns (Collateral storage) {
        Collateral storage state = _collaterals[collateral];
        if (collateral == 0 || address(state.token) == address(0)) {
            revert UnknownCollateral(collateral);
        }
        return state;
    }

    /// @dev Tokens to a share now; as last noted, while the token does not answer.
    function _rateOf(Collateral storage state) internal view returns (uint256) {
        (bool answers, uint256 balance) = _askBalance(state.token);
        if (!answers) return state.rateE18;
        uint256 total = state.totalSharesE18;
        uint256 held = balance * _scale(state);
        return held >= total ? UNIT : Math.mulDiv(UNIT, held, total);
    }

    function _tokensIn(uint256 collateral) internal view returns (uint256 heldE18) {
        Collateral storage state = _stateOf(collateral);
        return Math.min(_held(state), state.totalSharesE18);
    }

    function _append(IERC20 token) private {
        if (address(token).code.length == 0) revert BadToken(token);
        uint8 decimals = IERC20Metadata(address(token)).decimals();
        if (decimals > UNIT_DECIMALS) revert BadToken(token);
        uint256 collateral = _listed++;
        _collaterals[collateral] = Collateral(token, decimals, uint64(UNIT), 0);
        emit CollateralListed(collateral, token);
    }

    function _sync(uint256 collateral, Collateral storage state) private returns (uint256 rate) {
        uint256 noted = state.rateE18;
        rate = _rateOf(state);
        if (rate == noted) return rate;
        state.rateE18 = uint64(rate);
        emit RateChanged(collateral, noted, rate);
    }

    function _addShares(uint256 account, uint256 collateral, uint256 sharesE18) private {
        if (sharesE18 == 0) return;
        Row storage row = _rows[account];
        uint256 held = row.held | (1 << collateral);
        if (held != row.held) {
            if (_bits(held) > MOST_HELD && !account.isSystem()) {
                revert TooManyCollaterals(account, MOST_HELD);
            }
            row.held = uint64(held);
        }
        _sharesE18[account][collateral] += sharesE18;
    }

    function _takeShares(uint256 account, uint256 collateral, uint256 sharesE18) private {
        uint256 had = _sharesE18[account][collateral];
        if (sharesE18 > had) revert MoreThanHeld(account, collateral, sharesE18, had);
        _sharesE18[account][collateral] = had - sharesE18;
        if (sharesE18 == had) _rows[account].held &= uint64(~(1 << collateral));
    }

    function _held(Collateral storage state) private view returns (uint256 heldE18) {
        return state.token.balanceOf(address(this)) * _scale(state);
    }

    function _askBalance(IERC20 token) private view returns (bool answers, uint256 balance) {
        (bool done, bytes memory answer) = address(token).staticcall{gas: BALANCE_GAS}(
            abi.encodeCall(IERC20.balanceOf, (address(this)))
        );
        answers = done && answer.length >= 32;
        if (answers) balance = abi.decode(answer, (uint256));
    }

    function _scale(Collateral storage state) private view returns (uint256) {
        return 10 ** (UNIT_DECIMALS - state.decimals);
    }

    function _bits(uint256 map) private pure returns (uint256 count) {
        for (; map != 0; map &= map - 1) {
            ++count;
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice What all of these share: anyone mints, decimals as told.
abstract contract MintableToken is ERC20 {
    uint8 private immutable _DECIMALS;

    constructor(uint8 decimals_) ERC20("Hostile", "HOST") {
        _DECIMALS = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return _DECIMALS;
    }

    function mint(address to, uint256 amount) external virtual {
        _mint(to, amount);
    }
}

/// @notice Keeps a share of each transfer; or takes it from the sender on top.
contract FeeToken is MintableToken {
    uint256 private constant BPS = 10_000;

    uint256 public feeBps;
    bool public onTop;

    constructor(uint8 decimals_, uint256 feeBps_) MintableToken(decimals_) {
        feeBps = feeBps_;
    }

    function setFee(uint256 feeBps_, bool onTop_) external {
        (feeBps, onTop) = (feeBps_, onTop_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0)) return super._update(from, to, amount);
        uint256 fee = amount * feeBps / BPS;
        super._update(from, to, onTop ? amount : amount - fee);
        super._update(from, address(this), fee);
    }
}

/// @notice All balances rise and fall together, rounded down as such tokens do.
contract RebasingToken is MintableToken {
    uint256 private constant ONE = 1e18;

    uint256 public indexE18 = ONE;
    mapping(address holder => uint256) private _parts;

    constructor(uint8 decimals_) MintableToken(decimals_) {}

    function rebase(uint256 indexE18_) external {
        indexE18 = indexE18_;
    }

    function mint(address to, uint256 amount) external override {
        _parts[to] += amount * ONE / indexE18;
    }

    function balanceOf(address holder) public view override returns (uint256) {
        return _parts[holder] * indexE18 / ONE;
    }

    function _update(address from, address to, uint256 amount) internal override {
        uint256 parts = amount * ONE / indexE18;
        _parts[from] -= parts;
        _parts[to] += parts;
    }
}

/// @notice Returns nothing from its transfers, as USDT does not.
contract NoReturnToken {
    uint256 public constant decimals = 6;

    mapping(address holder => uint256) public balanceOf;
    mapping(address holder => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice Says false instead of reverting.
contract FalseToken is MintableToken {
    constructor() MintableToken(18) {}

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @notice Calls whoever asked for it before a transfer from, and after a transfer to him, as ERC-777.
contract HookToken is MintableToken {
    mapping(address holder => bool) public hooked;

    constructor(uint8 decimals_) MintableToken(decimals_) {}

    function hook() external {
        hooked[msg.sender] = true;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (hooked[from]) IHooked(from).beforeSend();
        super._update(from, to, amount);
        if (hooked[to]) IHooked(to).afterReceive();
    }
}

interface IHooked {
    function beforeSend() external;
    function afterReceive() external;
}

/// @notice Can be stopped, whole or for one holder; and can stop to answer, or answer at any cost.
contract MoodyToken is MintableToken {
    enum Mood {
        FINE,
        PAUSED,
        SILENT,
        GREEDY
    }

    error Refused();

    Mood public mood;
    mapping(address holder => bool) public blocked;

    constructor(uint8 decimals_) MintableToken(decimals_) {}

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    function block_(address holder, bool is_) external {
        blocked[holder] = is_;
    }

    /// @dev Take tokens away, as a thief or an issuer would.
    function seize(address from, uint256 amount) external {
        _burn(from, amount);
    }

    function balanceOf(address holder) public view override returns (uint256) {
        if (mood == Mood.SILENT) revert Refused();
        if (mood == Mood.GREEDY) {
            assembly {
                invalid()
            }
        }
        return super.balanceOf(holder);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (mood != Mood.FINE || blocked[from] || blocked[to]) revert Refused();
        super._update(from, to, amount);
    }
}

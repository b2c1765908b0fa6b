// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding, Validity} from "../../src/interfaces/IMarkOracle.sol";
import {ILiquidator} from "../../src/perp/interfaces/ILiquidator.sol";
import {IOrders, OrderEnd, OrderKind} from "../../src/perp/interfaces/IOrders.sol";
import {IPerpEngine, Margin, Position} from "../../src/perp/interfaces/IPerpEngine.sol";
import {Change, IRiskParameters, Scope} from "../../src/perp/interfaces/IRiskParameters.sol";
import {IVault, Module, Purpose} from "../../src/perp/interfaces/IVault.sol";
import {Accounts} from "../../src/perp/lib/Accounts.sol";
import {OracleFixture} from "../OracleFixture.sol";
import {Draft} from "../ReportBuilder.sol";
import {RiskDefaults} from "./RiskDefaults.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token as tokens should be.
contract TestToken is ERC20 {
    uint8 private immutable _DECIMALS;

    constructor(string memory name_, uint8 decimals_) ERC20(name_, name_) {
        _DECIMALS = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return _DECIMALS;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @notice The whole framework on the real oracle: two markets (BTC, ETH), two collaterals (ETHER,
/// BITCOIN), a pool of 20 million, an insurance of one million, prices in signed reports.
abstract contract PerpFixture is OracleFixture, RiskDefaults {
    uint256 internal constant BTC = 0;
    uint256 internal constant ETH = 1;
    /// @dev Numbers in the oracle of the collaterals' index and TWAP markets.
    uint256 internal constant ETH_INDEX = 2;
    uint256 internal constant ETH_TWAP = 3;
    uint256 internal constant BTC_INDEX = 4;
    uint256 internal constant BTC_TWAP = 5;
    /// @dev Collaterals in the vault; 0 is the settlement token.
    uint256 internal constant ETHER = 1;
    uint256 internal constant BITCOIN = 2;
    uint256 internal constant BOUND = 32;
    uint256 internal constant GROUPS = 8;
    uint256 internal constant BTC_PRICE_E18 = 60_000e18;
    uint256 internal constant ETH_PRICE_E18 = 3000e18;
    uint256 internal constant POOL_USD = 20_000_000;
    uint256 internal constant INSURANCE_USD = 1_000_000;
    /// @dev Half a basis point; a premium that is known, and 0.
    uint256 internal constant CONFIDENCE_CODE = 5;

    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal keeper = makeAddr("keeper");

    IRiskParameters internal params;
    IVault internal vault;
    IPerpEngine internal engine;
    IOrders internal orders;
    ILiquidator internal liquidator;
    TestToken internal usd;
    TestToken internal ether_;
    TestToken internal bitcoin;

    /// @dev What the next report says, by market.
    uint256[BOUND] internal entries;

    function setUp() public virtual override {
        super.setUp();
        _bind();
        _deploy();
        vm.startPrank(owner);
        _nameModules();
        _list();
        vm.stopPrank();
        _fill();
        _priceAll();
    }

    function _bind() private {
        Binding[] memory bindings = new Binding[](BOUND);
        for (uint16 i; i < BOUND; ++i) {
            bindings[i] =
                Binding(i, bytes32(abi.encodePacked("instrument-", bytes1(uint8(65 + i)))));
        }
        vm.prank(owner);
        oracle.setCommittee(2, members, THRESHOLD, 0, bindings);
    }

    function _deploy() private {
        usd = new TestToken("USD", 6);
        ether_ = new TestToken("ETHER", 18);
        bitcoin = new TestToken("BITCOIN", 8);
        params = IRiskParameters(
            vm.deployCode("RiskParameters.sol:RiskParameters", abi.encode(oracle, owner))
        );
        vault = IVault(
            vm.deployCode(
                "Vault.sol:Vault",
                abi.encode(usd, oracle, params, sequencerFeed(), sequencerGraceS(), owner)
            )
        );
        engine = IPerpEngine(
            vm.deployCode(
                "PerpEngine.sol:PerpEngine",
                abi.encode(oracle, params, vault, sequencerFeed(), sequencerGraceS())
            )
        );
        bytes memory args = abi.encode(oracle, params, vault, engine);
        orders = IOrders(vm.deployCode("Orders.sol:Orders", args));
        liquidator = ILiquidator(vm.deployCode("Liquidator.sol:Liquidator", args));
    }

    /// @dev The uptime feed of the chain's sequencer; none here.
    function sequencerFeed() internal virtual returns (address) {
        return address(0);
    }

    function sequencerGraceS() internal virtual returns (uint256) {
        return 0;
    }

    function _nameModules() private {
        vault.setModule(address(engine), Module.ENGINE);
        vault.setModule(address(orders), Module.ORDERS);
        vault.setModule(address(liquidator), Module.LIQUIDATOR);
        // The test itself pays in what the pool begins with.
        vault.setModule(address(this), Module.POOL);
    }

    function _list() private {
        params.setGuardian(guardian);
        params.list(Scope.GLOBAL, 0, globalDefaults());
        params.list(Scope.MARKET, BTC, btcDefaults(BTC));
        params.list(Scope.MARKET, ETH, ethDefaults(ETH));
        vault.listCollateral(ether_);
        vault.listCollateral(bitcoin);
        params.list(Scope.COLLATERAL, ETHER, etherDefaults(ETHER, ETH_INDEX, ETH_TWAP));
        params.list(Scope.COLLATERAL, BITCOIN, bitcoinDefaults(BITCOIN, BTC_INDEX, BTC_TWAP));
    }

    function _fill() private {
        usd.mint(address(this), (POOL_USD + INSURANCE_USD) * 1e6);
        usd.approve(address(vault), type(uint256).max);
        vault.payIn(POOL_USD * 1e6);
        vault.move(Accounts.REQUESTS, Accounts.POOL, POOL_USD * 1e18);
        vault.fundInsurance(INSURANCE_USD * 1e6);
    }

    function _priceAll() private {
        for (uint256 i; i < BOUND; ++i) {
            setPrice(i, 100e18);
        }
        setPrice(BTC, BTC_PRICE_E18);
        setPrice(BTC_INDEX, BTC_PRICE_E18);
        setPrice(BTC_TWAP, BTC_PRICE_E18);
        setPrice(ETH, ETH_PRICE_E18);
        setPrice(ETH_INDEX, ETH_PRICE_E18);
        setPrice(ETH_TWAP, ETH_PRICE_E18);
        store();
    }

    // Prices.

    /// @dev What the next report says of a market: VALID.
    function setPrice(uint256 market, uint256 priceE18) internal {
        setMark(market, priceE18, Validity.VALID);
    }

    function setMark(uint256 market, uint256 priceE18, Validity validity) internal {
        setEntry(market, entryOf(priceE18, CONFIDENCE_CODE, 0, validity));
    }

    function setEntry(uint256 market, uint256 entry) internal {
        entries[market] = entry;
    }

    /// @dev An entry as reports have it; the price cut to eight digits.
    function entryOf(
        uint256 priceE18,
        uint256 confidenceCode,
        uint256 premiumCode,
        Validity validity
    ) internal pure returns (uint256) {
        uint256 exponent;
        while (priceE18 >= 10 ** 8) {
            priceE18 /= 10;
            ++exponent;
        }
        return priceE18 | (exponent << 27) | (confidenceCode << 32) | (premiumCode << 39)
            | (uint256(validity) << 50);
    }

    /// @dev The next report, of all groups, at this time (unix ms), 1.1 s after the one before.
    function reportAt(uint256 unixMs) internal view returns (bytes memory) {
        return reportAfter(unixMs, unixMs - 1100);
    }

    function reportAfter(uint256 unixMs, uint256 prevUnixMs) internal view returns (bytes memory) {
        return fullBody(_draftAt(unixMs, prevUnixMs), QUORUM);
    }

    /// @dev The same, with the leaf of one group alone.
    function reportOf(uint256 group, uint256 unixMs, uint256 prevUnixMs)
        internal
        view
        returns (bytes memory)
    {
        return body(_draftAt(unixMs, prevUnixMs), singleton(group), QUORUM);
    }

    /// @dev Sign and store a report of now.
    function store() internal returns (bytes memory report) {
        report = reportAt(block.timestamp * 1000);
        oracle.update(report);
    }

    /// @dev Let time pass, and store a report with this price of a market.
    function moveTo(uint256 market, uint256 priceE18) internal {
        skipS(2);
        setPrice(market, priceE18);
        store();
    }

    function _draftAt(uint256 unixMs, uint256 prevUnixMs) private view returns (Draft memory d) {
        d.epoch = 2;
        d.slot = uint64(unixMs / 400);
        d.inputsRoot = keccak256("inputs");
        d.prevMs = uint40(prevUnixMs - ORIGIN_MS);
        d.words = new uint256[](GROUPS);
        for (uint256 g; g < GROUPS; ++g) {
            uint256 at = 4 * g;
            d.words[g] = wordOf(
                unixMs - ORIGIN_MS, entries[at], entries[at + 1], entries[at + 2], entries[at + 3]
            );
        }
    }

    // Accounts.

    function cross(address who) internal pure returns (uint256 account) {
        return Accounts.numberOf(who, 0);
    }

    function isolated(address who, uint96 sub) internal pure returns (uint256 account) {
        return Accounts.numberOf(who, sub);
    }

    /// @dev Give an account cash, in whole units of the settlement token.
    function fund(uint256 account, uint256 amountUsd) internal {
        give(account, 0, usd, amountUsd * 1e6);
    }

    function fundEther(uint256 account, uint256 amount) internal {
        give(account, ETHER, ether_, amount);
    }

    function fundBitcoin(uint256 account, uint256 amount) internal {
        give(account, BITCOIN, bitcoin, amount);
    }

    function give(uint256 account, uint256 collateral, TestToken token, uint256 amount) internal {
        address who = Accounts.ownerOf(account);
        token.mint(who, amount);
        vm.startPrank(who);
        token.approve(address(vault), amount);
        vault.deposit(account, collateral, amount);
        vm.stopPrank();
    }

    // Orders.

    function commit(uint256 account, uint256 market, OrderKind kind, int256 sizeDeltaE18)
        internal
        returns (uint256 id)
    {
        vm.prank(Accounts.ownerOf(account));
        return orders.commit(account, market, kind, sizeDeltaE18, 0, 0, 0);
    }

    /// @dev Settle an order that was just committed: time passes, the deciding report is stored too.
    function settle(uint256 id) internal returns (OrderEnd) {
        bytes memory report = storeDeciding();
        vm.prank(keeper);
        return orders.settle(id, report);
    }

    /// @dev Let time pass until orders of now are due, and store the first report after that.
    function storeDeciding() internal returns (bytes memory report) {
        uint256 dueMs = block.timestamp * 1000 + MAX_FUTURE_MS + 1000;
        skipS(4);
        report = reportAfter(block.timestamp * 1000, dueMs - 1);
        oracle.update(report);
    }

    function trade(uint256 account, uint256 market, int256 sizeDeltaE18) internal {
        uint256 id = commit(account, market, OrderKind.MARKET, sizeDeltaE18);
        assertEq(uint256(settle(id)), uint256(OrderEnd.FILLED), "not filled");
    }

    function reduce(uint256 account, uint256 market, int256 sizeDeltaE18) internal {
        uint256 id = commit(account, market, OrderKind.REDUCE_ONLY, sizeDeltaE18);
        assertEq(uint256(settle(id)), uint256(OrderEnd.FILLED), "not filled");
    }

    // Reading.

    function sizeOf(uint256 account, uint256 market) internal view returns (int256) {
        return engine.position(account, market).sizeE18;
    }

    function marginFor(uint256 account) internal view returns (Margin memory) {
        return engine.marginOf(account, Purpose.LIQUIDATE);
    }

    function one(Scope scope, uint256 id, uint256 field, uint256 value)
        internal
        pure
        returns (Change[] memory changes)
    {
        changes = new Change[](1);
        changes[0] = Change(scope, id, field, value);
    }
}

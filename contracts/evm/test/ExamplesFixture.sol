// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TestToken} from "../script/sandbox/TestToken.sol";
import {ExampleLending} from "../src/examples/ExampleLending.sol";
import {IMarkOracle, Validity} from "../src/interfaces/IMarkOracle.sol";
import {AdaptersFixture} from "./AdaptersFixture.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @notice One lending contract through one adapter: Bitcoin of 8 decimals at 60,000.12, against
/// dollars of 6.
abstract contract ExamplesFixture is AdaptersFixture {
    uint256 internal constant ONE_BTC = 1e8;
    uint256 internal constant USD = 1e6;
    /// @dev 75 % of 60,000.12.
    uint256 internal constant MOST = 45_000.09e6;

    TestToken internal btc = new TestToken("Bitcoin", "BTC", 8);
    TestToken internal usd = new TestToken("Dollar", "USD", 6);
    ExampleLending internal lending;

    address internal lender = makeAddr("lender");
    address internal borrower = makeAddr("borrower");
    address internal liquidator = makeAddr("liquidator");

    function setUp() public virtual override {
        super.setUp();
        lending = deploy(lender, IERC20Metadata(address(btc)), IERC20Metadata(address(usd)));
        fund(lender, usd, 1_000_000 * USD);
        fund(borrower, btc, 3 * ONE_BTC);
        fund(borrower, usd, 0);
        fund(liquidator, usd, 100_000 * USD);
        vm.prank(lender);
        lending.supply(500_000 * USD);
        vm.prank(borrower);
        lending.deposit(ONE_BTC);
    }

    function deploy(address lender_, IERC20Metadata collateral, IERC20Metadata debt)
        internal
        virtual
        returns (ExampleLending);

    /// @dev What a read reverts with when the price is a second too old.
    function staleError() internal view virtual returns (bytes memory);

    /// @dev What a read reverts with when the mark is fresh but `given`.
    function tooLow(Validity given) internal view virtual returns (bytes memory) {
        return abi.encodeWithSelector(
            IMarkOracle.ValidityTooLow.selector, MARKET, given, Validity.GUARDED
        );
    }

    function fund(address who, TestToken token, uint256 amount) internal {
        token.mint(who, amount);
        vm.prank(who);
        token.approve(address(lending), type(uint256).max);
    }

    function borrow(uint256 amount) internal {
        vm.prank(borrower);
        lending.borrow(amount);
    }

    function liquidate(uint256 amount) internal {
        vm.prank(liquidator);
        lending.liquidate(borrower, amount);
    }

    /// @dev The price of one Bitcoin in whole dollars, believed at once.
    function pushDollars(uint256 dollars, Validity validity) internal {
        takeJumps();
        pushEntry(pricedEntry(dollars * 1000, 15, uint256(validity)));
    }
}

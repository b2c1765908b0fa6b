// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ILiquidator
/// @notice What happens to accounts below maintenance, and who bears what they cannot.
interface ILiquidator {
    event MarginCall(uint256 indexed account, int256 equityE18, uint256 maintenanceE18);
    event MarginCallEnded(uint256 indexed account);
    event Liquidated(
        uint256 indexed account,
        uint256 indexed market,
        address indexed keeper,
        uint256 sizeE18,
        uint256 priceE18,
        uint256 penaltyE18,
        uint256 rewardE18
    );
    event Seized(
        uint256 indexed account,
        uint256 indexed collateral,
        uint256 indexed by,
        uint256 repaidE18,
        uint256 sharesE18
    );
    event BackstopUsed(uint256 indexed account, uint256 indexed market, uint256 sizeE18);
    /// @notice Who bore an account's bad debt, in the waterfall's order.
    event BadDebt(
        uint256 indexed account,
        uint256 indexed market,
        uint256 reserveE18,
        uint256 insuranceE18,
        uint256 poolE18,
        uint256 deficitE18
    );
    event AdlStarted(uint256 indexed market, uint256 ratioBps, uint256 deficitE18);
    event AdlNominated(
        uint256 indexed market, uint256 indexed account, uint256 scoreE18, address by
    );
    event Deleveraged(
        uint256 indexed account,
        uint256 indexed market,
        uint256 sizeE18,
        uint256 priceE18,
        uint256 leviedE18
    );
    event DeficitShared(uint256 indexed market, uint256 amountE18, uint256 byPoolE18);

    error Healthy(uint256 account, int256 equityE18, uint256 limitE18);
    error NothingToLiquidate(uint256 account, uint256 market);
    error CapReached(uint256 market, uint256 limitE18);
    error StillHolds(uint256 account);
    error NoDebt(uint256 account);
    error TooEarly(uint256 nowS, uint256 atS);
    error NotInAdl(uint256 market);
    error ScoreTooLow(uint256 given, uint256 best);
    error NotInProfit(uint256 account, uint256 market);

    /// @notice Call an account's margin, or note that it is healthy again. By anyone.
    function marginCall(uint256 account) external;

    /// @notice Close so much of a position as brings the account to its target, within the cap of the
    /// block, on the latest stored mark.
    /// @param report Carried along and stored first; empty for none.
    function liquidate(uint256 account, uint256 market, bytes calldata report)
        external
        returns (uint256 sizeE18);

    /// @notice Repay an account's debt out of one's own cash, for its collateral at a discount.
    /// @param by An account of the caller.
    function seize(uint256 account, uint256 collateral, uint256 repayE18, uint256 by) external;

    /// @notice Close all of a position regardless of caps, when no keeper came.
    function backstop(uint256 account, uint256 market) external;

    /// @notice Put a debt that nothing is left to pay to the waterfall.
    function absorb(uint256 account) external;

    /// @notice Name who is to be deleveraged; the best score of the window is.
    function nominate(uint256 market, uint256 account) external;
    function deleverage(uint256 market) external;

    /// @notice Share what auto-deleveraging did not cover.
    function shareDeficit(uint256 market) external;

    /// @notice Rank for auto-deleveraging: profit × leverage; 0 without a profit.
    function scoreE18(uint256 account, uint256 market) external view returns (uint256);

    /// @notice Since when an account was called, seen below maintenance, and seen to owe without a
    /// position; 0 for not.
    function recordOf(uint256 account)
        external
        view
        returns (uint256 calledAtS, uint256 belowSinceS, uint256 owesSinceS);

    /// @notice What nobody has borne yet of a market's losses, by the side that lost. All markets
    /// together, and what belongs to none, are the row `DEFICIT`.
    function deficitOf(uint256 market)
        external
        view
        returns (uint256 ofLongsE18, uint256 ofShortsE18);

    /// @notice A market's auto-deleveraging: when its window began (0 for none), since when there is a
    /// deficit (0 for none), and who stands to be closed.
    function windowOf(uint256 market)
        external
        view
        returns (uint256 startS, uint256 deficitSinceS, uint256 candidate);
}

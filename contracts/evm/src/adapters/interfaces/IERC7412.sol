// SPDX-License-Identifier: CC0-1.0
pragma solidity 0.8.30;

/// @title IERC7412
/// @notice On-demand data: a read that lacks it reverts, a client fetches it, sends it first, and
/// reads again. Written from ERC-7412 (CC0).
/// @dev `OracleDataRequired` has the two arguments that deployed contracts and clients use. A later
/// revision of the draft adds the fee as a third.
interface IERC7412 {
    /// @notice Send data that answers `oracleQuery` to `oracleContract`, then call again.
    error OracleDataRequired(address oracleContract, bytes oracleQuery);

    /// @notice Send this much wei along.
    error FeeRequired(uint256 amount);

    /// @notice Names the network that answers queries.
    function oracleId() external view returns (bytes32);

    function fulfillOracleQuery(bytes calldata signedOffchainData) external payable;
}

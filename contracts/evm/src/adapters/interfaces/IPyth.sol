// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Pyth's structures. Only their order and types matter to callers.
library PythStructs {
    /// @dev `price` and `conf` are times 10^expo; `publishTime` is unix seconds.
    struct Price {
        int64 price;
        uint64 conf;
        int32 expo;
        uint256 publishTime;
    }

    struct PriceFeed {
        bytes32 id;
        Price price;
        Price emaPrice;
    }

    struct TwapPriceFeed {
        bytes32 id;
        uint64 startTime;
        uint64 endTime;
        Price twap;
        uint32 downSlotsRatio;
    }
}

/// @notice Those of Pyth's errors that consumers may catch.
interface IPythErrors {
    error InvalidArgument();
    error InsufficientFee();
    error NoFreshUpdate();
    error PriceFeedNotFoundWithinRange();
    error PriceFeedNotFound();
    error StalePrice();
}

/// @title IPyth
/// @notice What consumers of Pyth call. Written from the signatures of
/// npm's pythnetwork/pyth-sdk-solidity 4.3.1 (Apache-2.0), IPyth.sol and PythErrors.sol.
interface IPyth is IPythErrors {
    function getPriceUnsafe(bytes32 id) external view returns (PythStructs.Price memory);

    function getPriceNoOlderThan(bytes32 id, uint256 age)
        external
        view
        returns (PythStructs.Price memory);

    function getEmaPriceUnsafe(bytes32 id) external view returns (PythStructs.Price memory);

    function getEmaPriceNoOlderThan(bytes32 id, uint256 age)
        external
        view
        returns (PythStructs.Price memory);

    function updatePriceFeeds(bytes[] calldata updateData) external payable;

    function updatePriceFeedsIfNecessary(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64[] calldata publishTimes
    ) external payable;

    function getUpdateFee(bytes[] calldata updateData) external view returns (uint256 feeAmount);

    function getTwapUpdateFee(bytes[] calldata updateData) external view returns (uint256 feeAmount);

    function parsePriceFeedUpdates(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64 minPublishTime,
        uint64 maxPublishTime
    ) external payable returns (PythStructs.PriceFeed[] memory priceFeeds);

    function parsePriceFeedUpdatesWithConfig(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64 minAllowedPublishTime,
        uint64 maxAllowedPublishTime,
        bool checkUniqueness,
        bool checkUpdateDataIsMinimal,
        bool storeUpdatesIfFresh
    ) external payable returns (PythStructs.PriceFeed[] memory priceFeeds, uint64[] memory slots);

    function parseTwapPriceFeedUpdates(bytes[] calldata updateData, bytes32[] calldata priceIds)
        external
        payable
        returns (PythStructs.TwapPriceFeed[] memory twapPriceFeeds);

    function parsePriceFeedUpdatesUnique(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64 minPublishTime,
        uint64 maxPublishTime
    ) external payable returns (PythStructs.PriceFeed[] memory priceFeeds);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding, IMarkOracle, JumpRule} from "../src/interfaces/IMarkOracle.sol";
import {Draft, ReportBuilder} from "./ReportBuilder.sol";

/// @notice A mark oracle with a committee of 5 of 7, at a fixed time. No price is a jump, since most
/// tests draw theirs at random: those of jumps set a rule.
abstract contract OracleFixture is ReportBuilder {
    uint256 internal constant ORIGIN_MS = 1_577_836_800_000;
    uint32 internal constant MAX_FUTURE_MS = 2000;
    uint256 internal constant START_S = 1_760_000_000;
    uint8 internal constant THRESHOLD = 5;
    uint256 internal constant QUORUM = 0x1f;

    address internal owner = makeAddr("owner");
    address internal guardian = makeAddr("guardian");
    IMarkOracle internal oracle;

    function setUp() public virtual {
        vm.warp(START_S);
        oracle = deployOracle("test", makeAddr("governor"), 1, MAX_FUTURE_MS, owner);
        domain = oracle.DOMAIN_SEPARATOR();
        makeMembers(7);
        vm.startPrank(owner);
        oracle.setCommittee(1, members, THRESHOLD, 0, new Binding[](0));
        oracle.setGuardian(guardian);
        oracle.setDefaultJumpRule(JumpRule({boundBps: 0, reports: 1, holdMs: 0}));
        vm.stopPrank();
    }

    /// @dev The owner starts an epoch, binding nothing.
    function rotate(
        uint32 epoch,
        address[] memory members_,
        uint8 threshold,
        uint256 previousValidUntilS
    ) internal {
        vm.prank(owner);
        oracle.setCommittee(
            epoch, members_, threshold, uint64(previousValidUntilS), new Binding[](0)
        );
    }

    /// @dev The block's time as a word counts it.
    function nowMs() internal view returns (uint256) {
        return block.timestamp * 1000 - ORIGIN_MS;
    }

    function skipS(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
    }

    /// @dev A report of `groups` groups of four valid prices, all at `timeMs`.
    function draft(uint256 groups, uint256 timeMs) internal pure returns (Draft memory d) {
        d.epoch = 1;
        d.slot = 77;
        d.inputsRoot = keccak256("inputs");
        d.words = new uint256[](groups);
        for (uint256 g; g < groups; ++g) {
            d.words[g] = pricedWord(timeMs, g);
        }
    }

    function draftOf(uint256 word) internal pure returns (Draft memory d) {
        d = draft(1, 0);
        d.words[0] = word;
    }

    function push(Draft memory d) internal returns (uint256 accepted) {
        return oracle.update(fullBody(d, QUORUM));
    }

    /// @dev The groups whose bit is set in `subset`; the last one if none is.
    function pick(uint256 groups, uint256 subset) internal pure returns (uint256[] memory carried) {
        subset &= (1 << groups) - 1;
        if (subset == 0) subset = 1 << (groups - 1);
        carried = new uint256[](groups);
        uint256 count;
        for (uint256 g; g < groups; ++g) {
            if ((subset >> g) & 1 == 1) carried[count++] = g;
        }
        assembly {
            mstore(carried, count)
        }
    }
}

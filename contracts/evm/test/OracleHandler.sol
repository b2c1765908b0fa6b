// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding, IMarkOracle} from "../src/interfaces/IMarkOracle.sol";
import {Draft, ReportBuilder} from "./ReportBuilder.sol";

/// @notice Does to an oracle what honest and hostile callers may, and keeps beside it a plain
/// model of what must be stored: one record a market, no packing.
contract OracleHandler is ReportBuilder {
    struct Model {
        uint256 statusTimeMs;
        uint256 validity;
        /// @dev Mantissa and exponent of the last price, and when it was signed.
        uint256 price;
        uint256 priceTimeMs;
        /// @dev Confidence and premium, while there is a price.
        uint256 quality;
        bool paused;
        bool pausedByOwner;
    }

    uint256 public constant GROUPS = 5;
    uint256 private constant ORIGIN_MS = 1_577_836_800_000;
    uint256 private constant MAX_FUTURE_MS = 2000;

    IMarkOracle public immutable ORACLE;
    address private immutable OWNER;
    address private immutable GUARDIAN;

    Model[20] private _models;
    bytes[] private _sent;
    uint256 public accepted;
    uint256 public refused;

    constructor(IMarkOracle oracle, address owner, address guardian) {
        (ORACLE, OWNER, GUARDIAN) = (oracle, owner, guardian);
        domain = oracle.DOMAIN_SEPARATOR();
        makeMembers(7);
    }

    function model(uint256 market) external view returns (Model memory) {
        return _models[market];
    }

    /// @notice A report of the committee: some groups newer, some older, entries of every kind.
    function send(uint256 seed) external {
        Draft memory d = randomDraft(seed);
        uint256[] memory carried = someGroups(seed >> 8);
        bytes memory report = body(d, carried, randomQuorum(seed));
        uint256 expected;
        for (uint256 i; i < carried.length; ++i) {
            uint256 word = d.words[carried[i]];
            if (word >> 216 <= _models[4 * carried[i]].statusTimeMs) continue;
            apply_(carried[i], word);
            ++expected;
        }
        assertEq(ORACLE.update(report), expected, "groups stored");
        accepted += expected;
        _sent.push(report);
    }

    /// @notice A report that was sent before, by anyone, at any later time.
    function replay(uint256 which) external {
        if (_sent.length == 0) return;
        assertEq(ORACLE.update(_sent[which % _sent.length]), 0, "groups stored by a replay");
    }

    /// @notice A newer report that a quorum of the current committee did not sign.
    function forge(uint256 seed) external {
        Draft memory d = randomDraft(seed);
        for (uint256 g; g < GROUPS; ++g) {
            d.words[g] = pricedWord(nowMs() + MAX_FUTURE_MS, seed ^ g);
        }
        uint256[] memory carried = someGroups(seed >> 8);
        uint256 kind = (seed >> 16) % 5;
        bytes memory report;
        if (kind == 0) {
            report = body(d, carried, 0x0f << (seed % 4));
        } else if (kind == 1) {
            d.epoch = d.epoch == 1 ? 2 : d.epoch - 2;
            report = body(d, carried, 0x1f);
        } else if (kind == 2) {
            domain = keccak256("another deployment");
            report = body(d, carried, 0x1f);
            domain = ORACLE.DOMAIN_SEPARATOR();
        } else if (kind == 3) {
            report = body(d, carried, 0x1f);
            uint256 bit = (seed >> 32) % (8 * report.length);
            report[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        } else {
            // Signed as it stands, but for one group's word.
            bytes memory signed = signatures(digestOf(d), 0x1f);
            d.words[carried[0]] = pricedWord(nowMs() + MAX_FUTURE_MS, ~seed);
            report = bytes.concat(unsignedBody(d, carried), hex"0000001f", signed);
        }
        (bool success, bytes memory result) =
            address(ORACLE).call(abi.encodeCall(ORACLE.update, (report)));
        // A flipped bit may make all its groups old: a no-op.
        if (success) assertEq(abi.decode(result, (uint256)), 0, "groups stored unsigned");
        else ++refused;
    }

    /// @notice Anybody tries to pause or unpause a market.
    function pause(uint256 seed, address caller) external {
        uint256 market = seed % (4 * GROUPS);
        bool wanted = (seed >> 8) % 2 == 0;
        uint256 who = (seed >> 16) % 3;
        if (who == 0) caller = OWNER;
        if (who == 1) caller = GUARDIAN;
        Model storage m = _models[market];
        bool allowed = caller == OWNER || (caller == GUARDIAN && (wanted || !m.pausedByOwner));
        bytes memory call = wanted
            ? abi.encodeCall(ORACLE.pauseMarket, (market, "fuzzed"))
            : abi.encodeCall(ORACLE.unpauseMarket, (market, "fuzzed"));
        vm.prank(caller);
        (bool success,) = address(ORACLE).call(call);
        assertEq(success, allowed, "who may pause");
        if (!success) return;
        m.paused = wanted;
        m.pausedByOwner = wanted && (m.pausedByOwner || caller == OWNER);
    }

    /// @notice Governance rotates the committee, with or without overlap.
    function rotate(uint256 seed) external {
        uint64 untilS = seed % 2 == 0 ? 0 : uint64(block.timestamp + seed % 1000);
        uint32 epoch = ORACLE.currentEpoch() + 1;
        vm.prank(OWNER);
        ORACLE.setCommittee(epoch, members, 5, untilS, new Binding[](0));
    }

    function wait_(uint256 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 10);
    }

    function apply_(uint256 group, uint256 word) private {
        for (uint256 i; i < 4; ++i) {
            uint256 entry = (word >> (53 * i)) % 2 ** 53;
            Model storage m = _models[4 * group + i];
            m.statusTimeMs = word >> 216;
            m.validity = keepsRules(entry) ? entry >> 50 : 1;
            m.quality = 0;
            if (m.validity < 3) continue;
            m.price = entry % 2 ** 32;
            m.priceTimeMs = m.statusTimeMs;
            m.quality = (entry >> 32) % 2 ** 18;
        }
    }

    function keepsRules(uint256 entry) private pure returns (bool) {
        uint256 mantissa = entry % 2 ** 27;
        uint256 validity = entry >> 50;
        if (validity < 2) return entry % 2 ** 50 == 0;
        bool normal = mantissa >= 10 ** 7 || ((entry >> 27) % 32 == 0 && mantissa > 0);
        return validity != 2 && validity != 7 && normal && mantissa < 10 ** 8;
    }

    function randomDraft(uint256 seed) private view returns (Draft memory d) {
        d.epoch = ORACLE.currentEpoch();
        d.slot = uint64(seed);
        d.words = new uint256[](GROUPS);
        for (uint256 g; g < GROUPS; ++g) {
            uint256 draw = uint256(keccak256(abi.encode(seed, g)));
            uint256 timeMs = nowMs() + MAX_FUTURE_MS - draw % 12_000;
            d.words[g] = wordOf(
                timeMs,
                randomEntry(draw, 0),
                randomEntry(draw, 1),
                randomEntry(draw, 2),
                randomEntry(draw, 3)
            );
        }
    }

    /// @dev Mostly a price, often none, sometimes any bits.
    function randomEntry(uint256 draw, uint256 i) private pure returns (uint256) {
        draw = uint256(keccak256(abi.encode(draw, i)));
        uint256 kind = draw % 8;
        draw >>= 8;
        if (kind < 2) return bareEntry(draw % 2);
        if (kind == 2) return draw % 2 ** 53;
        return pricedEntry(10 ** 7 + draw % (9 * 10 ** 7), draw % 32, 3 + draw % 4);
    }

    function someGroups(uint256 seed) private pure returns (uint256[] memory carried) {
        uint256 first = seed % GROUPS;
        carried = new uint256[](1 + (seed >> 8) % (GROUPS - first));
        for (uint256 i; i < carried.length; ++i) {
            carried[i] = first + i;
        }
    }

    function randomQuorum(uint256 seed) private pure returns (uint256) {
        uint256 a = seed % 7;
        uint256 b = (a + 1 + (seed >> 8) % 6) % 7;
        return 0x7f & ~((1 << a) | (1 << b));
    }

    function nowMs() private view returns (uint256) {
        return block.timestamp * 1000 - ORIGIN_MS;
    }
}

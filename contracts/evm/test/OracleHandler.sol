// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Binding, IMarkOracle, JumpRule} from "../src/interfaces/IMarkOracle.sol";
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
        /// @dev While a jump is held: the price before it, since when, and who agreed.
        uint256 accepted;
        uint256 heldSinceMs;
        uint256 agreed;
        /// @dev What the number means and since when; and the epoch that signed its price.
        bytes32 instrument;
        uint256 fromEpoch;
        bool retired;
        uint256 priceEpoch;
    }

    struct Sent {
        Draft draft;
        uint256[] carried;
        uint256 signers;
    }

    uint256 public constant GROUPS = 5;
    uint256 private constant ORIGIN_MS = 1_577_836_800_000;
    uint256 private constant MAX_FUTURE_MS = 2000;

    IMarkOracle public immutable ORACLE;
    address private immutable OWNER;
    address private immutable GUARDIAN;

    JumpRule private _rule;
    /// @dev By epoch: members revoked, and the unix second up to which it is valid.
    mapping(uint256 epoch => uint256) public revoked;
    mapping(uint256 epoch => uint256) public validUntilS;

    Model[20] private _models;
    Sent[] private _sent;
    uint256 public accepted;
    uint256 public refused;
    uint256 public resets;
    uint256 public held;
    uint256 public promoted;
    uint256 public returned;

    constructor(IMarkOracle oracle, address owner, address guardian) {
        (ORACLE, OWNER, GUARDIAN) = (oracle, owner, guardian);
        domain = oracle.DOMAIN_SEPARATOR();
        makeMembers(7);
        _rule = oracle.jumpRule(0);
        validUntilS[1] = type(uint64).max;
    }

    function model(uint256 market) external view returns (Model memory) {
        return _models[market];
    }

    /// @notice A report of the committee: some groups newer, some older, entries of every kind.
    function send(uint256 seed) external {
        Sent memory s;
        s.draft = randomDraft(seed);
        // The epoch before signs too, as long as it overlaps.
        if (seed % 3 == 0 && validUntilS[s.draft.epoch - 1] >= block.timestamp) --s.draft.epoch;
        s.carried = someGroups(seed >> 8);
        s.signers = quorum(s.draft.epoch, seed);
        _sent.push(s);
        deliver(s);
    }

    /// @notice A report that was sent before, by anyone, at any later time: nothing of it is newer,
    /// unless a group's time has been set back.
    function replay(uint256 which) external {
        if (_sent.length != 0) deliver(_sent[which % _sent.length]);
    }

    function deliver(Sent memory s) private {
        bool newer;
        for (uint256 i; i < s.carried.length; ++i) {
            newer = newer || isNewer(s, i);
        }
        bool valid = validUntilS[s.draft.epoch] >= block.timestamp
            && s.signers & revoked[s.draft.epoch] == 0;
        bytes memory report = body(s.draft, s.carried, s.signers);
        (bool success, bytes memory result) =
            address(ORACLE).call(abi.encodeCall(ORACLE.update, (report)));
        assertEq(success, valid || !newer, "whether a report is taken");
        if (!success) return;
        uint256 expected;
        for (uint256 i; i < s.carried.length; ++i) {
            if (!isNewer(s, i)) continue;
            apply_(s.carried[i], s.draft.words[s.carried[i]], s.draft.epoch);
            ++expected;
        }
        assertEq(abi.decode(result, (uint256)), expected, "groups stored");
        accepted += expected;
    }

    function isNewer(Sent memory s, uint256 i) private view returns (bool) {
        uint256 word = s.draft.words[s.carried[i]];
        return word >> 216 > _models[4 * s.carried[i]].statusTimeMs;
    }

    /// @notice A newer report that a quorum of the current committee did not sign.
    function forge(uint256 seed) external {
        Draft memory d = randomDraft(seed);
        for (uint256 g; g < GROUPS; ++g) {
            d.words[g] = pricedWord(nowMs() + MAX_FUTURE_MS, seed ^ g);
        }
        uint256[] memory carried = someGroups(seed >> 8);
        uint256 signers = quorum(d.epoch, seed);
        uint256 kind = (seed >> 16) % 6;
        bytes memory report;
        if (kind == 0) {
            report = body(d, carried, 0x0f << (seed % 4));
        } else if (kind == 1) {
            // Not begun, or ended: the one before the last is in no overlap.
            d.epoch = d.epoch < 3 || seed % 2 == 0 ? d.epoch + 1 : d.epoch - 2;
            report = body(d, carried, 0x1f);
        } else if (kind == 2) {
            domain = keccak256("another deployment");
            report = body(d, carried, signers);
            domain = ORACLE.DOMAIN_SEPARATOR();
        } else if (kind == 3) {
            report = body(d, carried, signers);
            uint256 bit = (seed >> 32) % (8 * report.length);
            // Some other sizes of the tree lead to the same root: its leaves are what was signed.
            if (bit / 8 == 45 || bit / 8 == 46) return;
            report[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        } else if (kind == 4) {
            // Signed as it stands, but for one group's word.
            bytes memory signed = signatures(digestOf(d), signers);
            d.words[carried[0]] = pricedWord(nowMs() + MAX_FUTURE_MS, ~seed);
            report = bytes.concat(unsignedBody(d, carried), bytes4(uint32(signers)), signed);
        } else {
            // By all who may sign, but one who no longer may.
            if (revoked[d.epoch] == 0) return;
            while (signers & revoked[d.epoch] == 0) {
                seed = uint256(keccak256(abi.encode(seed)));
                signers = randomQuorum(seed);
            }
            report = body(d, carried, signers);
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
        bool may = wanted || !m.paused || (!m.retired && (caller == OWNER || !m.pausedByOwner));
        bool allowed = (caller == OWNER || caller == GUARDIAN) && may;
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

    /// @notice Governance rotates the committee, with or without overlap, and gives a number a
    /// meaning, or retires it.
    function rotate(uint256 seed) external {
        uint64 untilS = seed % 2 == 0 ? 0 : uint64(block.timestamp + seed % 1000);
        uint32 epoch = ORACLE.currentEpoch() + 1;
        Binding[] memory bindings = new Binding[]((seed >> 16) % 2);
        if (bindings.length == 1) {
            bindings[0] =
                Binding((seed >> 8) % (4 * GROUPS), bytes32(bytes1(uint8((seed >> 24) % 3))));
        }
        bytes memory call =
            abi.encodeCall(ORACLE.setCommittee, (epoch, members, 5, untilS, bindings));
        vm.prank(OWNER);
        (bool success,) = address(ORACLE).call(call);
        if (bindings.length == 1) assertEq(success, !taken(bindings[0]), "bound to another");
        if (!success) return;
        (validUntilS[epoch], validUntilS[epoch - 1]) = (type(uint64).max, untilS);
        if (epoch > 2) validUntilS[epoch - 2] = 0;
        if (bindings.length == 1) bind_(bindings[0], epoch);
    }

    /// @dev Whether the binding gives a number an instrument that has had one.
    function taken(Binding memory b) private view returns (bool) {
        Model storage m = _models[b.market];
        return b.instrument != m.instrument && b.instrument != 0 && m.fromEpoch != 0;
    }

    function bind_(Binding memory b, uint256 epoch) private {
        Model storage m = _models[b.market];
        if (b.instrument == m.instrument) return;
        (m.instrument, m.fromEpoch) = (b.instrument, epoch);
        (m.price, m.priceTimeMs, m.quality, m.validity) = (0, 0, 0, 0);
        (m.accepted, m.heldSinceMs, m.agreed, m.priceEpoch) = (0, 0, 0, 0);
        if (b.instrument == 0) (m.paused, m.pausedByOwner, m.retired) = (true, true, true);
    }

    /// @notice Anybody tries to revoke a member, of any epoch.
    function revoke(uint256 seed, address caller) external {
        uint256 epoch = seed % (ORACLE.currentEpoch() + 2);
        uint256 member = (seed >> 8) % 7;
        if ((seed >> 16) % 2 == 0) caller = (seed >> 17) % 2 == 0 ? OWNER : GUARDIAN;
        bool allowed = caller == OWNER || caller == GUARDIAN;
        uint256 before = revoked[epoch];
        uint256 after_ = before | (1 << member);
        // Of seven, two: none yet, or one other.
        bool reachable = before == 0 || (after_ != before && before & (before - 1) == 0);
        bool exists = epoch != 0 && epoch <= ORACLE.currentEpoch();
        vm.prank(caller);
        (bool success,) = address(ORACLE)
            .call(abi.encodeCall(ORACLE.revokeMember, (uint32(epoch), members[member])));
        assertEq(success, allowed && exists && reachable, "who may be revoked, by whom");
        if (success) revoked[epoch] = after_;
    }

    /// @notice Anybody tries to set a group's time, anywhere.
    function reset(uint256 seed, address caller) external {
        uint256 group = seed % GROUPS;
        uint256 stored = _models[4 * group].statusTimeMs;
        // Mostly seconds back, sometimes hours.
        uint256 most = (seed >> 48) % 4 == 0 ? 10_000_000 : 5000;
        uint256 to = stored + 1 - (seed >> 8) % (stored < most ? stored + 2 : most);
        if ((seed >> 32) % 2 == 0) caller = OWNER;
        vm.prank(caller);
        (bool success,) = address(ORACLE)
            .call(abi.encodeCall(ORACLE.resetTime, (group, uint64(to + ORIGIN_MS), "fuzzed")));
        assertEq(success, caller == OWNER && to != 0 && to < stored, "who may reset what");
        if (!success) return;
        for (uint256 i; i < 4; ++i) {
            Model storage m = _models[4 * group + i];
            m.statusTimeMs = to;
            m.quality = 0;
            if (m.validity > 2) m.validity = 1;
            if (m.priceTimeMs > to) m.priceTimeMs = to;
            if (m.heldSinceMs > to) m.heldSinceMs = to;
        }
        ++resets;
    }

    /// @notice Governance changes the rule for jumps.
    function setRule(uint256 seed) external {
        uint16 boundBps = seed % 4 == 0 ? 0 : uint16(157 + (seed >> 8) % 2000);
        uint16 reports = uint16(1 + (seed >> 24) % 4);
        _rule = JumpRule(boundBps, reports, uint32((seed >> 32) % 5000));
        vm.prank(OWNER);
        ORACLE.setDefaultJumpRule(_rule);
    }

    function wait_(uint256 seconds_) external {
        vm.warp(block.timestamp + seconds_ % (seconds_ % 16 == 0 ? 100 : 10));
    }

    function apply_(uint256 group, uint256 word, uint256 epoch) private {
        for (uint256 i; i < 4; ++i) {
            uint256 entry = (word >> (53 * i)) % 2 ** 53;
            Model storage m = _models[4 * group + i];
            m.statusTimeMs = word >> 216;
            m.validity = keepsRules(entry) ? entry >> 50 : 1;
            // Signed before the number meant this.
            if (m.validity > 2 && epoch < m.fromEpoch) m.validity = 1;
            m.quality = 0;
            if (m.validity < 3) continue;
            judge(m, entry);
            m.price = entry % 2 ** 32;
            m.priceTimeMs = m.statusTimeMs;
            m.quality = (entry >> 32) % 2 ** 18;
            m.priceEpoch = epoch;
        }
    }

    /// @dev The rule for jumps, from `m.price` stored to that of the entry, as a sentence each.
    function judge(Model storage m, uint256 entry) private {
        // The first price ever is accepted.
        if (m.price == 0) return;
        bool holding = m.accepted != 0;
        // So is one within the bound of the last accepted price; it ends a hold.
        if (within(holding ? m.accepted : m.price, entry)) {
            if (holding) ++returned;
            m.accepted = 0;
            return;
        }
        uint256 gapMs = _rule.holdMs > 60_000 ? _rule.holdMs : 60_000;
        if (holding && m.statusTimeMs - m.priceTimeMs <= gapMs && within(m.price, entry)) {
            // One soon after, within the bound of the price before, agrees with the jump, and may end
            // it; but for one that is doubted.
            if (m.validity < 5) {
                m.validity = 3;
                return;
            }
            if (m.agreed < _rule.reports) ++m.agreed;
            bool long = m.statusTimeMs >= m.heldSinceMs + _rule.holdMs;
            if (m.agreed >= _rule.reports && long) {
                ++promoted;
                m.accepted = 0;
                return;
            }
        } else {
            // All others are a jump, or another one.
            if (!holding) m.accepted = m.price;
            (m.heldSinceMs, m.agreed) = (m.statusTimeMs, 0);
            ++held;
        }
        m.validity = 3;
    }

    function within(uint256 before, uint256 entry) private view returns (bool) {
        if (_rule.boundBps == 0) return true;
        uint256 a = (before % 2 ** 27) * 10 ** ((before >> 27) % 32);
        uint256 b = (entry % 2 ** 27) * 10 ** ((entry >> 27) % 32);
        bool below = b * 10_000 <= a * (10_000 + _rule.boundBps);
        return below && b * 10_000 >= a * (10_000 - _rule.boundBps);
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
                randomEntry(draw, 4 * g),
                randomEntry(draw, 4 * g + 1),
                randomEntry(draw, 4 * g + 2),
                randomEntry(draw, 4 * g + 3)
            );
        }
    }

    /// @dev Mostly a price near the one stored or a fifth from it, often none, sometimes any price
    /// or any bits.
    function randomEntry(uint256 draw, uint256 market) private view returns (uint256) {
        draw = uint256(keccak256(abi.encode(draw, market)));
        uint256 kind = draw % 16;
        draw >>= 8;
        if (kind < 2) return bareEntry(draw % 2);
        if (kind == 2) return draw % 2 ** 53;
        uint256 price = _models[market].price;
        uint256 validity = 3 + (draw >> 64) % 4;
        if (kind == 3 || price == 0) {
            return pricedEntry(10 ** 7 + draw % (9 * 10 ** 7), (draw >> 32) % 32, validity);
        }
        if (kind == 4 && _models[market].accepted != 0) price = _models[market].accepted;
        uint256 spread = kind < 12 ? 250 : 4000;
        uint256 mantissa = (price % 2 ** 27) * (10_000 - spread / 2 + draw % spread) / 10_000;
        uint256 exponent = price >> 27;
        if (mantissa >= 10 ** 8) (mantissa, exponent) = (mantissa / 10, exponent + 1);
        if (mantissa < 10 ** 7 && exponent > 0) {
            (mantissa, exponent) = (mantissa * 10, exponent - 1);
        }
        return pricedEntry(mantissa, exponent % 32, validity);
    }

    function someGroups(uint256 seed) private pure returns (uint256[] memory carried) {
        uint256 first = seed % GROUPS;
        carried = new uint256[](1 + (seed >> 8) % (GROUPS - first));
        for (uint256 i; i < carried.length; ++i) {
            carried[i] = first + i;
        }
    }

    /// @dev Five of those who may sign in the epoch.
    function quorum(uint256 epoch, uint256 seed) private view returns (uint256 signers) {
        signers = randomQuorum(seed);
        while (signers & revoked[epoch] != 0) {
            seed = uint256(keccak256(abi.encode(seed)));
            signers = randomQuorum(seed);
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

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

/// @notice One way to keep a committee: `fold` reads the members whose bit is set, from cold.
abstract contract Keeper {
    function fold(uint256 signers, bytes calldata given) external view returns (uint256) {
        uint256 list = load(signers, given);
        uint256 folded;
        for (; signers != 0; signers >>= 1) {
            if (signers & 1 == 1) folded ^= member(list);
            list = next(list);
        }
        return folded;
    }

    function load(uint256 signers, bytes calldata given) internal view virtual returns (uint256);

    function member(uint256 at) internal view virtual returns (uint256 found) {
        assembly ("memory-safe") {
            found := shr(96, mload(at))
        }
    }

    function next(uint256 at) internal pure virtual returns (uint256) {
        return at + 20;
    }
}

/// @notice As the Committee does it: the code of an account, whose address is in a slot.
contract InCode is Keeper {
    uint256 private list;

    constructor(bytes memory members) {
        bytes memory code = bytes.concat(hex"00", members);
        code = bytes.concat(hex"61", bytes2(uint16(code.length)), hex"80600a3d393df3", code);
        assembly ("memory-safe") {
            sstore(list.slot, or(create(0, add(code, 0x20), mload(code)), shl(160, mload(members))))
        }
    }

    function load(uint256, bytes calldata) internal view override returns (uint256 at) {
        uint256 word = list;
        assembly ("memory-safe") {
            at := mload(0x40)
            extcodecopy(word, at, 1, shr(160, word))
        }
    }
}

/// @notice A slot for each, and one for the epoch's word.
contract InSlots is Keeper {
    uint256 private epoch = 1;
    uint256[32] private slots;

    constructor(bytes memory members) {
        for (uint256 i; i < members.length / 20; ++i) {
            uint256 found;
            assembly ("memory-safe") {
                found := shr(96, mload(add(add(members, 0x20), mul(20, i))))
            }
            slots[i] = found;
        }
    }

    function load(uint256, bytes calldata) internal view override returns (uint256 at) {
        require(epoch != 0);
        assembly ("memory-safe") {
            at := slots.slot
        }
    }

    function member(uint256 at) internal view override returns (uint256 found) {
        assembly ("memory-safe") {
            found := sload(at)
        }
    }

    function next(uint256 at) internal pure override returns (uint256) {
        return at + 1;
    }
}

/// @notice Given with each update, and checked against a hash in a slot.
contract InCalldata is Keeper {
    bytes32 private hash;

    constructor(bytes memory members) {
        hash = keccak256(members);
    }

    function load(uint256, bytes calldata given) internal view override returns (uint256 at) {
        bytes memory list = given;
        require(keccak256(list) == hash);
        assembly ("memory-safe") {
            at := add(list, 0x20)
        }
    }
}

/// @notice What decision 0010 says of the ways to keep members, to the gas. Whoever finds a cheaper
/// one has it fail.
contract MembersGasTest is Test {
    uint256 private constant GAS_A_BYTE = 16;

    /// forge-config: default.isolate = true
    function test_gas_OfEachWayToKeepMembers() public {
        measure(7, 0x1f, [uint256(6334), 14_156, 6210]);
        measure(7, 0x7c, [uint256(6726), 14_548, 6602]);
        measure(19, 0x1fff, [uint256(8064), 32_572, 11_822]);
        measure(32, 0x3fffff, [uint256(10_012), 53_290, 17_978]);
    }

    function measure(uint256 size, uint256 signers, uint256[3] memory expected) private {
        bytes memory members;
        for (uint256 i; i < size; ++i) {
            members = bytes.concat(members, bytes20(keccak256(abi.encode(i))));
        }
        uint256[3] memory used = [
            gasOf(new InCode(members), signers, ""),
            gasOf(new InSlots(members), signers, ""),
            gasOf(new InCalldata(members), signers, members) + GAS_A_BYTE * members.length
        ];
        for (uint256 i; i < 3; ++i) {
            emit log_named_uint(vm.toString(size), used[i]);
            assertApproxEqRel(used[i], expected[i], 0.01e18);
        }
    }

    function gasOf(Keeper keeper, uint256 signers, bytes memory given)
        private
        view
        returns (uint256)
    {
        keeper.fold(signers, given);
        return vm.lastCallGas().gasTotalUsed;
    }
}

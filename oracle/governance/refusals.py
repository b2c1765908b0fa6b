"""Why a contract refuses a call, from what it reverts with."""

from __future__ import annotations

from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

_KNOWN: Final = {
    bytes(keccak(signature.encode())[:4]): signature
    for signature in (
        "Error(string)",
        "Panic(uint256)",
        "UnknownField(uint8,uint256)",
        "NotListed(uint8,uint256)",
        "AlreadyListed(uint8,uint256)",
        "OutOfBounds(bytes32,uint256,uint256,uint256)",
        "StepTooLarge(bytes32,uint256,uint256,uint256)",
        "TooSoon(bytes32,uint256)",
        "NotTighter(bytes32,uint256,uint256)",
        "EmergencyTooLong(uint256,uint256)",
        "EmergencyOver(uint256,uint256)",
        "Inconsistent(bytes32,bytes32,uint256,uint256)",
        "NoInstrument(uint256)",
        "IncompleteListing(uint256,uint256)",
        "ListingOrder(uint256,uint256)",
        "OwnableUnauthorizedAccount(address)",
        "EpochOrder(uint256,uint256)",
        "ThresholdOutOfRange(uint256,uint256,uint256)",
        "MemberOrder(uint256,address)",
        "OverlapTooLong(uint256,uint256)",
    )
}
TOLD: Final = {
    "OutOfBounds": "{0} would be {1}: it must be {2} to {3}",
    "StepTooLarge": "{0} would go from {1} to {2}: one step is at most {3}",
    "TooSoon": "{0} may change next at unix time {1}",
    "NotTighter": "{0} would go from {1} to {2}: that is not tighter",
    "Inconsistent": "{0} would be {2}: with {1} the limit is {3}",
}


def told(data: bytes) -> str:
    """Return a revert in words, or its bytes."""
    signature = _KNOWN.get(data[:4])
    if signature is None:
        return f"0x{data.hex()}" if data else "it says no reason"
    name, types = signature[:-1].split("(", 1)
    try:
        values = [_shown(value) for value in decode(types.split(","), data[4:])]
    except (DecodingError, OverflowError, UnicodeDecodeError):
        return f"0x{data.hex()}"
    return f"{name}: {TOLD[name].format(*values)}" if name in TOLD else f"{name}: {values}"


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("ascii", "backslashreplace")
    return f"{value:,}" if isinstance(value, int) else str(value)

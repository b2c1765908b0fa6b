"""The functions that governance calls, and strict decoding of calls to them.

Calldata that does not encode back to the same bytes is not decoded: a contract may read it
otherwise than we would show it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_hash.auto import keccak

SELECTOR_BYTES: Final = 4
CHANGES: Final = "(uint8,uint256,uint256,uint256)[]"
CALLS: Final = "(address,bytes)[]"


class Function(NamedTuple):
    """A function: its name, the types of its arguments, and what they are."""

    name: str
    types: tuple[str, ...]
    arguments: tuple[str, ...]
    of: str = ""
    """Which of the deployment's contracts has it, as the engine names them; empty for several."""
    module: bool = False
    """Whether it changes who may do what (code, roles, owners, keys), or moves tokens."""

    @property
    def selector(self) -> bytes:
        """What calls of it begin with."""
        return bytes(keccak(f"{self.name}({','.join(self.types)})".encode())[:SELECTOR_BYTES])

    def call(self, *values: Any) -> bytes:
        """Return calldata."""
        return self.selector + encode(self.types, values)


class Decoded(NamedTuple):
    """A call of a function that we know."""

    function: Function
    values: tuple[Any, ...]


def _of(text: str, of: str = "", *, module: bool = False) -> Function:
    """Read `name(type argument; ...)`."""
    name, inner = text[:-1].split("(", 1)
    pairs = [part.strip().rsplit(" ", 1) for part in inner.split(";") if part.strip()]
    return Function(name, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs), of, module)


CHANGE: Final = _of(f"change({CHANGES} changes)", "RISK")
LIST: Final = _of(f"list(uint8 scope; uint256 id; {CHANGES} changes)", "RISK")
TIGHTEN: Final = _of(f"tighten({CHANGES} changes; uint256 untilS)", "RISK")
SET_COMMITTEE: Final = _of(
    "setCommittee(uint32 epoch; address[] members; uint8 threshold; uint64 previousValidUntilS; "
    "(uint256,bytes32)[] bindings)",
    "ORACLE",
    module=True,
)
SET_MODULE: Final = _of("setModule(address module; uint8 role)", "VAULT", module=True)
SEND: Final = _of(
    f"send(uint256 chainId; address target; {CALLS} calls; uint32 leadS; uint32 lifeS)"
)
RELAY: Final = _of("relay(address target; uint256 value; bytes data)", module=True)

_PLAIN: Final = [
    _of("endEmergency(uint8 scope; uint256 id)", "RISK"),
    _of("setAccessPolicy(uint256 market; address policy)", "RISK"),
    _of("listCollateral(address token)", "VAULT"),
    _of("setJumpRule(uint256 market; (uint16,uint16,uint32) rule)", "ORACLE"),
    _of("setDefaultJumpRule((uint16,uint16,uint32) rule)", "ORACLE"),
    _of("resetTime(uint256 group; uint64 timeMs; string reason)", "ORACLE"),
    _of("pauseMarket(uint256 market; string reason)", "ORACLE"),
    _of("unpauseMarket(uint256 market; string reason)", "ORACLE"),
    _of("setVotingDelay(uint48 delayS)"),
    _of("setVotingPeriod(uint32 periodS)"),
    _of("setProposalThreshold(uint256 votes)"),
    _of("updateQuorumNumerator(uint256 percent)"),
    _of("setLateQuorumVoteExtension(uint48 extensionS)"),
    _of("setTerms((uint32,uint32,uint32,uint32) terms)"),
]
_MODULES: Final = [
    "revokeMember(uint32 epoch; address member)",
    "setGuardian(address guardian)",
    "transferOwnership(address newOwner)",
    "acceptOwnership()",
    "acceptOwnershipOf(address target)",
    "renounceOwnership()",
    "grantRole(bytes32 role; address account)",
    "revokeRole(bytes32 role; address account)",
    "renounceRole(bytes32 role; address account)",
    "transfer(address to; uint256 amount)",
    "approve(address spender; uint256 amount)",
    "updateDelay(uint256 delayS)",
    "updateSlowDelay(uint256 slowDelayS)",
    "setSlow(bytes4 selector; bool slow)",
    "setGate(address target; address gate)",
    "setCouncil(address council)",
    "setPauser(address pauser; bool allowed)",
    "rotate(address[] attesters; uint256 threshold)",
    "setSource(address source)",
]

KNOWN: Final = {
    function.selector: function
    for function in (
        CHANGE, LIST, TIGHTEN, SET_COMMITTEE, SET_MODULE, SEND, RELAY, *_PLAIN,
        *(_of(text, module=True) for text in _MODULES),
    )
}  # fmt: skip


def decoded(data: bytes) -> Decoded | None:
    """Decode a call; None where the function is unknown, or the bytes are not exactly its call."""
    function = KNOWN.get(data[:SELECTOR_BYTES])
    if function is None:
        return None
    try:
        values = decode(function.types, data[SELECTOR_BYTES:])
        exact = function.call(*values) == data
    except (DecodingError, EncodingError, OverflowError, UnicodeDecodeError):
        return None
    return Decoded(function, values) if exact else None

"""Sign a call as a raw transaction: RLP here, the signature by whoever holds the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import rlp
from eth_hash.auto import keccak

from oracle.keys.signer import Signer
from relayer.evm.fees import Fees

_DYNAMIC_FEE: Final = b"\x02"
_PARITY: Final = 1 << 255


@dataclass(frozen=True, slots=True)
class Call:
    """What to call, and the most gas it may use; without an address it makes a contract."""

    to: str | None
    data: bytes
    gas: int


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """The bytes to broadcast, and the 0x-prefixed hash by which the chain knows them."""

    raw: bytes
    hash: str


async def sign_transaction(
    signer: Signer, call: Call, chain_id: int, nonce: int, fees: Fees
) -> SignedTransaction:
    """Sign as type 2 (EIP-1559), or as a legacy transaction with replay protection (EIP-155).

    Raises:
        Retryable: the key's holder gives no signature in time.
    """
    to = bytes.fromhex(call.to[2:]) if call.to else b""
    target = [call.gas, to, 0, call.data]
    if fees.priority_wei is None:
        fields = [nonce, fees.max_wei, *target]
        r, s, parity = _split(await signer.sign(rlp.encode([*fields, chain_id, 0, 0])))
        raw = rlp.encode([*fields, chain_id * 2 + 35 + parity, r, s])
    else:
        fields = [chain_id, nonce, fees.priority_wei, fees.max_wei, *target, []]
        r, s, parity = _split(await signer.sign(_DYNAMIC_FEE + rlp.encode(fields)))
        raw = _DYNAMIC_FEE + rlp.encode([*fields, parity, r, s])
    return SignedTransaction(raw, "0x" + keccak(raw).hex())


def call_of(raw: bytes) -> Call:
    """Return the call of a transaction that `sign_transaction` made."""
    fields = rlp.decode(raw[1:])[4:] if raw.startswith(_DYNAMIC_FEE) else rlp.decode(raw)[2:]
    gas, to, _, data = fields[:4]
    return Call(f"0x{to.hex()}" if to else None, data, int.from_bytes(gas, "big"))


def _split(compact: bytes) -> tuple[int, int, int]:
    both = int.from_bytes(compact[32:], "big")
    return int.from_bytes(compact[:32], "big"), both & (_PARITY - 1), both >> 255

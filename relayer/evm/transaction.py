"""Sign a call as a raw transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount

from relayer.evm.fees import Fees


@dataclass(frozen=True, slots=True)
class Call:
    """What to call, and the most gas it may use."""

    to: str
    data: bytes
    gas: int


@dataclass(frozen=True, slots=True)
class Signed:
    """The bytes to broadcast, and the 0x-prefixed hash by which the chain knows them."""

    raw: bytes
    hash: str


def sign(wallet: LocalAccount, call: Call, chain_id: int, nonce: int, fees: Fees) -> Signed:
    """Sign as type 2, or as a legacy transaction with replay protection (EIP-155)."""
    fields: dict[str, Any] = {
        "to": call.to,
        "data": "0x" + call.data.hex(),
        "gas": call.gas,
        "nonce": nonce,
        "chainId": chain_id,
        "value": 0,
    }
    if fees.priority_wei is None:
        fields["gasPrice"] = fees.max_wei
    else:
        fields |= {
            "type": 2,
            "maxFeePerGas": fees.max_wei,
            "maxPriorityFeePerGas": fees.priority_wei,
        }
    signed = wallet.sign_transaction(fields)
    return Signed(bytes(signed.raw_transaction), "0x" + bytes(signed.hash).hex())

"""Signatures that show that a key signs what it is for, and are of no use to anybody.

A strict signer refuses what its key is not for. So a member's key is given EIP-712 in its own
deployment, of a type that nothing takes, and a wallet's a call of `update` on its own contract
that no chain takes: EIP-2681 forbids its nonce, and its gas is less than any transaction costs.
"""

from __future__ import annotations

from typing import Final

from eth_hash.auto import keccak

from oracle.config.deployment import EvmChainConfig
from oracle.keys.signer import Signer
from oracle.report.digest import domain_separator
from relayer.evm.abi import update_call
from relayer.evm.fees import Fees
from relayer.evm.transaction import Call, sign_transaction

FORBIDDEN_NONCE: Final = 2**64 - 1
_TYPE: Final = keccak(b"Probe(string text)")
_TEXT: Final = keccak(b"Plumbline: does this key sign?")


async def sign_as_member(signer: Signer, salt: bytes) -> None:
    """Have a member's key sign 66 bytes of EIP-712 in the deployment's domain.

    Raises:
        PlumblineError: as `Signer.sign`.
    """
    await signer.sign(b"\x19\x01" + domain_separator(salt) + keccak(_TYPE + _TEXT))


async def sign_as_wallet(signer: Signer, chain: EvmChainConfig) -> None:
    """Have a wallet's key sign an unsendable transaction to the chain's contract.

    Raises:
        PlumblineError: as `Signer.sign`.
    """
    call, fees = Call(chain.oracle, update_call(b""), 0), Fees(0, 0)
    if chain.fees == "legacy":
        fees = Fees(0, None)
    await sign_transaction(signer, call, chain.chain_id, FORBIDDEN_NONCE, fees)

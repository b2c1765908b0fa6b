"""Raw transactions: byte for byte what another library signs, whoever holds the key."""

from __future__ import annotations

import asyncio

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.keys.signer import LocalSigner
from relayer.evm.fees import Fees
from relayer.evm.transaction import Call, call_of, sign_transaction

SECRET = bytes(range(1, 33))
SIGNER = LocalSigner(SECRET)
ADDRESS = Account.from_key(SECRET).address

CALLS = st.builds(
    Call,
    st.one_of(st.none(), st.binary(min_size=20, max_size=20).map(lambda to: f"0x{to.hex()}")),
    st.binary(max_size=300),
    st.integers(21_000, 30_000_000),
)
FEES = st.one_of(
    st.builds(Fees, st.integers(0, 2**70), st.none()),
    st.integers(0, 2**70).flatmap(
        lambda most: st.builds(Fees, st.just(most), st.integers(0, most))
    ),
)


@given(call=CALLS, fees=FEES, chain_id=st.integers(1, 2**53), nonce=st.integers(0, 2**40))
@settings(deadline=None)
def test_bytes_are_those_of_another_library(call: Call, fees: Fees, chain_id: int, nonce: int):
    """Type 2 and legacy, calls and creations, zeros and large numbers: eth_account agrees."""
    signed = asyncio.run(sign_transaction(SIGNER, call, chain_id, nonce, fees))
    fields = {"data": call.data, "gas": call.gas, "nonce": nonce, "chainId": chain_id, "value": 0}
    if call.to is not None:
        fields["to"] = bytes.fromhex(call.to[2:])
    if fees.priority_wei is None:
        fields["gasPrice"] = fees.max_wei
    else:
        fields["type"] = 2
        fields["maxFeePerGas"] = fees.max_wei
        fields["maxPriorityFeePerGas"] = fees.priority_wei
    expected = Account.sign_transaction(fields, SECRET)
    assert signed.raw == bytes(expected.raw_transaction)
    assert signed.hash == "0x" + bytes(expected.hash).hex()
    assert call_of(signed.raw) == call


@pytest.mark.parametrize("fees", [Fees(10**9, None), Fees(10**9, 10**6)])
async def test_the_sender_is_recovered(fees: Fees):
    """A node sees the wallet's address."""
    call = Call("0x" + "12" * 20, b"\x01", 50_000)
    signed = await sign_transaction(SIGNER, call, 11155111, 3, fees)
    assert Account.recover_transaction(signed.raw) == ADDRESS

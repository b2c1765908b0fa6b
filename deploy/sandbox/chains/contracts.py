"""Deploy and call contracts on a sandbox chain from the artifacts that compilers write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

from aiohttp import ClientError
from eth_account.signers.local import LocalAccount
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.contract import AsyncContract
from web3.contract.async_contract import AsyncContractConstructor, AsyncContractFunction
from web3.exceptions import TimeExhausted, Web3Exception
from web3.types import TxReceipt

from oracle.model.errors import ConfigError, Rejected, Retryable

ABI: Final = Path(__file__).parents[3] / "contracts/abi"
RECEIPT_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.02

Web3 = AsyncWeb3[AsyncHTTPProvider]


def read_artifact(path: Path) -> dict[str, Any]:
    """Read a JSON artifact with at least `abi` and `bytecode`.

    Raises:
        ConfigError: it is not there, or no such artifact.
    """
    try:
        artifact: dict[str, Any] = json.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; run 'make evm-tools'") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error
    if not artifact.keys() >= {"abi", "bytecode"}:
        raise ConfigError(f"{path} has no 'abi' and 'bytecode'; export the contracts again")
    return artifact


async def deploy_contract(
    w3: Web3, artifact: dict[str, Any], args: Sequence[object], account: LocalAccount
) -> AsyncContract:
    """Deploy and return the contract once it is mined.

    Raises:
        Retryable: the node does not answer, or there is no receipt within the bound.
        Rejected: the node refuses it, or it reverts.
    """
    factory = w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
    receipt = await _send(w3, factory.constructor(*args), account, "deployment")
    contract = w3.eth.contract(receipt["contractAddress"], abi=artifact["abi"])
    return cast("AsyncContract", contract)  # web3 leaves the class and its instance untold apart


async def transact(w3: Web3, call: AsyncContractFunction, account: LocalAccount) -> TxReceipt:
    """Send a call signed by `account` and wait for its receipt.

    Raises:
        Retryable: the node does not answer, or there is no receipt within the bound.
        Rejected: the node refuses it, or it reverts.
    """
    return await _send(w3, call, account, call.fn_name)


async def _send(
    w3: Web3,
    call: AsyncContractFunction | AsyncContractConstructor,
    account: LocalAccount,
    what: str,
) -> TxReceipt:
    try:
        receipt = await _mined(w3, call, account)
    except TimeExhausted as error:
        raise Retryable(f"{what}: no receipt after {RECEIPT_TIMEOUT_S:.0f} s") from error
    except (ClientError, OSError) as error:  # a time-out is an OSError
        raise Retryable(f"{what}: the node does not answer: {error!r}") from error
    except Web3Exception as error:
        raise Rejected(f"{what}: the node refuses it: {error}") from error
    if receipt["status"] != 1:
        hash_ = receipt["transactionHash"].to_0x_hex()
        raise Rejected(f"{what} reverted: transaction {hash_}, gas used {receipt['gasUsed']}")
    return receipt


async def _mined(
    w3: Web3, call: AsyncContractFunction | AsyncContractConstructor, account: LocalAccount
) -> TxReceipt:
    nonce = await w3.eth.get_transaction_count(account.address, "pending")
    transaction = await call.build_transaction({"from": account.address, "nonce": nonce})
    # The next block may do more than the estimate saw: a pool remembers one swap a second.
    transaction["gas"] = transaction["gas"] * 3 // 2
    signed = account.sign_transaction(cast("dict[str, Any]", transaction))
    sent = await w3.eth.send_raw_transaction(signed.raw_transaction)
    return await w3.eth.wait_for_transaction_receipt(sent, RECEIPT_TIMEOUT_S, _POLL_S)

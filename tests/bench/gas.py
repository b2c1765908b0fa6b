"""Gas of a whole update transaction for 1, 8 and 32 markets, on a real node."""

from __future__ import annotations

import time

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, read_artifact, transact
from deploy.sandbox.chains.oracle import deploy_mark_oracle
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.digest import deployment_salt
from oracle.report.report import Leaf, Unsigned, sign_complete
from oracle.report.signature import compact
from oracle.report.word import Entry, encode_word
from tests.vectors.generate import address, members

MARKETS = (1, 8, 32)
_GOVERNOR = bytes(20)


async def measure() -> list[dict[str, float]]:
    """Send a second update of every group, 5 of 7 signatures, and read its receipt."""
    made = []
    for markets in MARKETS:
        async with SandboxChain(31_337) as chain:
            made.append({"markets": markets, "gas": await _second_update(chain, markets)})
    return [row | {"gas_per_market": row["gas"] / row["markets"]} for row in made]


async def _second_update(chain: SandboxChain, markets: int) -> float:
    account = await chain.account()
    oracle = await deploy_mark_oracle(
        chain,
        network="bench",
        home_governor="0x" + _GOVERNOR.hex(),
        nonce=1,
        members=[chain.w3.to_checksum_address(address(key)) for key in members()],
        threshold=5,
        guardian=account.address,
    )
    contract = chain.w3.eth.contract(
        chain.w3.to_checksum_address(oracle), abi=read_artifact(ABI / "MarkOracle.json")["abi"]
    )
    start_ms = time.time_ns() // 10**6
    gas = 0.0
    for turn in range(2):
        body = _body(markets, start_ms + turn, start_ms if turn else 0)
        receipt = await transact(chain.w3, contract.functions.update(body), account)
        gas = float(receipt["gasUsed"])
    return gas


def _body(markets: int, time_ms: int, previous_ms: int) -> bytes:
    entries = [
        Entry(Validity.VALID, Px(12_345_678 + n * 1_000 + time_ms % 97, -4), 20_000, 3_000)
        for n in range(markets)
    ]
    words = [encode_word(time_ms, entries[at : at + 4]) for at in range(0, markets, 4)]
    leaves = tuple(Leaf(group, previous_ms, word) for group, word in enumerate(words))
    report = Unsigned(1, time_ms, bytes(range(32)), leaves)
    digest = report.digest(deployment_salt("bench", _GOVERNOR, 1))
    keys = members()
    signatures = {
        n: compact(keys[n].sign_recoverable(digest, hasher=None)) for n in range(len(keys))
    }
    return sign_complete(report, signatures, 5)

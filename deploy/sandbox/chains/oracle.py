"""Deploy MarkOracle with its committee in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from eth_account.signers.local import LocalAccount

from deploy.sandbox.chains.anvil import SandboxChain
from deploy.sandbox.chains.contracts import ABI, deploy_contract, read_artifact, transact

MAX_FUTURE_MS: Final = 5_000
"""How far a report may be ahead of its block: blocks carry whole seconds, and come late."""


async def deploy_mark_oracle(
    chain: SandboxChain,
    *,
    network: str,
    home_governor: str,
    nonce: int,
    members: Sequence[str],
    threshold: int,
    guardian: str,
    owner: LocalAccount | None = None,
    max_future_ms: int = MAX_FUTURE_MS,
    instruments: Mapping[int, str] | None = None,
) -> str:
    """Deploy, set the first committee and the guardian; return the address.

    `members` rise by address; `instruments` are the names of market numbers. The contract stays
    owned by `owner`, a fresh account when None: in the sandbox nothing governs.
    """
    owner = owner or await chain.account()
    oracle = await deploy_contract(
        chain.w3,
        read_artifact(ABI / "MarkOracle.json"),
        (network, home_governor, nonce, max_future_ms, owner.address),
        owner,
    )
    bindings = [
        (number, name.encode("ascii").ljust(32, b"\0"))
        for number, name in (instruments or {}).items()
    ]
    begin = oracle.functions.setCommittee(1, list(members), threshold, 0, bindings)
    await transact(chain.w3, begin, owner)
    await transact(chain.w3, oracle.functions.setGuardian(guardian), owner)
    return str(oracle.address)

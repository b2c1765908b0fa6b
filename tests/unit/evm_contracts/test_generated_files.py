"""contracts/abi and contracts/gas.json: generated, checked in, and read by the Python side."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CONTRACTS = Path(__file__).parents[3] / "contracts"


def _abi(name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((CONTRACTS / "abi" / f"{name}.json").read_text())[
        "abi"
    ]
    return entries


def test_abi_files_are_what_a_fresh_build_gives() -> None:
    """Interfaces and bytecode in contracts/abi are those of the sources beside them."""
    evm = CONTRACTS / "evm"
    if shutil.which("node") is None or not (evm / "node_modules").is_dir():
        reason = "needs Node 20 and `make evm-tools`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        ["node", "script/export-abi.mjs", "--check"],
        cwd=evm,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_oracle_interface_has_what_relayers_and_readers_call() -> None:
    """The calls, the event and the refusals that the Python side names exist, so named."""
    names = {entry.get("name") for entry in _abi("MarkOracle")}
    assert {"update", "verify", "readMark", "groupWord", "committee", "currentEpoch"} <= names
    assert {"setCommittee", "revokeMember", "revoked", "instrumentOf", "heldJump"} <= names
    assert {"Updated", "EntryRejected", "MarketPaused", "MarketUnpaused"} <= names
    assert {"JumpHeld", "JumpEnded", "MarketBound", "GroupTimeReset", "MemberRevoked"} <= names
    assert {"BadLength", "UnknownEpoch", "WrongSignerCount", "BadSignature", "FutureTime"} <= names
    assert {"RevokedSigner", "UnknownGroup", "UnknownMarket", "EpochOrder"} <= names


def test_gas_stays_within_its_budgets() -> None:
    """Whole transactions, 5 of 7, cold storage: the recorded figures keep to the targets."""
    gas = json.loads((CONTRACTS / "gas.json").read_text())
    assert gas["update_5of7_1group"] <= 60_000
    assert gas["update_5of7_1group_1market"] <= 60_000
    assert gas["update_5of7_32"] <= 32 * 3_400
    assert gas["update_5of7_100"] <= 100 * 2_300
    assert gas["read_cold"] <= 3_000
    assert gas["update_older_noop"] < gas["update_5of7_1group"] * 0.6

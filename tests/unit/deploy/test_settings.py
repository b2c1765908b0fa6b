"""The deploy file: what it must name, and what no deployment should have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.evm.settings import load_deploy_file
from oracle.model.errors import ConfigError

MEMBERS = ["0x" + f"{n:02x}" * 20 for n in (0xA1, 0xB2, 0xC3)]
CHAIN: dict[str, Any] = {
    "chain_id": 1,
    "rpc": ["https://a.example"],
    "key": {"keystore": "deployer.json", "password_env": "P"},
}
FILE: dict[str, Any] = {
    "deployment": {"network": "test", "home_governor": "0x" + "11" * 20, "nonce": 1},
    "max_future": "2s",
    "committee": {"threshold": 2, "members": MEMBERS},
    "guardian": "0x" + "22" * 20,
    "owner": "0x" + "33" * 20,
    "instruments": {0: "BTC-USD"},
    "chains": {"alpha": CHAIN},
}


def write(folder: Path, **changes: Any) -> Path:
    """Write a deploy file."""
    path = folder / "deploy.yaml"
    path.write_text(yaml.safe_dump(FILE | changes))
    return path


def _load(folder: Path, **changes: Any):
    return load_deploy_file(write(folder, **changes))


def test_a_deploy_file(tmp_path: Path):
    """Keys are beside the file; a chain may have an owner and a guardian of its own."""
    own = CHAIN | {"chain_id": 2, "owner": "0x" + "AB" * 20}
    file = _load(tmp_path, chains={"alpha": CHAIN, "beta": own})
    assert file.chains["alpha"].key.keystore == tmp_path / "deployer.json"
    assert file.owner_of(file.chains["alpha"]) == "0x" + "33" * 20
    assert file.owner_of(file.chains["beta"]) == "0x" + "ab" * 20
    assert file.guardian_of(file.chains["beta"]) == "0x" + "22" * 20


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"owner": "0x" + "00" * 20}, "the owner must not be the zero address"),
        ({"owner": MEMBERS[1]}, "owner and member: a key that signs prices must not govern"),
        ({"guardian": MEMBERS[0].upper().replace("X", "x")}, "guardian and member"),
        ({"guardian": "0x" + "33" * 20}, "owner and guardian must not be one account"),
        ({"committee": {"threshold": 1, "members": MEMBERS}}, "it must be 2 to 3"),
        ({"committee": {"threshold": 2, "members": MEMBERS[::-1]}}, "rising order"),
        ({"max_future": "1.5ms"}, "whole milliseconds"),
        ({"max_future": "2m"}, "up to 60s"),
        ({"instruments": {0: "BTC-USD", 1: "BTC-USD"}}, "two numbers mean the same"),
        ({"instruments": {4096: "BTC-USD"}}, "less than or equal to 4095"),
        ({"instruments": {0: "btc"}}, "match pattern"),
        ({"instruments": {0: "BTC-USD." + "x" * 25}}, "more than 28 characters"),
        ({"instruments": {n: f"M{n}-USD" for n in range(257)}}, "257 are more than 256"),
        ({"jumps": {0: {"bound": "1%", "reports": 1, "hold": "0s"}}}, "from 157 to 10000"),
        ({"jumps": {0: {"bound": "2%", "reports": 0, "hold": "0s"}}}, "greater than or equal to 1"),
        ({"jumps": {0: {"bound": "2%", "reports": 1, "hold": "2h"}}}, "up to 1h"),
        ({"jumps": {5000: {"bound": "2%", "reports": 1, "hold": "0s"}}}, "given 5000"),
        ({"chains": {"alpha": CHAIN, "beta": CHAIN}}, "the same chain_id"),
        ({"chains": {"../alpha": CHAIN}}, "match pattern"),
        ({"chains": {}}, "at least 1"),
        ({"chain": {}}, "did you mean 'chains'"),
        (
            {"chains": {"alpha": CHAIN | {"sequencer": {"feed": "0x" + "f" * 40, "grace": "0s"}}}},
            "from 1s to 1d",
        ),
    ],
)
def test_what_a_deploy_file_may_not_say(tmp_path: Path, changes: dict[str, Any], text: str):
    """Each is refused before any node is asked."""
    with pytest.raises(ConfigError, match=text):
        _load(tmp_path, **changes)

"""docs/deploying.md: what it tells operators to send is what the code expects to find."""

from __future__ import annotations

import re
from pathlib import Path

import rlp
import yaml
from eth_account import Account
from eth_hash.auto import keccak

from deploy.evm.adapter_settings import AdapterConfig
from deploy.evm.factory import FACTORY, FACTORY_CODE
from deploy.evm.settings import ChainConfig, DeployFile

PAGE = (Path(__file__).parents[3] / "docs/deploying.md").read_text()


def test_the_transaction_that_makes_the_factory():
    """Its signer is the one to fund, and it puts the pinned code at the pinned address."""
    (raw,) = re.findall(r"^(0xf8a5[0-9a-f]+)$", PAGE, re.M)
    signer = Account.recover_transaction(raw)
    assert f"`{signer}`" in PAGE
    made = keccak(rlp.encode([bytes.fromhex(signer[2:]), 0]))[12:]
    assert made.hex() == FACTORY[2:].lower()
    assert rlp.decode(bytes.fromhex(raw[2:]))[5].endswith(FACTORY_CODE)


def test_the_example_is_a_deploy_file():
    """With addresses for its placeholders it is one that loads."""
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
    numbers = iter(range(1, 100))
    filled = re.sub('"0x…"', lambda _: f'"0x{next(numbers):040x}"', example)
    assert DeployFile.model_validate(yaml.safe_load(filled)).chains["sepolia"].quorum == 1


def test_the_table_has_every_key_and_step():
    """A new key of the deploy file cannot stay out of the page."""
    for name in DeployFile.model_fields.keys() - {"version", "chains"}:
        assert f"`{name}`" in PAGE, name
    for name in ChainConfig.model_fields:
        assert f"`.{name}`" in PAGE, name
    for name in AdapterConfig.model_fields:
        assert f"| `{name}` |" in PAGE, name
    for name in ("deploy", "committee", "jump.…", "guardian", "adapter.…", "handover"):
        assert f"| `{name}` |" in PAGE, name

"""`plumb keys new` and `plumb keys kms`, as operators run them."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from pathlib import Path

import pytest
import rlp
import yaml
from botocore.session import Session

from oracle.keys.keystore import decrypt_keystore
from oracle.keys.signer import LocalSigner
from oracle.report.digest import deployment_salt, domain_separator
from relayer.evm.abi import update_call
from tests.integration.keys.web3signer import Web3SignerStandIn

PASSWORD = "a password of the operator's own"


async def _plumb(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from oracle.cli import main; main()", "keys", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_a_new_key(tmp_path: Path):
    """The file is for this user only, opens with the password, and is never written over."""
    file, password_file = tmp_path / "key.json", tmp_path / "password"
    password_file.write_text(PASSWORD + "\n")
    options = ("new", str(file), "--password-file", str(password_file), "--json")
    code, output = await _plumb(*options)
    assert code == 0, output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = decrypt_keystore(file, PASSWORD)
    assert json.loads(output)["address"] == "0x" + LocalSigner(secret).address.hex()
    assert json.loads(file.read_text())["crypto"]["kdfparams"]["n"] == 2**18

    before = file.read_bytes()
    code, output = await _plumb(*options)
    assert (code, file.read_bytes()) == (1, before)
    assert "never written over" in output


async def test_a_short_password(tmp_path: Path):
    """It is refused before anything is written."""
    (tmp_path / "password").write_text("short")
    file = tmp_path / "key.json"
    code, output = await _plumb("new", str(file), "--password-file", str(tmp_path / "password"))
    assert (code, file.exists()) == (1, False)
    assert "at least 12 characters" in output


async def test_the_address_of_a_kms_key(kms: str):
    """What goes into the configuration is printed; a key of another kind is refused."""
    admin = Session().create_client("kms", region_name="eu-west-1", endpoint_url=kms)
    made = {
        spec: admin.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        for spec in ("ECC_SECG_P256K1", "RSA_2048")
    }
    place = ("--region", "eu-west-1", "--endpoint", kms)
    code, output = await _plumb("kms", made["ECC_SECG_P256K1"], *place, "--json")
    assert code == 0, output
    assert len(bytes.fromhex(json.loads(output)["address"][2:])) == 20
    code, output = await _plumb("kms", made["RSA_2048"], *place)
    assert code == 1
    assert "make one with KeySpec ECC_SECG_P256K1" in output


ORACLE, CHAIN_ID, GOVERNOR = bytes([2] * 20), 31_337, bytes([1] * 20)


def _is_work(data: bytes) -> bool:
    """Whether data is of the kind that members and wallets sign, as a strict signer would ask."""
    domain = domain_separator(deployment_salt("t", GOVERNOR, 1))
    if data.startswith(b"\x19\x01"):
        return len(data) == 66 and data[2:34] == domain
    if data.startswith(b"\x02"):
        chain_id, _, _, _, _, to, value, call, _ = rlp.decode(data[1:])
    else:
        _, _, _, to, value, call, chain_id, _, _ = rlp.decode(data)
    whose = (int.from_bytes(chain_id, "big"), to, value)
    return whose == (CHAIN_ID, ORACLE, b"") and call.startswith(update_call(b"")[:4])


@pytest.mark.parametrize("fees", ["auto", "legacy"])
async def test_a_strict_signer_takes_the_check(
    remote: Web3SignerStandIn, tmp_path: Path, fees: str
):
    """Its rules let through what members and wallets sign, and nothing else; what it signs for the
    check can never be used."""
    remote.allows = _is_work
    keys = [{"remote": {"url": remote.url, "address": remote.address(at)}} for at in (0, 1)]
    config = {
        "deployment": {"network": "t", "home_governor": f"0x{GOVERNOR.hex()}", "nonce": 1},
        "markets": {"X-USD": {"number": 0, "sources": [{"source": f"{v}:X/USD"} for v in "abc"]}},
        "committee": {
            "epoch": 1,
            "threshold": 1,
            "members": [remote.address(0)],
            "keys": [keys[0]],
        },
        "chains": [
            {
                "name": "c",
                "chain_id": CHAIN_ID,
                "rpc": ["http://127.0.0.1:1"],
                "oracle": f"0x{ORACLE.hex()}",
                "key": keys[1],
                "fees": fees,
            }
        ],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    code, output = await _plumb("check", "--config", str(tmp_path / "config.yaml"), "--json")
    assert code == 0, output
    assert json.loads(output)["ok"]
    typed, transaction = sorted(remote.asked, key=lambda data: data[:2] != b"\x19\x01")
    assert _is_work(typed)
    nonce = rlp.decode(transaction[1:])[1] if fees == "auto" else rlp.decode(transaction)[0]
    assert int.from_bytes(nonce, "big") == 2**64 - 1  # EIP-2681: no chain takes it

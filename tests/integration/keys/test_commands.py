"""`plumb keys new` and `plumb keys kms`, as operators run them."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from pathlib import Path

from botocore.session import Session

from oracle.keys.keystore import decrypt_keystore
from oracle.keys.signer import LocalSigner

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

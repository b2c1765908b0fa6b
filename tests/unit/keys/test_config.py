"""Where a key is: one place, clear errors, and nothing shown that may be a key."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from oracle.config.keys import KeyConfig
from oracle.config.load import load, parse
from oracle.model.errors import ConfigError

ADDRESS = "0x" + "ab" * 20
KMS = {"key_id": "alias/member", "region": "eu-west-1", "address": ADDRESS}
REMOTE = {"url": "https://signer.example:9000", "address": ADDRESS}
PASTED = "c0ffee" + "5a" * 29


@pytest.mark.parametrize(
    "given",
    [
        {"keystore": "k.json", "password_file": "p"},
        {"keystore": "k.json", "password_env": "P"},
        {"kms": KMS},
        {"kms": KMS | {"endpoint": "https://vpce.example", "timeout": "500ms"}},
        {"remote": REMOTE},
        {"remote": REMOTE | {"token_file": "t", "cert_file": "c", "cert_key_file": "k"}},
        {"remote": REMOTE | {"url": "http://127.0.0.1:9000", "token_file": "t"}},
        {"remote": REMOTE | {"url": "http://signer.internal:9000"}},
    ],
)
def test_a_key_is_in_one_place(given: dict[str, Any]):
    """Each of the three, with its options."""
    assert KeyConfig.model_validate(given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "give one of keystore, kms and remote (given none)"),
        ({"kms": KMS, "remote": REMOTE}, "(given kms and remote)"),
        ({"keystore": "k.json"}, "exactly one of password_file and password_env"),
        ({"keystore": "k.json", "password_file": "p", "password_env": "P"}, "exactly one of"),
        ({"kms": KMS, "password_env": "P"}, "a key in kms takes no password"),
        ({"kms": {k: v for k, v in KMS.items() if k != "address"}}, "Field required"),
        ({"kms": KMS | {"region": "eu west"}}, "match pattern"),
        ({"kms": KMS | {"secret_access_key": "x"}}, "Extra inputs"),
        ({"kms": KMS | {"timeout": "5m"}}, "less than or equal to 30000000000"),
        ({"remote": REMOTE | {"url": "https://me:pw@signer.example"}}, "use token_file"),
        ({"remote": REMOTE | {"url": "https://signer.example/?token=x"}}, "use token_file"),
        ({"remote": REMOTE | {"cert_file": "c"}}, "cert_file and cert_key_file together"),
        (
            {"remote": REMOTE | {"url": "http://signer.internal:9000", "token_file": "t"}},
            "a token would go to signer.internal in the clear",
        ),
        ({"remote": REMOTE | {"url": "http://127.0.0.1:1", "ca_file": "c"}}, "need an https url"),
    ],
)
def test_what_a_key_may_not_be(given: dict[str, Any], text: str):
    """Each mistake has its own sentence."""
    with pytest.raises(ValidationError) as caught:
        KeyConfig.model_validate(given)
    assert text in str(caught.value)


def _with_key(key: dict[str, Any]) -> dict[str, Any]:
    chain = {"name": "a", "chain_id": 1, "rpc": ["http://a"], "oracle": ADDRESS, "key": key}
    sources = [{"source": "a:X/USD"}]
    market = {"number": 0, "sources": sources, "min_sources": 1, "min_origins": 1}
    return {"markets": {"X-USD": market}, "chains": [chain]}


def test_an_unknown_key_is_told_what_is_meant():
    """A typo inside a section names the right spelling."""
    with pytest.raises(ConfigError, match=r"kms\.keyid: unknown key; did you mean 'key_id'"):
        parse(_with_key({"kms": KMS | {"keyid": "x"}}))


def test_files_are_beside_the_configuration(tmp_path: Path):
    """Relative paths of every kind of key go by the configuration's folder."""
    remote = {"remote": REMOTE | {"token_file": "t", "ca_file": "/etc/ca.pem"}}
    for key in ({"keystore": "k.json", "password_file": "p"}, remote):
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(_with_key(key)))
        loaded = load(tmp_path / "c.yaml").chains[0].key
        if loaded.remote is None:
            assert (loaded.keystore, loaded.password_file) == (tmp_path / "k.json", tmp_path / "p")
        else:
            assert loaded.remote.token_file == tmp_path / "t"
            assert loaded.remote.ca_file == Path("/etc/ca.pem")


@pytest.mark.parametrize(
    "spelling", [f"'0x{PASTED}'", f"0x{PASTED}", f"'{PASTED}'", f"'{PASTED} '"]
)
def test_a_key_that_was_pasted_is_not_shown(tmp_path: Path, spelling: str):
    """Neither the error nor its traceback has it, in hex or as the number that YAML reads."""
    text = yaml.safe_dump(_with_key({"kms": KMS})).replace(f"'{ADDRESS}'", spelling)
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "c.yaml")
    shown = "".join(traceback.format_exception(caught.value)) + "".join(caught.value.mistakes)
    assert "may be a key: not shown" in shown
    for whole in (PASTED, str(int(PASTED, 16))):
        assert whole[:12] not in shown
        assert whole[-12:] not in shown

"""The golden vectors, from Python's side; forge checks the same file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oracle.model.errors import Rejected
from oracle.report import report as wire
from oracle.report.digest import deployment_salt, domain_separator
from oracle.report.signature import ORDER, compact, recover
from oracle.report.word import decode_entry, decode_word, encode_word
from tests.vectors import generate, typed

VECTORS = json.loads((Path(generate.__file__).with_name("report.json")).read_text())
MEMBERS = [bytes.fromhex(member["address"][2:]) for member in VECTORS["members"]]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _salt(row: dict) -> bytes:
    return _bytes(VECTORS["deployments"][row["deployment"]]["salt"])


def test_the_checked_in_file_is_what_the_code_makes():
    """A change of the encoding shows up as a changed file, to be seen in review."""
    assert generate.vectors() == VECTORS


@pytest.mark.parametrize("row", VECTORS["deployments"], ids=lambda row: row["network"] or "empty")
def test_salt_and_domain(row):
    """The deployment's name, governor and nonce give its salt and domain separator."""
    salt = deployment_salt(row["network"], _bytes(row["home_governor"]), int(row["nonce"]))
    assert salt == _bytes(row["salt"])
    assert domain_separator(salt) == _bytes(row["domain_separator"])


@pytest.mark.parametrize("row", VECTORS["reports"], ids=lambda row: row["name"])
def test_report_verifies(row):
    """Every report's body decodes to its leaves and carries a quorum's signatures."""
    report = wire.verify(_bytes(row["body"]), _salt(row), row["epoch"], MEMBERS, row["threshold"])
    assert [leaf.group for leaf in report.leaves] == row["carried"]
    for leaf in report.leaves:
        assert leaf.word == _bytes(row["leaves"][leaf.group]["word"])
    assert report.digest(_salt(row)) == _bytes(row["digest"])


@pytest.mark.parametrize("row", VECTORS["reports"][:2], ids=lambda row: row["name"])
def test_digest_is_eip712(row):
    """An independent EIP-712 implementation gives the same digest."""
    fields = {
        "root": ("bytes32", _bytes(row["root"])),
        "inputsRoot": ("bytes32", _bytes(row["inputs_root"])),
        "epoch": ("uint32", row["epoch"]),
        "slot": ("uint64", row["slot"]),
    }
    key = VECTORS["members"][row["signers"][0]]["private_key"]
    assert typed.digest(_salt(row), "Report", fields, key) == _bytes(row["digest"])


@pytest.mark.parametrize("row", VECTORS["rejects"], ids=lambda row: row["name"])
def test_reject_is_rejected(row):
    """What the contract refuses, Python refuses."""
    with pytest.raises(Rejected):
        wire.verify(_bytes(row["body"]), _salt(row), 1, MEMBERS, 5)


def test_a_signed_word_with_pause_bits_is_rejected():
    """A quorum's signatures do not make a guardian's pause: contracts revert on it, so do we."""
    salt, keys = bytes(32), generate.members()
    word = int.from_bytes(encode_word(generate.NOW_MS, []), "big")
    for bit in range(212, 216):
        leaf = wire.Leaf(0, 0, (word | 1 << bit).to_bytes(32, "big"))
        unsigned = wire.Unsigned(1, 1, bytes(32), (leaf,))
        digest = unsigned.digest(salt)
        made = {
            at: compact(key.sign_recoverable(digest, hasher=None)) for at, key in enumerate(keys)
        }
        body = wire.sign_complete(unsigned, made, 5)
        with pytest.raises(Rejected, match="pause bits"):
            wire.verify(body, salt, 1, [generate.address(key) for key in keys], 5)


def test_an_unsigned_body_is_kept_and_never_verifies():
    """What a journal keeps gives the same digest again, and is no report."""
    leaf = wire.Leaf(0, generate.NOW_MS - 5, encode_word(generate.NOW_MS, []))
    unsigned = wire.Unsigned(3, 9, bytes(range(32)), (leaf,))
    assert wire.Unsigned.decode(unsigned.encode()) == unsigned
    with pytest.raises(Rejected, match="need exactly 1"):
        wire.verify(unsigned.encode(), bytes(32), 3, [MEMBERS[0]], 1)


def test_a_report_of_another_deployment_is_rejected():
    """The same signatures are worth nothing under another salt."""
    row = VECTORS["reports"][0]
    other = _bytes(VECTORS["deployments"][1]["salt"])
    with pytest.raises(Rejected, match="signature of member 0"):
        wire.verify(_bytes(row["body"]), other, 1, MEMBERS, 5)


@pytest.mark.parametrize("row", VECTORS["words"], ids=lambda row: str(row["time_ms"]))
def test_words(row):
    """Entries and time make the word."""
    entries = [decode_entry(int(code, 16)) for code in row["entries"]]
    assert encode_word(row["time_ms"], entries) == _bytes(row["word"])
    assert decode_word(_bytes(row["word"])).time_ms == row["time_ms"]


def test_the_largest_s_is_half_the_order():
    """Compact form has room for s a little above it: the same signature, in its malleable form."""
    digest, r = bytes(range(32)), bytes.fromhex(VECTORS["reports"][0]["body"][-128:-64])
    assert len(recover(digest, r + (ORDER // 2).to_bytes(32, "big"))) == 20
    with pytest.raises(Rejected, match="lower half"):
        recover(digest, r + (ORDER // 2 + 1).to_bytes(32, "big"))


def test_a_false_leaf_cannot_ride_on_a_true_one_of_its_group():
    """Two leaves of one group have one place in the tree: neither is taken for the other."""
    row = next(row for row in VECTORS["reports"] if row["name"] == "two groups")
    body = wire.decode(wire.subset(_bytes(row["body"]), [1]))
    false = body.leaves[0]._replace(word=bytes(32))
    with pytest.raises(Rejected, match="must rise strictly"):
        wire.decode(wire.encode(body._replace(leaves=(false, body.leaves[0]))))

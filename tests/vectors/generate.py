"""Write the golden vectors that every implementation must match: reports, rounds, decisions.

    python -m tests.vectors.generate [--check]

Keys are keccak256 of fixed sentences: they guard nothing and must never be used.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import coincurve
from eth_hash.auto import keccak

from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report import merkle
from oracle.report import report as wire
from oracle.report.digest import deployment_salt, domain_separator
from oracle.report.signature import ORDER, address_of, compact
from oracle.report.word import Entry, encode_entry, encode_word

FILE = Path(__file__).with_name("report.json")
COMMITTEE_FILE = Path(__file__).with_name("committee.json")
DECISIONS_FILE = Path(__file__).with_name("decisions.json")
THRESHOLD = 5
NOW_MS = 1_790_000_000_123


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def members(count: int = 7) -> list[coincurve.PrivateKey]:
    """Return test keys in rising order of their addresses."""
    keys = [
        coincurve.PrivateKey(keccak(f"plumbline test member {n}".encode())) for n in range(count)
    ]
    return sorted(keys, key=address)


def address(key: coincurve.PrivateKey) -> bytes:
    """Return the address of a test key."""
    return address_of(key.public_key.format(compressed=False))


def _deployments() -> list[dict[str, Any]]:
    chosen = [
        ("plumbline-test", 1, 1),
        ("plumbline-test", 1, 2),
        ("", 2**160 - 1, 2**256 - 1),
        ("a network name that is longer than thirty-two bytes", 0, 0),
    ]
    rows = []
    for network, governor, nonce in chosen:
        salt = deployment_salt(network, governor.to_bytes(20, "big"), nonce)
        rows.append(
            {
                "network": network,
                "home_governor": _hex(governor.to_bytes(20, "big")),
                "nonce": str(nonce),
                "salt": _hex(salt),
                "domain_separator": _hex(domain_separator(salt)),
            }
        )
    return rows


ENTRIES = [
    Entry(Validity.VALID, Px(6512345678, -5), 12_345, 1_234),
    Entry(Validity.VALID, Px(1, -18), 0, 0),
    Entry(Validity.GUARDED, Px(9_999_999, -18), 1, -1),
    Entry(Validity.VALID, Px(10_000_000, -18), 999, 99),
    Entry(Validity.VALID, Px(99_999_999, 13), 1_000, 100),
    Entry(Validity.VALID, Px(1, 0), 15_000, -100),
    Entry(Validity.VALID, Px(123456785, 0), 16_000, 6_400),  # tie to even, down
    Entry(Validity.VALID, Px(123456775, 0), 17_000, -6_500),  # tie to even, up
    Entry(Validity.VALID, Px(999999995, -2), 17_001, 12_700),  # carries into a new digit
    Entry(Validity.TOO_UNCERTAIN, Px(1, -5), 245_760_000, 208_076_800),
    Entry(Validity.TOO_VOLATILE, Px(80, 0), 300_000_000, -300_000_000),  # saturates
    Entry(Validity.VALID, Px(3, -1), 5_000, None),
    Entry(Validity.HALTED),
    Entry(Validity.MISSING),
]


def _entry_rows() -> list[dict[str, Any]]:
    return [
        {
            "price_mantissa": str(e.price.mantissa if e.price else 0),
            "price_exponent": e.price.exponent if e.price else 0,
            "conf_e8": e.conf_e8,
            "premium_e8": e.premium_e8,
            "validity": int(e.validity),
            "entry": hex(encode_entry(e)),
        }
        for e in ENTRIES
    ]


def _word(seed: int, time_ms: int = NOW_MS) -> bytes:
    return encode_word(time_ms, [ENTRIES[(seed + n) % len(ENTRIES)] for n in range(4)])


def _word_rows() -> list[dict[str, Any]]:
    rows = []
    for time_ms, chosen in (
        (NOW_MS, ENTRIES[:4]),
        (1_577_836_800_000, []),
        (1_577_836_800_000 + 2**40 - 1, ENTRIES[9:13]),
    ):
        codes = [hex(encode_entry(e)) for e in chosen] + ["0x0"] * (4 - len(chosen))
        rows.append(
            {"time_ms": time_ms, "entries": codes, "word": _hex(encode_word(time_ms, chosen))}
        )
    return rows


def _sign(unsigned: wire.Unsigned, salt: bytes, signers: list[int]) -> dict[int, bytes]:
    keys, digest = members(), unsigned.digest(salt)
    return {n: compact(keys[n].sign_recoverable(digest, hasher=None)) for n in signers}


def _report(
    name: str, groups: int, carried: list[int], signers: list[int], deployment: int, salt: bytes
) -> dict[str, Any]:
    leaves = tuple(wire.Leaf(n, NOW_MS - 250 if n % 3 else 0, _word(n)) for n in range(groups))
    unsigned = wire.Unsigned(1, NOW_MS // 250, keccak(name.encode()), leaves)
    full = wire.sign_complete(unsigned, _sign(unsigned, salt, signers), THRESHOLD)
    body = full if carried == list(range(groups)) else wire.subset(full, carried)
    root = merkle.root_of(unsigned.hashes())
    return {
        "name": name,
        "deployment": deployment,
        "epoch": 1,
        "slot": unsigned.slot,
        "inputs_root": _hex(unsigned.inputs_root),
        "leaves": [
            {"group": leaf.group, "prev_ms": leaf.prev_ms, "word": _hex(leaf.word)}
            for leaf in leaves
        ],
        "root": _hex(root),
        "digest": _hex(unsigned.digest(salt)),
        "threshold": THRESHOLD,
        "signers": signers,
        "carried": carried,
        "body": _hex(body),
    }


def _rejects(good: bytes, salt: bytes) -> list[dict[str, Any]]:
    report = wire.decode(good)
    high = int.from_bytes(report.signatures[0][32:], "big")
    s = high & (2**255 - 1)
    flipped = (ORDER - s) | ((high >> 255) ^ 1) << 255
    malleable = report.signatures[0][:32] + (flipped & (2**256 - 1)).to_bytes(32, "big")
    signatures = report.signatures
    bad = {
        "truncated by one byte": (good[:-1], "BadLength"),
        "one byte too many": (good + b"\0", "BadLength"),
        "empty": (b"", "BadLength"),
        "header only": (good[:49], "BadLength"),
        "version 2": (b"\x02" + good[1:], "UnknownVersion"),
        "another epoch": (wire.encode(report._replace(epoch=2)), "UnknownEpoch"),
        "four signatures": (
            wire.encode(report._replace(signers=0b1111, signatures=signatures[:4])),
            "WrongSignerCount",
        ),
        "six signatures": (
            wire.encode(report._replace(signers=0b111111, signatures=(*signatures, signatures[0]))),
            "WrongSignerCount",
        ),
        "a member that is not": (
            wire.encode(report._replace(signers=0b1111 | 1 << 31)),
            "WrongSignerCount",
        ),
        "two signatures swapped": (
            wire.encode(
                report._replace(signatures=(signatures[1], signatures[0], *signatures[2:]))
            ),
            "BadSignature",
        ),
        "one signature twice": (
            wire.encode(
                report._replace(signatures=(signatures[0], signatures[0], *signatures[2:]))
            ),
            "BadSignature",
        ),
        "signers of others": (wire.encode(report._replace(signers=0b1111100)), "BadSignature"),
        "s in the upper half": (
            wire.encode(report._replace(signatures=(malleable, *signatures[1:]))),
            "BadSignature",
        ),
        "one bit of a word": (
            wire.encode(
                report._replace(
                    leaves=(
                        report.leaves[0]._replace(word=_word(0, NOW_MS + 1)),
                        *report.leaves[1:],
                    )
                )
            ),
            "BadSignature",
        ),
        "another slot": (wire.encode(report._replace(slot=report.slot + 1)), "BadSignature"),
        "groups in falling order": (
            wire.encode(report._replace(leaves=report.leaves[::-1])),
            "GroupOrder",
        ),
        "a group twice": (
            wire.encode(report._replace(leaves=(report.leaves[0], report.leaves[0]))),
            "GroupOrder",
        ),
        "no groups": (wire.encode(report._replace(groups=0)), "TooManyGroups"),
        "more carried than groups": (wire.encode(report._replace(groups=1)), "TooManyGroups"),
        "1025 groups": (wire.encode(report._replace(groups=1025)), "TooManyGroups"),
    }
    return [
        {"name": name, "deployment": 0, "body": _hex(body), "error": error}
        for name, (body, error) in bad.items()
    ]


def vectors() -> dict[str, Any]:
    """Compute all vectors."""
    deployments = _deployments()
    salts = [bytes.fromhex(row["salt"][2:]) for row in deployments]
    chosen = [
        ("one group", 1, [0], [0, 1, 2, 3, 4], 0),
        ("two groups", 2, [0, 1], [0, 1, 2, 3, 4], 0),
        ("last members", 3, [0, 1, 2], [2, 3, 4, 5, 6], 0),
        ("eight groups", 8, list(range(8)), [0, 2, 3, 5, 6], 0),
        ("another deployment", 1, [0], [0, 1, 2, 3, 4], 1),
        ("25 groups", 25, list(range(25)), [0, 1, 2, 3, 4], 0),
        ("first of 25", 25, [0], [0, 1, 2, 3, 4], 0),
        ("last of 25", 25, [24], [0, 1, 2, 3, 4], 0),
        ("some of 25", 25, [3, 4, 11, 12, 23], [1, 2, 3, 4, 5], 0),
        ("middle of 7", 7, [2, 5], [0, 1, 2, 3, 4], 0),
    ]
    reports = [_report(*row, salts[row[4]]) for row in chosen]
    return {
        "version": 1,
        "note": "test keys are keccak256 of fixed sentences and guard nothing",
        "deployments": deployments,
        "members": [
            {"address": _hex(address(k)), "private_key": _hex(k.secret)} for k in members()
        ],
        "entries": _entry_rows(),
        "words": _word_rows(),
        "reports": reports,
        "rejects": _rejects(bytes.fromhex(reports[1]["body"][2:]), salts[0]),
    }


def main() -> int:
    """Write the files, or with --check compare them."""
    from tests.vectors import committee, decisions

    texts = {
        file: json.dumps(made(), indent=1) + "\n"
        for file, made in (
            (FILE, vectors),
            (COMMITTEE_FILE, committee.vectors),
            (DECISIONS_FILE, decisions.vectors),
        )
    }
    if "--check" in sys.argv:
        return 0 if all(file.read_text() == text for file, text in texts.items()) else 1
    for file, text in texts.items():
        file.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Proposals as numbers and files, and why contracts refuse them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oracle.governance.functions import Function
from oracle.governance.proposal import of_parts, read
from oracle.governance.refusals import told
from oracle.model.errors import ConfigError

TARGET = "0x" + "Ab" * 20


def revert(name: str, *given: tuple[str, object]) -> bytes:
    """Return what a contract reverts with."""
    types = tuple(kind for kind, _ in given)
    return Function(name, types, types).call(*(value for _, value in given))


def test_the_number_depends_on_every_part() -> None:
    """Target, value, data and description: whoever changes one has another proposal."""
    parts = [
        ([TARGET], [0], [b"\1"], "a"),
        ([TARGET[:-2] + "00"], [0], [b"\1"], "a"),
        ([TARGET], [1], [b"\1"], "a"),
        ([TARGET], [0], [b"\2"], "a"),
        ([TARGET], [0], [b"\1"], "b"),
    ]
    numbers = {of_parts(*one).number for one in parts}
    assert len(numbers) == len(parts)


def test_a_file_reads_as_what_was_written(tmp_path: Path) -> None:
    """Values may be text, since JSON's numbers lose digits elsewhere; they may be left out."""
    file = tmp_path / "p.json"
    said = {"targets": [TARGET], "calldatas": ["0x0102"], "description": "d"}
    file.write_text(json.dumps(said | {"values": [str(10**18)]}))
    assert read(file) == of_parts([TARGET], [10**18], [b"\1\2"], "d")
    file.write_text(json.dumps(said))
    assert read(file).calls[0].value_wei == 0


@pytest.mark.parametrize(
    "said",
    [
        "[]",
        "{",
        '{"targets": ["0x12"], "calldatas": ["0x"]}',
        '{"targets": [], "calldatas": ["0x"]}',
        '{"targets": ["0x%s"], "calldatas": ["0x123"]}' % ("ab" * 20),
        '{"targets": ["0x%s"], "calldatas": ["0x"], "values": ["-1"]}' % ("ab" * 20),
        '{"targets": ["0x%s"], "calldatas": ["0x"], "values": [1, 2]}' % ("ab" * 20),
    ],
)
def test_what_is_no_proposal_is_refused(tmp_path: Path, said: str) -> None:
    """The error says what a file must hold."""
    file = tmp_path / "p.json"
    file.write_text(said)
    with pytest.raises(ConfigError, match="is no proposal"):
        read(file)


def test_refusals_are_told_in_words() -> None:
    """Known errors say given and limit, unknown ones their bytes."""
    name = b"MAX_AGE_MS".ljust(32, b"\0")
    step = revert(
        "StepTooLarge", ("bytes32", name), ("uint256", 5000), ("uint256", 9000), ("uint256", 2500)
    )
    assert told(step) == (
        "StepTooLarge: MAX_AGE_MS would go from 5,000 to 9,000: one step is at most 2,500"
    )
    assert told(revert("NoInstrument", ("uint256", 7))) == "NoInstrument: ['7']"
    assert told(revert("Error", ("string", "no"))) == "Error: ['no']"
    assert told(b"\1\2\3\4\5") == "0x0102030405"
    assert told(step[:20]) == f"0x{step[:20].hex()}"
    assert told(b"") == "it says no reason"

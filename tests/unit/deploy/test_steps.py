"""What is to do by what a chain has: every state of a deployment, and every conflict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from deploy.evm.artifact import Artifact
from deploy.evm.factory import FACTORY, NOBODY, SALT, deploying
from deploy.evm.state import State
from deploy.evm.steps import Conflict, Parameters, Plan
from oracle.model.errors import ConfigError, Rejected
from oracle.report.digest import deployment_salt

DEPLOYER, OWNER, GUARDIAN, STRANGER = ("0x" + digit * 40 for digit in "1234")
GOVERNOR = "0x" + "aa" * 20
MEMBERS = tuple("0x" + f"{n:02x}" * 20 for n in (0xA1, 0xB2, 0xC3))
ARTIFACT = Artifact.read("MarkOracle")
PARAMETERS = Parameters(
    network="test",
    home_governor=GOVERNOR,
    nonce=1,
    max_future_ms=2000,
    deployer=DEPLOYER,
    members=MEMBERS,
    threshold=2,
    instruments={3: "SOL-USD"},
    jumps={"default": (2000, 3, 1000), "0": (0, 1, 0)},
    guardian=GUARDIAN,
    owner=OWNER,
)
PLAN = Plan(ARTIFACT, PARAMETERS)
EMPTY = State(
    code=ARTIFACT.runtime,
    salt=deployment_salt("test", b"\xaa" * 20, 1),
    max_future_ms=2000,
    owner=DEPLOYER,
    instruments={3: ""},
    jumps={"default": (1000, 2, 2000), "0": (1000, 2, 2000)},
)
SET = replace(EMPTY, epoch=1, members=MEMBERS, threshold=2, instruments={3: "SOL-USD"})
HALF_RULED = replace(SET, jumps={"default": (2000, 3, 1000), "0": (2000, 3, 1000)})
RULED = replace(SET, jumps=PARAMETERS.jumps)
GUARDED = replace(RULED, guardian=GUARDIAN)
OFFERED = replace(GUARDED, pending_owner=OWNER)
ACCEPTED = replace(GUARDED, owner=OWNER)


@pytest.mark.parametrize(
    ("state", "step", "function"),
    [
        (EMPTY, "committee", "setCommittee"),
        (SET, "jump.default", "setDefaultJumpRule"),
        (HALF_RULED, "jump.0", "setJumpRule"),
        (RULED, "guardian", "setGuardian"),
        (GUARDED, "handover", "transferOwnership"),
    ],
)
def test_the_next_step(state: State, step: str, function: str):
    """One call after the other, each of the function that its name says."""
    found = PLAN.next_step(state)
    assert found is not None
    assert (found.name, found.to) == (step, PLAN.address)
    assert found.data == ARTIFACT.call(function, _arguments(function))


def _arguments(function: str) -> tuple[object, ...]:
    return {
        "setCommittee": (1, list(MEMBERS), 2, 0, [(3, b"SOL-USD".ljust(32, b"\0"))]),
        "setDefaultJumpRule": ((2000, 3, 1000),),
        "setJumpRule": (0, (0, 1, 0)),
        "setGuardian": (GUARDIAN,),
        "transferOwnership": (OWNER,),
    }[function]


def test_the_first_step_goes_to_the_factory():
    """The address is what CREATE2 gives: keccak(0xff || factory || salt || keccak(code))."""
    found = PLAN.next_step(State(b""))
    assert found is not None
    assert (found.name, found.to, found.data) == ("deploy", FACTORY, deploying(PLAN.creation))
    packed = b"\xff" + bytes.fromhex(FACTORY[2:]) + SALT + keccak(PLAN.creation)
    assert to_checksum_address(keccak(packed)[12:]) == PLAN.address


@pytest.mark.parametrize("state", [OFFERED, ACCEPTED, replace(ACCEPTED, epoch=2, members=())])
def test_nothing_is_left_to_do(state: State):
    """Offered, accepted, or accepted and rotated since."""
    assert PLAN.next_step(state) is None
    assert PLAN.is_accepted(state) == (state.owner == OWNER)


def test_a_wallet_that_stays_the_owner():
    """Where deployer and owner are one account there is nothing to hand over."""
    plan = Plan(ARTIFACT, replace(PARAMETERS, owner=DEPLOYER))
    assert plan.next_step(GUARDED) is None
    assert plan.is_accepted(GUARDED)


@pytest.mark.parametrize(
    ("state", "changes", "text"),
    [
        (EMPTY, {"code": ARTIFACT.runtime + b"\0"}, "bytes of code instead of"),
        (EMPTY, {"code": b"\xfe" + ARTIFACT.runtime[1:]}, "byte 0 of its code is 0xfe"),
        (EMPTY, {"salt": bytes(32)}, "deployment salt"),
        (EMPTY, {"max_future_ms": 1}, "MAX_FUTURE_MS is 1 on the chain"),
        (EMPTY, {"owner": STRANGER}, f"the owner is {STRANGER}"),
        (EMPTY, {"owner": OWNER}, "owned by .* already: its owner has to call"),
        (EMPTY, {"pending_owner": STRANGER}, f"the pending owner is {STRANGER}"),
        (SET, {"threshold": 3}, "the threshold is 3 on the chain, the deploy file says 2"),
        (SET, {"members": MEMBERS[:2]}, "the members is .*, the deploy file says"),
        (SET, {"instruments": {3: "BTC-USD"}}, "instrument of market 3 is BTC-USD"),
        (SET, {"instruments": {3: ""}}, "instrument of market 3 is none .*never bound, or retired"),
        (RULED, {"owner": OWNER}, "setGuardian is still to be called"),
        (ACCEPTED, {"jumps": EMPTY.jumps}, "the jump rule of default is .1000, 2, 2000. on the"),
        (GUARDED, {"guardian": STRANGER}, f"the guardian is {STRANGER}"),
        (ACCEPTED, {"guardian": STRANGER}, f"the guardian is {STRANGER}"),
    ],
)
def test_what_no_step_makes_right(state: State, changes: dict[str, Any], text: str):
    """The chain has something else than the file: told with both, and nothing is sent."""
    with pytest.raises(Conflict, match=text):
        PLAN.next_step(replace(state, **changes))


def test_immutables_are_left_out_of_the_comparison_and_nothing_else():
    """Each byte that the constructor writes may differ; the byte before and after may not."""
    for start, length in ARTIFACT.immutables:
        written = bytearray(ARTIFACT.runtime)
        written[start : start + length] = b"\xff" * length
        assert ARTIFACT.difference(bytes(written)) is None
        for at in (start - 1, start + length):
            other = bytearray(written)
            other[at] ^= 1
            assert ARTIFACT.difference(bytes(other)) is not None


def test_other_arguments_give_another_address():
    """Network, governor, nonce, bound and deployer all are part of the address."""
    changes = {
        "network": "other",
        "home_governor": STRANGER,
        "nonce": 2,
        "max_future_ms": 3000,
        "deployer": STRANGER,
    }
    plans = [
        Plan(ARTIFACT, replace(PARAMETERS, **{name: value})) for name, value in changes.items()
    ]
    assert len({plan.address for plan in plans} | {PLAN.address}) == 6


def test_an_answer_of_another_contract_is_refused():
    """Bytes that are no address are none."""
    with pytest.raises(Rejected, match="owner returned 3 bytes"):
        ARTIFACT.answer("owner", b"abc")


def test_an_artifact_that_is_not_there(tmp_path):
    """The file is named, and what makes it."""
    with pytest.raises(ConfigError, match=r"cannot read .*Nothing\.json"):
        Artifact.read("Nothing", tmp_path)
    (tmp_path / "Old.json").write_text('{"abi": [], "bytecode": "0x", "compiler": "x"}')
    with pytest.raises(ConfigError, match="run 'make contracts'"):
        Artifact.read("Old", tmp_path)


def test_nobody_is_the_zero_address():
    """What the contract has before it is told."""
    assert int(NOBODY, 16) == 0

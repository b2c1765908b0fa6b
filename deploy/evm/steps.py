"""What is to do next, by what the chain has: pure, so that to resume is to look again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.evm.artifact import Artifact
from deploy.evm.factory import FACTORY, address_of, deploying
from oracle.model.errors import ConfigError
from oracle.report.digest import deployment_salt

NOBODY: Final = "0x" + "00" * 20
MARKETS: Final = 4096
DEFAULT: Final = "default"


class Conflict(ConfigError):
    """The chain has something else than the deploy file says."""


@dataclass(frozen=True)
class Parameters:
    """What one chain's contract is deployed with. Addresses are lower case."""

    network: str
    home_governor: str
    nonce: int
    max_future_ms: int
    deployer: str
    members: tuple[str, ...]
    threshold: int
    instruments: Mapping[int, str]
    jumps: Mapping[str, tuple[int, int, int]]
    """Rules (bps, reports, ms) by market number, and the default's."""
    guardian: str
    owner: str

    def as_data(self) -> dict[str, Any]:
        """Return them as the record has them."""
        data = dict(vars(self)) | {"members": list(self.members)}
        data["instruments"] = {str(n): name for n, name in self.instruments.items()}
        data["jumps"] = {key: list(rule) for key, rule in self.jumps.items()}
        return data

    def jump_market(self, key: str) -> int:
        """Return a market that has the rule of this key: for the default one without its own."""
        if key != DEFAULT:
            return int(key)
        return next(number for number in range(MARKETS) if str(number) not in self.jumps)


@dataclass(frozen=True)
class State:
    """What a chain has at the contract's address. Nothing but code is known where there is none."""

    code: bytes
    salt: bytes = b""
    max_future_ms: int = 0
    owner: str = NOBODY
    pending_owner: str = NOBODY
    guardian: str = NOBODY
    epoch: int = 0
    members: tuple[str, ...] = ()
    """Of epoch 1."""
    threshold: int = 0
    instruments: Mapping[int, str] = field(default_factory=dict)
    jumps: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A transaction to send."""

    name: str
    to: str
    data: bytes


class Plan:
    """One chain's deployment."""

    def __init__(self, artifact: Artifact, parameters: Parameters) -> None:
        self.artifact: Final = artifact
        self.parameters: Final = parameters
        p = parameters
        self.creation: Final = artifact.creation_code(
            (p.network, p.home_governor, p.nonce, p.max_future_ms, p.deployer)
        )
        self.address: Final = address_of(self.creation)

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of all steps, in their order."""
        jumps = (f"jump.{key}" for key in self.parameters.jumps)
        return "deploy", "committee", *jumps, "guardian", "handover"

    def next_step(self, state: State) -> Step | None:
        """Return what is to do; None when nothing is.

        Raises:
            Conflict: the chain has something that no step of ours makes right.
        """
        if not state.code:
            return Step("deploy", FACTORY, deploying(self.creation))
        self._check_code(state)
        self._check_owner(state)
        if state.epoch == 0:
            return self._call(state, "committee", "setCommittee", *self._committee())
        self._check_committee(state)
        for key, rule in self.parameters.jumps.items():
            if state.owner != self.parameters.deployer:
                self._refuse(f"the jump rule of {key}", state.jumps[key], rule)
            if state.jumps[key] != rule:
                return self._jump(state, key, rule)
        if state.guardian == NOBODY:
            return self._call(state, "guardian", "setGuardian", self.parameters.guardian)
        self._refuse("the guardian", state.guardian, self.parameters.guardian)
        if self._is_ours(state) and state.pending_owner == NOBODY:
            return self._call(state, "handover", "transferOwnership", self.parameters.owner)
        return None

    def is_accepted(self, state: State) -> bool:
        """Whether the owner has accepted the contract."""
        return state.owner == self.parameters.owner

    def _is_ours(self, state: State) -> bool:
        return state.owner == self.parameters.deployer and not self.is_accepted(state)

    def _committee(self) -> tuple[object, ...]:
        p = self.parameters
        bindings = [
            (n, name.encode().ljust(32, b"\0")) for n, name in sorted(p.instruments.items())
        ]
        return 1, list(p.members), p.threshold, 0, bindings

    def _call(self, state: State, name: str, function: str, *arguments: object) -> Step:
        if state.owner != self.parameters.deployer:
            raise Conflict(
                f"{self.address}: {function} is still to be called, but the contract is owned by "
                f"{state.owner} already: its owner has to call it"
            )
        return Step(name, self.address, self.artifact.call(function, arguments))

    def _jump(self, state: State, key: str, rule: tuple[int, int, int]) -> Step:
        if key == DEFAULT:
            return self._call(state, f"jump.{key}", "setDefaultJumpRule", rule)
        return self._call(state, f"jump.{key}", "setJumpRule", int(key), rule)

    def _check_code(self, state: State) -> None:
        difference = self.artifact.difference(state.code)
        if difference is not None:
            raise Conflict(
                f"the code at {self.address} is not that of {self.artifact.name} as built by "
                f"{self.artifact.compiler}: {difference}"
            )
        p = self.parameters
        governor = bytes.fromhex(p.home_governor[2:])
        salt = deployment_salt(p.network, governor, p.nonce)
        self._refuse("the deployment salt", f"0x{state.salt.hex()}", f"0x{salt.hex()}")
        self._refuse("MAX_FUTURE_MS", state.max_future_ms, p.max_future_ms)

    def _check_owner(self, state: State) -> None:
        if state.owner not in (self.parameters.deployer, self.parameters.owner):
            self._refuse("the owner", state.owner, self.parameters.owner)
        if state.pending_owner not in (NOBODY, self.parameters.owner):
            self._refuse("the pending owner", state.pending_owner, self.parameters.owner)

    def _check_committee(self, state: State) -> None:
        p = self.parameters
        if state.epoch > 1:
            return  # its owner has rotated it since
        self._refuse("the members", ", ".join(state.members), ", ".join(p.members))
        self._refuse("the threshold", state.threshold, p.threshold)
        for number, name in state.instruments.items():
            self._refuse(f"the instrument of market {number}", name, p.instruments[number])

    def _refuse(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            raise Conflict(
                f"{self.address}: {what} is {found} on the chain, the deploy file says {wanted}"
            )


def reads(plan: Plan) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the calls whose answers make a `State`."""
    yield from ((name, ()) for name in ("SALT", "MAX_FUTURE_MS", "owner", "pendingOwner"))
    yield from (("guardian", ()), ("currentEpoch", ()), ("committee", (1,)))
    yield from (("instrumentOf", (number,)) for number in sorted(plan.parameters.instruments))
    yield from (("jumpRule", (plan.parameters.jump_market(key),)) for key in plan.parameters.jumps)


def state_of(plan: Plan, code: bytes, answers: Sequence[bytes]) -> State:
    """Return what the answers to `reads` say.

    Raises:
        Rejected: they are no answers of this contract.
    """
    calls = zip(reads(plan), answers, strict=True)
    values = [plan.artifact.answer(name, answer) for (name, _), answer in calls]
    instruments, jumps = sorted(plan.parameters.instruments), tuple(plan.parameters.jumps)
    fixed, bound, rules = (
        values[:7],
        values[7 : 7 + len(instruments)],
        values[7 + len(instruments) :],
    )
    (salt,), (future,), (owner,), (pending,), (guardian,), (epoch,) = fixed[:6]
    members, threshold, _ = fixed[6]
    return State(
        code=code,
        salt=salt,
        max_future_ms=future,
        owner=owner,
        pending_owner=pending,
        guardian=guardian,
        epoch=epoch,
        members=tuple(members),
        threshold=threshold,
        instruments={
            number: value[0].rstrip(b"\0").decode("ascii", "replace")
            for number, value in zip(instruments, bound, strict=True)
        },
        jumps={key: rule for key, (rule,) in zip(jumps, rules, strict=True)},
    )

"""What is to do next, by what the chain has: pure, so that to resume is to look again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.evm.adapters import Adapter
from deploy.evm.artifact import Artifact
from deploy.evm.factory import FACTORY, NOBODY, address_of, deploying
from deploy.evm.state import State
from oracle.model.errors import ConfigError
from oracle.report.digest import deployment_salt

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
class Step:
    """A transaction to send."""

    name: str
    to: str
    data: bytes


def creation_of(artifact: Artifact, parameters: Parameters) -> bytes:
    """Return what a chain runs to make the oracle."""
    p = parameters
    return artifact.creation_code(
        (p.network, p.home_governor, p.nonce, p.max_future_ms, p.deployer)
    )


class Plan:
    """One chain's deployment."""

    def __init__(
        self,
        artifact: Artifact,
        parameters: Parameters,
        adapters: Sequence[Adapter] = (),
        uptime_feed: str = NOBODY,
    ) -> None:
        self.artifact: Final = artifact
        self.parameters: Final = parameters
        self.adapters: Final = tuple(adapters)
        self.uptime_feed: Final = uptime_feed
        self.creation: Final = creation_of(artifact, parameters)
        self.address: Final = address_of(self.creation)
        numbers = {number for adapter in self.adapters for number in adapter.markets}
        self.numbers: Final = tuple(sorted(numbers | parameters.instruments.keys()))
        """The market numbers whose meaning matters."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of all steps, in their order."""
        jumps = (f"jump.{key}" for key in self.parameters.jumps)
        adapters = (adapter.step for adapter in self.adapters)
        return "deploy", "committee", *jumps, "guardian", *adapters, "handover"

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
        return self._adapter_or_handover(state)

    def _adapter_or_handover(self, state: State) -> Step | None:
        for adapter in self.adapters:
            if self._is_missing(adapter, state):
                return Step(adapter.step, FACTORY, deploying(adapter.creation))
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

    def _is_missing(self, adapter: Adapter, state: State) -> bool:
        self._check_instruments(state, adapter.markets)
        found = state.adapters[adapter.name]
        if not found.code:
            return True
        other = adapter.artifact.difference(found.code) or adapter.difference(found.values)
        if other is not None:
            raise Conflict(
                f"adapter {adapter.name}: what is at {adapter.address} is not the "
                f"{adapter.artifact.name} that the deploy file says: {other}"
            )
        return False

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
        self._check_instruments(state, p.instruments)

    def _check_instruments(self, state: State, wanted: Mapping[int, str]) -> None:
        for number, name in wanted.items():
            found = state.instruments[number] or "none (never bound, or retired)"
            self._refuse(f"the instrument of market {number}", found, name)

    def _refuse(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            raise Conflict(
                f"{self.address}: {what} is {found} on the chain, the deploy file says {wanted}"
            )

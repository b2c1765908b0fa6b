"""What a chain has, and the calls that say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deploy.evm.factory import NOBODY

if TYPE_CHECKING:
    from deploy.evm.steps import Plan


@dataclass(frozen=True)
class AdapterState:
    """What a chain has at an adapter's address."""

    code: bytes
    values: tuple[Any, ...] = ()
    """What its getters return; none where it is not our code."""


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
    adapters: Mapping[str, AdapterState] = field(default_factory=dict)
    """By name, those that the deploy file has."""


def reads(plan: Plan) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the calls whose answers make a `State`."""
    yield from ((name, ()) for name in ("SALT", "MAX_FUTURE_MS", "owner", "pendingOwner"))
    yield from (("guardian", ()), ("currentEpoch", ()), ("committee", (1,)))
    yield from (("instrumentOf", (number,)) for number in plan.numbers)
    yield from (("jumpRule", (plan.parameters.jump_market(key),)) for key in plan.parameters.jumps)


def state_of(
    plan: Plan, code: bytes, answers: Sequence[bytes], adapters: Mapping[str, AdapterState]
) -> State:
    """Return what the answers to `reads` say.

    Raises:
        Rejected: they are no answers of this contract.
    """
    calls = zip(reads(plan), answers, strict=True)
    values = [plan.artifact.answer(name, answer) for (name, _), answer in calls]
    bound, rules = values[7 : 7 + len(plan.numbers)], values[7 + len(plan.numbers) :]
    (salt,), (future,), (owner,), (pending,), (guardian,), (epoch,) = values[:6]
    members, threshold, _ = values[6]
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
            number: instrument_name(value[0])
            for number, value in zip(plan.numbers, bound, strict=True)
        },
        jumps={key: rule for key, (rule,) in zip(plan.parameters.jumps, rules, strict=True)},
        adapters=adapters,
    )


def instrument_name(value: bytes) -> str:
    """Return an instrument as the contract has it as text."""
    return value.rstrip(b"\0").decode("ascii", "replace")

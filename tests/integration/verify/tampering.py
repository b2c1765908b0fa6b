"""Archives that were rewritten: messages change as they are read, as if parts and digests had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from oracle.archive.read import Archive
from oracle.archive.store import Store
from oracle.cli.verify_subject import terms_of
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.proposal import Proposal
from oracle.model.topics import Topic
from oracle.verify.evidence import Source
from oracle.verify.findings import Finding, Outcome, exit_code
from oracle.verify.run import Subject, Verification
from tests.integration.verify.world import World

Change = Callable[[Topic, Any], Any]
"""Returns a message as it is to be read; None: it is not there."""


class Tampered(Archive):
    """An archive whose messages are changed."""

    def __init__(self, store: Store, change: Change) -> None:
        super().__init__(store)
        self._change = change

    def _read(self, kind: Topic, cls: Any, pieces: Any, filters: Any) -> Any:
        for piece, offset, message in super()._read(kind, cls, pieces, filters):
            changed = self._change(kind, message)
            if changed is not None:
                yield piece, offset, changed


def unchanged(_kind: Topic, message: Any) -> Any:
    """Change nothing."""
    return message


def subject(world: World, archive: Archive, number: int, **changes: Any) -> Subject:
    """Return one member's marks in the world's report, to be checked by one archive."""
    given: dict[str, Any] = {
        "body": world.body,
        "sources": [Source("the archive", archive)],
        "terms": terms_of(world.config),
        "members": frozenset([number]),
    }
    return Subject(**(given | changes))


def verified(given: Subject) -> list[Finding]:
    """Run all checks."""
    return list(Verification(given).findings())


def tampered(world: World, number: int, change: Change) -> Subject:
    """Return what is checked of one member whose archive was rewritten."""
    return subject(world, Tampered(world.store(number), change), number)


def first_difference(findings: list[Finding]) -> str:
    """Return the first difference, on which all of it fails."""
    assert exit_code(findings) == 1, findings
    return next(f.detail for f in findings if f.outcome is Outcome.DIFFERS)


def replaced(message: Any, **fields: Any) -> Any:
    """Return a struct with fields changed."""
    return msgspec.structs.replace(message, **fields)


def proposal(world: World) -> Proposal:
    """Return the round's proposal."""
    return Proposal.decode(world.archive(0).round_of(world.slot).proposal)


def observation(world: World, number: int) -> Observation:
    """Return one member's observation of the round."""
    return next(one for one in proposal(world).observations if one.member == number)


def with_observation(made: Proposal, other: Observation) -> bytes:
    """Return a proposal with one member's observation replaced."""
    ones = tuple(other if one.member == other.member else one for one in made.observations)
    return made._replace(observations=ones).encode()


def flipped(data: bytes, bit: int = 0) -> bytes:
    """Return bytes with one bit changed."""
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]

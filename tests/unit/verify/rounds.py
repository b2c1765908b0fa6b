"""A certified round of seven members in memory, and an archive that has only that."""

from __future__ import annotations

from typing import Any, NamedTuple

from oracle.committee.wire.proposal import Proposed
from oracle.model.errors import Rejected
from oracle.verify.evidence import Epoch, Source, Terms
from oracle.verify.findings import Finding
from oracle.verify.run import Subject, Verification
from tests.unit.committee.party import CONFIG, SALT, Party, entry

PARTY = Party(7)
ENTRIES = tuple(entry(10_000 + at) for at in range(6))
NUMBERS = {f"M{number}-USD": number for number in range(6)}
TERMS = Terms(SALT, (Epoch(PARTY.committee, "a test"),), PARTY.rules, (), NUMBERS, CONFIG)


class Round(NamedTuple):
    """What an archive has of a round."""

    proposal: bytes


class OneRound:
    """An archive that has one round for every slot, and nothing else."""

    def __init__(self, proposal: bytes) -> None:
        self._round = Round(proposal)

    def round_of(self, slot: int) -> Round:
        """Return it."""
        return self._round

    def __getattr__(self, name: str) -> Any:
        def nothing(*_: Any, **__: Any) -> Any:
            raise Rejected(f"no {name}")

        return nothing


def proposed(members: range = range(7)) -> Proposed:
    """Return a round, whose members see prices a little apart."""
    return PARTY.proposal(
        [
            PARTY.observation(number, entries=[entry(10_000 + at + number) for at in range(6)])
            for number in members
        ]
    )


PROPOSED = proposed()
PROPOSAL = PROPOSED.proposal.encode()
BODY = PARTY.certified(PROPOSED)


def checked(body: bytes = BODY, proposal: bytes = PROPOSAL, **changes: Any) -> list[Finding]:
    """Run all checks but those of members' own archives."""
    sources = [Source("one", OneRound(proposal))]  # type: ignore[arg-type]
    given: dict[str, Any] = {"members": frozenset(), "terms": TERMS, "sources": sources}
    return list(Verification(Subject(body, **(given | changes))).findings())

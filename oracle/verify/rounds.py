"""Steps 3 and 4: the round's signed observations, and the report that they give. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from eth_hash.auto import keccak

from oracle.committee.rounds.median import combine
from oracle.committee.rounds.rules import Rules
from oracle.committee.wire.observation import Observation
from oracle.committee.wire.proposal import Proposal
from oracle.committee.wire.refusals import Reason, Refused
from oracle.model.errors import Rejected
from oracle.report import merkle
from oracle.report.report import Report, Unsigned
from oracle.verify.evidence import Terms
from oracle.verify.findings import Differs, hexed
from oracle.verify.signed import REPORT, altered, epoch_of, report_of

ROUND: Final = "the round"
Candidates = Callable[[Observation], Iterable[tuple[str, Observation]]]
"""Gives an observation with one field as the member's own archive has it, and the field's name."""


class Round(NamedTuple):
    """A report's round: its proposal, and the rules of its epoch."""

    proposal: Proposal
    rules: Rules
    shared_view: bool
    """One process signs with several keys: one observation, and whichever key works leads."""

    @property
    def observations(self) -> tuple[Observation, ...]:
        """The chosen ones, by member."""
        return self.proposal.observations

    @property
    def faults(self) -> int:
        """How many observations may lie."""
        return 0 if self.shared_view else self.rules.faults

    @property
    def least(self) -> int:
        """How many observations there must be."""
        return 1 if self.shared_view else self.rules.quorum

    def window(self) -> tuple[int, int]:
        """Return the first ms that an observation may be of, and the first that it may not."""
        first, after = self.rules.window(self.proposal.slot, self.proposal.view)
        return first, first + self.rules.slot_ms if self.shared_view else after


def opened(proposal: bytes, terms: Terms) -> Round:
    """Decode a round.

    Raises:
        Differs: it is none, or of another deployment.
        Unchecked: the epoch is not known.
    """
    try:
        made = Proposal.decode(proposal)
    except Rejected as error:
        raise Differs(ROUND, "bytes", "a proposal by docs/committee.md", error) from error
    if made.salt != terms.salt:
        raise Differs(ROUND, "deployment", hexed(terms.salt), hexed(made.salt))
    committee = epoch_of(terms, made.epoch).committee
    return Round(made, terms.rules._replace(committee=committee), terms.shared_view)


def check_round(round_: Round, report: Report) -> None:
    """Check that a round is a report's.

    Raises:
        Differs: another's.
    """
    for name in ("epoch", "slot"):
        ours, theirs = getattr(report, name), getattr(round_.proposal, name)
        if ours != theirs:
            raise Differs(ROUND, name, f"the report's {ours}", theirs)


def remade(round_: Round) -> Unsigned:
    """Return the report that the observations give, computed as members do.

    Raises:
        Differs: they give none.
    """
    try:
        return combine(round_.observations, round_.faults, round_.proposal.prev_ms)
    except Rejected as error:
        raise Differs(ROUND, "observations", "those that a report is made of", error) from error


def check_observations(round_: Round, candidates: Candidates) -> str:
    """Check that each observation is its member's, of this round, and that there are enough.

    Raises:
        Differs: at the first that is not.
    """
    made, rules = round_.proposal, round_.rules
    if len(made.observations) < round_.least:
        raise Differs(ROUND, "observations", f"{round_.least} or more", len(made.observations))
    for one in made.observations:
        _check_header(one, made, rules)
        _check_author(one, rules, candidates)
        _check_time(one, round_)
    members = ", ".join(str(one.member) for one in made.observations)
    return f"{len(made.observations)} observations, each signed by its member ({members})"


def check_leader(round_: Round) -> str:
    """Check that the round's leader chose the observations.

    Raises:
        Differs: another did, or what it chose was altered.
    """
    made, rules = round_.proposal, round_.rules
    try:
        rules.check_round(made.slot, made.view)
    except Refused as refused:
        raise Differs(ROUND, "view", "one of its slot", refused.refusal.detail) from refused
    leader = rules.leader(made.slot, made.view)
    if round_.shared_view and made.leader < rules.size:
        leader = made.leader
    if made.leader != leader:
        raise Differs(ROUND, "leader", f"member {leader}", f"member {made.leader}")
    try:
        made.verify(rules.committee.members[leader])
    except Rejected as error:
        raise Differs(
            f"{ROUND}'s proposal", "signature", f"member {leader}'s, of its bytes", error
        ) from error
    turn = "" if round_.shared_view else ", whose turn it was,"
    return f"member {leader}{turn} proposed them"


def check_inputs_root(report: Report, round_: Round) -> str:
    """Check that the report commits to these observations.

    Raises:
        Differs: to others.
    """
    root = merkle.root_of([keccak(one.encode()) for one in round_.observations])
    if root != report.inputs_root:
        raise Differs(
            REPORT, "inputs_root", f"the root of its observations, {hexed(root)}",
            hexed(report.inputs_root),
        )  # fmt: skip
    return f"the root of the observations is the report's, {hexed(root)}"


def check_words(report: Report, round_: Round, terms: Terms) -> str:
    """Check that the report says what the observations give.

    Raises:
        Differs: at the first field that is another.
    """
    expected = remade(round_)
    found = report_of(report)
    leaves = tuple(
        expected.leaves[leaf.group] for leaf in report.leaves if leaf.group < len(expected.leaves)
    )
    if report.groups != len(expected.leaves) or leaves != report.leaves:
        raise altered(found, report.groups, expected, terms)
    return f"{len(report.leaves)} group words are the median of the observations, field by field"


def check_configuration(round_: Round, terms: Terms, named: Callable[[], str]) -> str:
    """Check that all members computed with the configuration at hand; `named` says what differs.

    Raises:
        Differs: a member had another.
    """
    for one in round_.observations:
        known = next((c for c in terms.rules.configs if c.digest == one.config_hash), None)
        where = f"observation of member {one.member}"
        if known is None:
            ours = f"{hexed(terms.config_hash)}, the given configuration's"
            raise Differs(where, "config_hash", ours, f"{hexed(one.config_hash)}{named()}")
        if not known.from_ms <= one.time_ms < known.until_ms:
            allowed = f"a configuration in force at {one.time_ms} ms"
            raise Differs(where, "config_hash", allowed, hexed(one.config_hash))
    others = [one.member for one in round_.observations if one.config_hash != terms.config_hash]
    if others:
        return f"members {others} had the next or previous configuration, the others the given one"
    return f"all were made with the configuration {hexed(terms.config_hash)}"


def _check_header(one: Observation, made: Proposal, rules: Rules) -> None:
    where = f"observation of member {one.member}"
    if one.member >= rules.size:
        raise Differs(where, "member", f"0 to {rules.size - 1}", one.member)
    for name in ("salt", "epoch", "slot", "view"):
        ours, theirs = getattr(made, name), getattr(one, name)
        if ours != theirs:
            said = (hexed(ours), hexed(theirs)) if isinstance(ours, bytes) else (ours, theirs)
            raise Differs(where, name, f"the round's {said[0]}", said[1])


def _check_time(one: Observation, round_: Round) -> None:
    first, after = round_.window()
    if not first <= one.time_ms < after:
        raise Differs(
            f"observation of member {one.member}", "time", f"{first} to {after - 1} ms", one.time_ms
        )


def _check_author(one: Observation, rules: Rules, candidates: Candidates) -> None:
    try:
        rules.check_author(one)
    except Refused as refused:
        if refused.refusal.reason is not Reason.BAD_SIGNATURE:
            raise
        where, member = f"observation of member {one.member}", rules.committee.members[one.member]
        for field, candidate in candidates(one):
            if _is_signed(candidate, member):
                named = _values(field, candidate, one)
                raise Differs(where, *named) from refused
        raise Differs(
            where, "signature", f"by {hexed(member)} of its bytes", refused.refusal.detail
        ) from refused


def _values(field: str, ours: Observation, theirs: Observation) -> tuple[str, str, str]:
    one, other = getattr(ours, field), getattr(theirs, field)
    if field != "words":
        show = hexed if isinstance(one, bytes) else str
        return field, f"{show(one)} (its archive's)", show(other)
    at = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    return f"word of group {at}", f"{hexed(one[at])} (its archive's)", hexed(other[at])


def _is_signed(observation: Observation, member: bytes) -> bool:
    try:
        observation.verify(member)
    except Rejected:
        return False
    return True

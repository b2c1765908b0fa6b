"""All checks of one report, in the order of docs/verify.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from oracle.committee.wire.observation import Observation
from oracle.model.errors import PlumblineError, Retryable, SchemaError
from oracle.model.messages import Receipt
from oracle.report.report import Report, Unsigned
from oracle.verify import asked, rounds, signed
from oracle.verify.case import Case
from oracle.verify.evidence import Claim, Epoch, Source, Terms, claim_of
from oracle.verify.findings import Finding, NothingToCheck, Unchecked, examined, hexed
from oracle.verify.guarded import guarded, tried
from oracle.verify.replay import Progress
from oracle.verify.rounds import Round
from oracle.verify.stored import Delivered, check_delivered, check_epoch_on_chain, check_receipts
from oracle.verify.why import Why, market_in, marks_by_name, why

T = TypeVar("T")


def no_progress(_taken: int, _of: int) -> None:
    """Tell nobody."""


@dataclass
class Subject:
    """What is to be verified, and all that is at hand for it."""

    body: bytes
    """The report as it was given, be it with some of its groups only."""
    sources: Sequence[Source]
    terms: Terms
    delivered: Sequence[Delivered] = ()
    receipts: Sequence[Receipt] = ()
    told: Sequence[tuple[str, Epoch]] = ()
    """What contracts say of the report's epoch, by chain."""
    chains_silent: Sequence[str] = ()
    """Why a chain could not be asked."""
    chains: int = 0
    """How many are configured."""
    members: frozenset[int] | None = None
    """Whose marks to check; None: everybody's."""
    market: str | None = None
    progress: Progress = no_progress
    slot: int | None = None
    """What was asked for, where it was a slot."""
    at_ms: int | None = None
    """Where it was the newest report at a time."""


class Verification:
    """Runs the checks; afterwards `why` says what the marks were made of."""

    def __init__(self, subject: Subject) -> None:
        self._subject, self._terms = subject, subject.terms
        self._sources = [guarded(source) for source in subject.sources]
        self._cases: dict[str, list[Case]] = {}
        self._failed: dict[str, list[PlumblineError]] = {}
        """Why archives gave no case, by claim."""
        self._round: Round | PlumblineError | None = None
        self._report: Report | None = None

    def findings(self) -> Iterator[Finding]:
        """Run every check; each is given as soon as it is done."""
        decoding = examined(1, "report", self._decoded)
        yield decoding
        report = self._report
        if report is None:
            return
        yield from self._of_asking(report)
        self._round = self._found_round(report)
        yield from self._of_signatures(report)
        yield from self._of_chains(report)
        yield from self._of_round(report)
        yield from self._of_members()

    def why(self, market: str) -> list[Why]:
        """Return what made a market's mark, by each member whose archive is at hand."""
        return [
            one
            for claimed in self._cases.values()
            for case in claimed[:1]
            for one in _or_none(partial(_why, case, market)) or ()
        ]

    def _decoded(self) -> str:
        self._report = report = signed.decoded(self._subject.body)
        carried = f"{len(report.leaves)} of {report.groups} groups"
        digest = hexed(report.digest(self._terms.salt))
        return f"{len(self._subject.body)} bytes, {carried}, digest {digest}"

    def _of_asking(self, report: Report) -> Iterator[Finding]:
        slot, at_ms = self._subject.slot, self._subject.at_ms
        if slot is not None:
            yield examined(1, "asked for", lambda: asked.check_slot(report, slot))
        if at_ms is not None:
            check = partial(asked.check_time, report, at_ms, self._sources, self._terms)
            yield examined(1, "asked for", check)

    def _of_signatures(self, report: Report) -> Iterator[Finding]:
        terms, remade = self._terms, self._remade()
        slot_ms = terms.rules.slot_ms
        yield examined(1, "signatures", lambda: signed.check_signatures(report, terms, remade))
        took = any(one.succeeded and one.updated for one in self._subject.delivered)
        yield examined(
            1, "epoch", lambda: signed.check_epoch(report, terms, slot_ms, accepted=took)
        )

    def _of_chains(self, report: Report) -> Iterator[Finding]:
        subject, terms = self._subject, self._terms
        for chain, told in subject.told:
            check = partial(self._check_epoch, report, chain, told)
            yield examined(2, f"committee on {chain}", check)
        for one in subject.delivered:
            check = partial(check_delivered, report, subject.body, one, terms)
            yield examined(2, f"stored on {one.chain}", check)
        pushed = any(receipt.accepted for receipt in subject.receipts)
        if subject.delivered or pushed:
            yield examined(
                2, "receipts", lambda: check_receipts(subject.receipts, subject.delivered)
            )
        for why_not in subject.chains_silent:
            yield examined(2, "chain", _raising(Unchecked(why_not)))
        if not subject.delivered and not pushed and not subject.chains_silent:
            yield examined(2, "chain", _raising(NothingToCheck(self._not_on_chain())))

    def _check_epoch(self, report: Report, chain: str, told: Epoch) -> str:
        return check_epoch_on_chain(chain, signed.epoch_of(self._terms, report.epoch), told)

    def _not_on_chain(self) -> str:
        if not self._subject.chains:
            return "no chain is configured"
        return (
            "no archived receipt is of this report: it was not pushed, or its receipt did not get "
            "as far as the archive; its transaction's hash would prove it"
        )

    def _of_round(self, report: Report) -> Iterator[Finding]:
        round_ = self._round
        if not isinstance(round_, Round):
            error = round_ or Unchecked("no archive is at hand: give --archive FOLDER_OR_URL")
            for number, what in ((3, "round"), (4, "median"), (5, "members"), (6, "recomputed")):
                yield examined(number, what, _raising(error))
            return
        terms = self._terms
        yield examined(3, "observations", lambda: self._check_observations(report, round_))
        yield examined(3, "leader", lambda: rounds.check_leader(round_))
        yield examined(3, "inputs_root", lambda: rounds.check_inputs_root(report, round_))
        yield examined(
            3, "configuration",
            lambda: rounds.check_configuration(round_, terms, self._in_configuration),
        )  # fmt: skip
        yield examined(4, "median", lambda: rounds.check_words(report, round_, terms))

    def _check_observations(self, report: Report, round_: Round) -> str:
        rounds.check_round(round_, report)
        return rounds.check_observations(round_, self._as_archived)

    def _of_members(self) -> Iterator[Finding]:
        if not isinstance(self._round, Round):
            return
        wanted = self._subject.members
        heard = {one.member for one in self._round.observations}
        for member in sorted((wanted or frozenset()) - heard):
            missing = Unchecked(
                f"the report is made of no observation of it: ask for some of {sorted(heard)}"
            )
            yield examined(5, f"member {member}", _raising(missing))
        for one in self._round.observations:
            if wanted is not None and one.member not in wanted:
                yield examined(
                    5, f"member {one.member}", _raising(NothingToCheck("not asked for (--member)"))
                )
                continue
            yield from self._of_claim(claim_of(one))

    def _of_claim(self, claim: Claim) -> Iterator[Finding]:
        cases = self._cases_of(claim)
        if not cases:
            missing = self._nowhere(claim)
            yield examined(5, f"{claim.who}: manifests", _raising(missing))
            yield examined(6, f"{claim.who}: recomputed", _raising(missing))
        for case in cases[:1]:
            yield from case.findings()

    def _nowhere(self, claim: Claim) -> PlumblineError:
        """Say why no archive has a claim's steps: one may be damaged, or not answer."""
        if not self._sources:
            return Unchecked("no archive is at hand: give --archive FOLDER_OR_URL")
        why = self._failed[claim.who]
        odd = [error for error in why if isinstance(error, SchemaError | Retryable)]
        return odd[0] if odd else Unchecked("; ".join(map(str, why)))

    def _found_round(self, report: Report) -> Round | PlumblineError | None:
        """Return the round that was signed as the report, else any that is said to be its."""
        error: PlumblineError | None = None
        found: list[Round] = []
        for source in self._sources:
            for slot in self._slots(source, report):
                made = tried(partial(self._opened, source, slot))
                if isinstance(made, PlumblineError):
                    error = error or made
                    continue
                unsigned = _remade(made)
                if unsigned is not None and signed.has_signature_of(report, self._terms, unsigned):
                    return made
                found.append(made)
        return found[0] if found else error

    def _opened(self, source: Source, slot: int) -> Round:
        return rounds.opened(source.evidence.round_of(slot).proposal, self._terms)

    def _slots(self, source: Source, report: Report) -> Iterator[int]:
        """Return the report's slot; then that of its time, should the slot be altered."""
        yield report.slot
        time_ns = max(leaf.decoded().time_ms for leaf in report.leaves) * 10**6
        nearest = _or_none(lambda: source.evidence.report_at(time_ns + 10**6).slot)
        if nearest is not None and nearest != report.slot:
            yield nearest

    def _remade(self) -> Unsigned | None:
        return _remade(self._round) if isinstance(self._round, Round) else None

    def _cases_of(self, claim: Claim) -> list[Case]:
        """Return the archives that have a claim's steps."""
        if claim.who not in self._cases:
            self._cases[claim.who], self._failed[claim.who] = [], []
            for source in self._sources:
                case = Case(source, claim, self._terms, self._subject.progress)
                found = tried(case.steps)
                if isinstance(found, PlumblineError):
                    self._failed[claim.who].append(found)
                else:
                    self._cases[claim.who].append(case)
            # An archive of somebody else's, or an altered one, must not stand before the maker's.
            self._cases[claim.who].sort(key=lambda case: not _or_none(case.is_of_its_maker))
        return self._cases[claim.who]

    def _as_archived(self, one: Observation) -> Iterable[tuple[str, Observation]]:
        for case in self._cases_of(claim_of(one)):
            yield from case.as_archived(one)

    def _in_configuration(self) -> str:
        """Say which parameter differs, where an archive tells it."""
        if not isinstance(self._round, Round):
            return ""
        for one in self._round.observations:
            for case in self._cases_of(claim_of(one)):
                named = _or_none(case.in_configuration)
                if named is not None:
                    return (
                        f"; first: {named.field}: {named.ours} then, {named.theirs} in the given "
                        "configuration"
                    )
        return ""


def _remade(round_: Round) -> Unsigned | None:
    return _or_none(partial(rounds.remade, round_))


def _why(case: Case, market: str) -> list[Why]:
    """Return what made a market's mark; nothing where a finding has said why not."""
    made = []
    for step in _or_none(case.steps) or ():
        spec = market_in(case.spec(step).markets, market)
        mark = marks_by_name(case.replayed(step).marks).get(market)
        if spec is not None and mark is not None:
            made.append(why(case.claim.who, mark, spec))
    return made


def _or_none(make: Callable[[], T]) -> T | None:
    made = tried(make)
    return None if isinstance(made, PlumblineError) else made


def _raising(error: PlumblineError) -> Callable[[], str]:
    def check() -> str:
        raise error

    return check

"""Step 1: the report's bytes, its time, and that its epoch's committee signed it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oracle.model.errors import Rejected
from oracle.report.committee import Committee
from oracle.report.report import Leaf, Report, Unsigned, decode
from oracle.report.signature import recover
from oracle.verify.differences import in_words
from oracle.verify.evidence import Epoch, Terms
from oracle.verify.findings import Differs, Unchecked, hexed

REPORT: Final = "the report"


def decoded(body: bytes) -> Report:
    """Return what a body says.

    Raises:
        Differs: it is no report.
    """
    try:
        return decode(body)
    except Rejected as error:
        raise Differs(REPORT, "bytes", "a report by docs/report-format.md", error) from error


def check_signatures(report: Report, terms: Terms, remade: Unsigned | None) -> str:
    """Check that as many members as must signed the report; say who.

    `remade` is the report that the round's observations give: where it is what was signed, the
    difference names the field of the report that is not.

    Raises:
        Differs, Unchecked: as they say.
    """
    another = remade is not None and report.digest(terms.salt) != remade.digest(terms.salt)
    if remade is not None and another and has_signature_of(report, terms, remade):
        raise altered(report_of(report), report.groups, remade, terms)
    epoch = epoch_of(terms, report.epoch)
    committee = epoch.committee
    signed_by = report.members()
    if len(signed_by) != committee.threshold:
        raise Differs(REPORT, "signers", f"{committee.threshold} members", f"{len(signed_by)}")
    if signed_by[-1] >= len(committee.members):
        most = len(committee.members) - 1
        raise Differs(REPORT, "signers", f"members 0 to {most}", f"member {signed_by[-1]}")
    wrong = _wrong(report, committee, report.digest(terms.salt))
    if len(wrong) == len(signed_by):
        raise Differs(
            REPORT,
            "digest",
            "what its committee signed: deployment, epoch, slot, inputs_root and every leaf",
            f"{hexed(report.digest(terms.salt))}, which fits none of its {len(wrong)} signatures",
        )
    if wrong:
        member = wrong[0]
        signature = report.signatures[signed_by.index(member)]
        raise Differs(
            REPORT,
            f"signature of member {member}",
            f"by {hexed(committee.members[member])}",
            _signer(report.digest(terms.salt), signature),
        )
    shown = ", ".join(map(str, signed_by))
    return (
        f"{len(signed_by)} of {len(committee.members)} members of epoch {report.epoch} signed "
        f"({shown}); the committee is that of {epoch.said_by}"
    )


def check_epoch(report: Report, terms: Terms, slot_ms: int, *, accepted: bool = False) -> str:
    """Check that the report is of its slot's time, and that its epoch could sign then.

    `accepted` says that a chain took the report: it takes none of members that it has revoked.

    Raises:
        Differs, Unchecked: as they say.
    """
    if report.slot % slot_ms:
        raise Differs(REPORT, "slot", f"a multiple of {slot_ms} ms", report.slot)
    times = [leaf.decoded().time_ms for leaf in report.leaves]
    if min(times) < report.slot:
        raise Differs(REPORT, "time", f"from its slot {report.slot} on", min(times))
    for leaf, time_ms in zip(report.leaves, times, strict=True):
        if leaf.prev_ms >= time_ms:
            at = f"{REPORT}, group {leaf.group}"
            raise Differs(at, "prev_ms", f"a time before {time_ms}", leaf.prev_ms)
    epoch = epoch_of(terms, report.epoch)
    until_s = epoch.valid_until_s
    if until_s is not None and max(times) > 1000 * until_s:
        ended = f"epoch {report.epoch} ended by {1000 * until_s}"
        raise Differs(REPORT, "time", f"within its epoch ({ended})", max(times))
    revoked = [member for member in report.members() if epoch.revoked >> member & 1]
    said = f"slot {report.slot}, marks of {max(times)} ms, epoch {report.epoch}"
    if revoked and not accepted:
        raise Unchecked(
            f"{said}; members {revoked} who signed are revoked in it: whether they were when they "
            "signed, only a chain that took the report tells; give the transaction"
        )
    if revoked:
        return f"{said}; members {revoked} have been revoked in it since a chain took the report"
    ends = "in force" if until_s is None or until_s >= 2**63 else f"valid until {until_s} s"
    return f"{said}, {ends} by {epoch.said_by}"


def epoch_of(terms: Terms, number: int) -> Epoch:
    """Return the committee of an epoch.

    Raises:
        Unchecked: nobody at hand knows it.
    """
    for epoch in terms.epochs:
        if epoch.committee.epoch == number:
            return epoch
    known = ", ".join(str(epoch.committee.epoch) for epoch in terms.epochs)
    raise Unchecked(
        f"the committee of epoch {number} is not known: known is {known}. Give the configuration "
        "of that epoch, or one with a chain whose contract tells"
    )


def report_of(report: Report) -> Unsigned:
    """Return what a report's committee was asked to sign, as far as it carries it."""
    return Unsigned(report.epoch, report.slot, report.inputs_root, report.leaves)


def has_signature_of(report: Report, terms: Terms, remade: Unsigned) -> bool:
    """Whether one of the report's signatures is its member's, of the remade report."""
    for epoch in terms.epochs:
        if epoch.committee.epoch == remade.epoch:
            wrong = _wrong(report, epoch.committee, remade.digest(terms.salt))
            return len(wrong) < len(report.signatures)
    return False


def altered(found: Unsigned, groups: int, expected: Unsigned, terms: Terms) -> Differs:
    """Return the first difference of a report from the one that it must be."""
    for name in ("epoch", "slot"):
        ours, theirs = getattr(expected, name), getattr(found, name)
        if ours != theirs:
            return Differs(REPORT, name, ours, theirs)
    if expected.inputs_root != found.inputs_root:
        return Differs(REPORT, "inputs_root", hexed(expected.inputs_root), hexed(found.inputs_root))
    if groups != len(expected.leaves):
        return Differs(REPORT, "groups", len(expected.leaves), groups)
    return _in_leaves(found.leaves, expected.leaves, terms)


def _in_leaves(found: Sequence[Leaf], expected: Sequence[Leaf], terms: Terms) -> Differs:
    for leaf in found:
        ours = expected[leaf.group]
        where = f"{REPORT}, group {leaf.group}"
        if ours.prev_ms != leaf.prev_ms:
            return Differs(where, "prev_ms", ours.prev_ms, leaf.prev_ms)
        word = in_words(ours.word, leaf.word)
        if word is None:
            continue
        if word.entry is not None:
            where = f"{where}, {terms.market(4 * leaf.group + word.entry)}"
        return Differs(where, word.field, word.ours, word.theirs)
    return Differs(REPORT, "leaves", "those of the observations", "others")


def _wrong(report: Report, committee: Committee, digest: bytes) -> list[int]:
    """Return the members whose signature is not theirs, of this digest."""
    wrong = []
    for member, signature in zip(report.members(), report.signatures, strict=True):
        try:
            fits = (
                member < len(committee.members)
                and recover(digest, signature) == committee.members[member]
            )
        except Rejected:
            fits = False
        if not fits:
            wrong.append(member)
    return wrong


def _signer(digest: bytes, signature: bytes) -> str:
    try:
        return f"by {hexed(recover(digest, signature))}"
    except Rejected as error:
        return str(error)

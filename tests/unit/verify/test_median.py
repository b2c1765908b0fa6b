"""The report that observations give, against the rules of docs/committee.md written once more."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.committee.wire.observation import Observation
from oracle.committee.wire.proposal import Proposal
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.report import decode
from oracle.report.word import Entry
from oracle.verify.findings import Outcome
from tests.unit.verify.rounds import PARTY, checked

FAULTS = 2
PRICED = (3, 4, 5, 6)
MISSING_PREMIUM = 1 << 10


def naive_report(proposal: Proposal) -> list[tuple[int, list[tuple[int, int, int, int, int]]]]:
    """Return each group's time and entries: mantissa, exponent, confidence, premium, validity.

    Nothing here is shared with what members run: it reads the words' bits as
    docs/report-format.md lays them out, and takes medians as docs/committee.md says.
    """
    seen = [_bits(one) for one in proposal.observations]
    time_ms = _lower([one.time_ns // 1_000_000 for one in proposal.observations])
    count = sorted((len(words) for words in seen), reverse=True)[FAULTS]
    report = []
    for group in range(count):
        entries = []
        for at in range(4):
            said = [words[group][at] if group < len(words) else (0,) * 5 for words in seen]
            entries.append(_entry(said))
        report.append((time_ms - 1_577_836_800_000, entries))
    return report


def _bits(one: Observation) -> list[list[tuple[int, int, int, int, int]]]:
    groups = []
    for word in one.words:
        text = format(int.from_bytes(word, "big"), "0256b")[::-1]
        entries = []
        for at in range(4):
            part = text[53 * at : 53 * at + 53]
            cuts = ((0, 27), (27, 32), (32, 39), (39, 50), (50, 53))
            fields = [int(part[low:high][::-1], 2) for low, high in cuts]
            entries.append(tuple(fields))
        groups.append(entries)
    return groups


def _entry(said: list[tuple[int, ...]]) -> tuple[int, ...]:
    validities = sorted(one[4] for one in said)
    reached = [v for v in validities if sum(other >= v for other in validities) >= 2 * FAULTS + 1]
    validity = min(validities[FAULTS], max(reached))
    if validity not in PRICED:
        return (0, 0, 0, 0, validity)
    priced = [one for one in said if one[4] in PRICED]
    exponent, mantissa = _lower([(one[1], one[0]) for one in priced])
    confidence = _lower([one[2] for one in priced])
    known = [one[3] for one in priced if one[3] != MISSING_PREMIUM]
    premium = MISSING_PREMIUM
    if len(known) >= 2 * FAULTS + 1:
        middle = _lower([-(p - 1024) if p > 1024 else p for p in known])
        premium = 1024 - middle if middle < 0 else middle
    return (mantissa, exponent, confidence, premium, validity)


def _lower(values: list) -> object:
    ordered = sorted(values)
    return ordered[len(ordered) // 2 - (len(ordered) % 2 == 0)]


ENTRY = st.one_of(
    st.sampled_from([Entry(Validity.HALTED), Entry(Validity.MISSING)]),
    st.builds(
        Entry,
        st.sampled_from([Validity(v) for v in PRICED]),
        st.builds(Px, st.integers(1, 10**9), st.integers(-6, 2)),
        st.integers(0, 10**8),
        st.none() | st.integers(-(10**8), 10**8),
    ),
)


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(st.lists(ENTRY, min_size=1, max_size=6), min_size=5, max_size=7),
    late=st.lists(st.integers(0, 100), min_size=7, max_size=7),
)
def test_the_words_are_the_median_of_the_observations(entries: list, late: list[int]):
    """Two implementations give the same report, and verification finds it proven."""
    begin_ms = PARTY.rules.window(1_790_000_000_000, 0)[0]
    proposed = PARTY.proposal(
        [
            PARTY.observation(number, entries=some, time_ms=begin_ms + late[number])
            for number, some in enumerate(entries)
        ]
    )
    body = PARTY.certified(proposed)
    naive = naive_report(proposed.proposal)
    for leaf, (time_ms, wanted) in zip(decode(body).leaves, naive, strict=True):
        word = time_ms << 216
        for at, (mantissa, exponent, confidence, premium, validity) in enumerate(wanted):
            code = mantissa | exponent << 27 | confidence << 32 | premium << 39 | validity << 50
            word |= code << 53 * at
        assert leaf.word == word.to_bytes(32, "big")
    (median,) = (f for f in checked(body, proposed.proposal.encode()) if f.number == 4)
    assert median.outcome is Outcome.PROVEN


def test_a_report_of_other_words_than_the_observations_give_differs():
    """Five members signed it, and still it is not what was observed: the field is named."""
    honest = PARTY.proposal([PARTY.observation(number) for number in range(7)])
    entry = Entry(Validity.VALID, Px(20_000, -2), 1_000, 50)
    liars = PARTY.proposal([PARTY.observation(n, entries=(entry,)) for n in range(7)])
    findings = checked(PARTY.certified(liars), honest.proposal.encode())
    differ = {f.what: str(f.difference) for f in findings if f.difference is not None}
    assert set(differ) == {"inputs_root", "median"}
    assert "signatures" not in differ

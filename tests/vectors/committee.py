"""What committee.json holds: observations, the reports of whole rounds, proposals and evidence."""

from __future__ import annotations

from typing import Any

from eth_hash.auto import keccak

from oracle.committee.evidence.proof import Evidence, Kind
from oracle.committee.rounds.median import combine, withheld
from oracle.committee.wire.observation import Last, Observation
from oracle.committee.wire.proposal import Base, Proposed
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from oracle.report.word import Entry
from tests.unit.committee.party import SALT, SLOT_MS, T0, Party, entry

_PARTY = Party(7)
_HALTED, _MISSING = (entry(validity=one) for one in (Validity.HALTED, Validity.MISSING))


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _observation(name: str, seen: Observation) -> dict[str, Any]:
    return {
        "name": name,
        "epoch": seen.epoch,
        "slot": seen.slot,
        "view": seen.view,
        "member": seen.member,
        "time_ns": str(seen.time_ns),
        "config_hash": _hex(seen.config_hash),
        "inputs_root": _hex(seen.inputs_root),
        "state_digest": _hex(seen.state_digest),
        "last": {**seen.last._asdict(), "digest": _hex(seen.last.digest)},
        "words": [_hex(word) for word in seen.words],
        "content": _hex(seen.content()),
        "digest": _hex(keccak(seen.message())),
        "signature": _hex(seen.signature),
    }


def _observations() -> list[dict[str, Any]]:
    last = Last(T0 - SLOT_MS, 1, keccak(b"a report"), T0 - SLOT_MS + 130)
    return [
        _observation("first of all", _PARTY.observation(0)),
        _observation("after a report", _PARTY.observation(6, last=last)),
        _observation("second view", _PARTY.observation(3, T0, 1)),
        _observation("two groups", _PARTY.observation(1, entries=[entry()] * 4 + [_HALTED])),
    ]


def _priced(*prices: int) -> list[Entry]:
    return [entry(price) for price in prices]


def _round(
    name: str, said: list[list[Entry]], prev_ms: int = 0, times: list[int] | None = None
) -> dict[str, Any]:
    at = times or [50 + 3 * number for number in range(len(said))]
    seen = [
        _PARTY.observation(number, entries=entries, time_ms=T0 + at[number])
        for number, entries in enumerate(said)
    ]
    report = combine(seen, _PARTY.faults, prev_ms)
    return {
        "name": name,
        "observations": [_hex(one.encode()) for one in seen],
        "prev_ms": prev_ms,
        "withheld": withheld(seen, _PARTY.faults),
        "inputs_root": _hex(report.inputs_root),
        "words": [_hex(leaf.word) for leaf in report.leaves],
        "digest": _hex(report.digest(SALT)),
    }


def _rounds() -> list[dict[str, Any]]:
    conf = [Entry(Validity.VALID, Px(10_000 + n, -2), 1_000 * n, 100 * (n - 3)) for n in range(7)]
    none = [one._replace(premium_e8=None) for one in conf]
    guarded = [one._replace(validity=Validity.GUARDED) for one in conf]
    prices = [9_990, 9_995, 10_000, 10_005, 10_010, 10_015, 10_020]
    return [
        _round("seven prices", [[entry(price)] for price in prices], T0 - 200),
        _round("five prices", [[entry(price)] for price in prices[:5]]),
        _round("six prices: the lower of two", [[entry(price)] for price in prices[:6]]),
        _round("two extremes", [_priced(p) for p in (1, 99_999_999, *prices[2:])]),
        _round("each field its own", [[one] for one in conf]),
        _round("premium of four only", [[one] for one in (*conf[:4], *none[4:])]),
        _round("two halted of seven", [[_HALTED], [_HALTED], *[[one] for one in conf[2:]]]),
        _round("three halted of seven", [*[[_HALTED]] * 3, *[[one] for one in conf[3:]]]),
        _round("two missing of five: withheld", [*[[_MISSING]] * 2, *[[one] for one in conf[:3]]]),
        _round("one guarded of five: withheld", [[guarded[0]], *[[one] for one in conf[1:5]]]),
        _round("two guarded of six: withheld", [[one] for one in (*guarded[:2], *conf[2:6])]),
        _round("one guarded of six", [[one] for one in (*guarded[:1], *conf[1:6])]),
        _round("three guarded", [*[[one] for one in guarded[:3]], *[[one] for one in conf[3:]]]),
        _round("a market that three have", [[entry()]] * 4 + [[entry(), entry()]] * 3),
        _round("a group that two have", [[entry()]] * 5 + [[entry()] * 5] * 2),
        _round("a group that three have", [[entry()]] * 4 + [[entry()] * 5] * 3),
        _round("times far apart", [[entry()]] * 5, 0, [0, 124, 1, 123, 60]),
    ]


def _proposed() -> Proposed:
    return _PARTY.proposal([_PARTY.observation(number) for number in range(5)], T0 - 200, Base())


def _evidence() -> list[dict[str, str]]:
    one, two = (_PARTY.observation(2, entries=(entry(price),)) for price in (10_000, 20_000))
    first, second = sorted((one.encode(), two.encode()))
    found = Evidence(Kind.OBSERVATION, SALT, 1, 2, T0, 0, _PARTY.committee.members, first, second)
    return [{"kind": found.kind.name, "evidence": _hex(found.encode())}]


def vectors() -> dict[str, Any]:
    """Compute all vectors."""
    proposed = _proposed()
    return {
        "version": 1,
        "salt": _hex(SALT),
        "epoch": 1,
        "threshold": _PARTY.committee.threshold,
        "faults": _PARTY.faults,
        "slot_ms": _PARTY.rules.slot_ms,
        "view_ms": _PARTY.rules.view_ms,
        "members": [_hex(member) for member in _PARTY.committee.members],
        "observations": _observations(),
        "rounds": _rounds(),
        "proposals": [
            {
                "leader": proposed.proposal.leader,
                "digest": _hex(keccak(proposed.proposal.message())),
                "proposal": _hex(proposed.proposal.encode()),
            }
        ],
        "evidence": _evidence(),
    }

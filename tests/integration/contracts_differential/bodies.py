"""Random reports: sound ones, and ones with a fault that a forger or a bad line would make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from hypothesis import assume
from hypothesis import strategies as st

from oracle.model.fixed import Px
from oracle.model.validity import PRICED, Validity
from oracle.report.merkle import siblings_of
from oracle.report.report import Leaf, Report, Unsigned, encode
from oracle.report.signature import ORDER, compact
from oracle.report.word import EPOCH_2020_MS, PAUSE_SHIFT, TIME_SHIFT, Entry, encode_entry
from tests.integration.contracts_differential.sites import LIMIT_MS, NOW_MS, SIZES, Site

MOST_GROUPS: Final = 1024
_ENTRY_BITS: Final = 53
_UINT64: Final = 2**64 - 1


class Draft(NamedTuple):
    """What a committee signs, and what of it a body carries."""

    unsigned: Unsigned
    carried: tuple[int, ...]
    signers: tuple[int, ...]


class Body(NamedTuple):
    """Bytes for the site number `site`, and the one error they must get, if that is known."""

    site: int
    data: bytes
    error: str | None = None


Fault = Callable[[st.DrawFn, Site, Draft], tuple[bytes, str]]
"""Makes a body of a draft with one fault, and names the error it must get."""

PRICED_ENTRY: Final = st.builds(
    lambda validity, mantissa, exponent, conf, premium: encode_entry(
        Entry(validity, Px(mantissa, exponent), conf, premium)
    ),
    st.sampled_from(sorted(PRICED)),
    st.integers(10**7, 10**8 - 1),
    st.integers(-18, 13),
    st.integers(0, 300_000_000),
    st.none() | st.integers(-300_000_000, 300_000_000),
)
BARE_ENTRY: Final = st.sampled_from([Validity.HALTED, Validity.MISSING]).map(lambda v: int(v) << 50)
ENTRY: Final = st.one_of(PRICED_ENTRY, BARE_ENTRY, st.integers(0, 2**_ENTRY_BITS - 1))


@st.composite
def words(draw: st.DrawFn, time: st.SearchStrategy[int]) -> bytes:
    """A word of any entries, half of them well formed, without pause bits."""
    word = (draw(time) - EPOCH_2020_MS) << TIME_SHIFT
    for at in range(4):
        word |= draw(ENTRY) << at * _ENTRY_BITS
    return word.to_bytes(32, "big")


TIME: Final = st.one_of(
    st.integers(NOW_MS - 60_000, LIMIT_MS),
    st.sampled_from([EPOCH_2020_MS, EPOCH_2020_MS + 1, LIMIT_MS]),
)


@st.composite
def drafts(draw: st.DrawFn, site: int, epoch: int = 1) -> Draft:
    """A report of a few groups, any of which are carried; words repeat, for speed."""
    size, threshold, revoked = SIZES[site]
    groups = draw(st.integers(1, 9))
    prev = st.just(0) | st.integers(EPOCH_2020_MS + 1, NOW_MS)
    some = draw(st.lists(st.tuples(prev, words(TIME)), min_size=1, max_size=3))
    leaves = tuple(Leaf(at, *some[at % len(some)]) for at in range(groups))
    carried = draw(st.sets(st.integers(0, groups - 1), min_size=1))
    free = [member for member in range(size) if member not in revoked]
    signers = draw(st.permutations(free))[:threshold]
    slot, root = draw(st.integers(0, _UINT64)), draw(st.binary(min_size=32, max_size=32))
    unsigned = Unsigned(epoch, slot, root, leaves)
    return Draft(unsigned, tuple(sorted(carried)), tuple(sorted(signers)))


def report_of(site: Site, draft: Draft) -> Report:
    """Sign what the draft says, and cut the body that it says."""
    unsigned = draft.unsigned
    digest = unsigned.digest(site.committee.salt)
    return Report(
        unsigned.epoch,
        unsigned.slot,
        unsigned.inputs_root,
        len(unsigned.leaves),
        tuple(unsigned.leaves[at] for at in draft.carried),
        tuple(siblings_of(unsigned.hashes(), draft.carried)),
        sum(1 << member for member in draft.signers),
        tuple(
            compact(site.keys[member].sign_recoverable(digest, hasher=None))
            for member in draft.signers
        ),
    )


@st.composite
def sound(draw: st.DrawFn, sites: list[Site]) -> Body:
    """A body that must be taken."""
    at = draw(st.integers(0, len(sites) - 1))
    return Body(at, encode(report_of(sites[at], draw(drafts(at)))))


@st.composite
def faulty(draw: st.DrawFn, sites: list[Site], fault: Fault) -> Body:
    """A body with one fault whose name is known."""
    at = draw(st.integers(0, len(sites) - 1))
    return Body(at, *fault(draw, sites[at], draw(drafts(at))))


@st.composite
def damaged(draw: st.DrawFn, sites: list[Site]) -> Body:
    """Any bytes: mostly a sound body with some of them changed, cut off, repeated or inserted."""
    at = draw(st.integers(0, len(sites) - 1))
    body = bytearray(encode(report_of(sites[at], draw(drafts(at)))))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(body)))
        # Most fields that decide what follows are in the header.
        start = draw(st.sampled_from([start, min(start, 49)]))
        end = min(start + draw(st.sampled_from([0, 1, 1, 2, 4, 32, 39, 64, 10_000])), len(body))
        body[start:end] = draw(
            st.one_of(st.binary(max_size=66), st.just(bytes(body[start:end] * 2)), st.just(b""))
        )
    return Body(at, bytes(body))


def _wrong_epoch(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    epoch = draw(st.integers(0, 2**32 - 1).filter(lambda epoch: epoch != 1))
    unsigned = draft.unsigned._replace(epoch=epoch)
    return encode(report_of(site, draft._replace(unsigned=unsigned))), "UnknownEpoch"


def _wrong_deployment(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    salt = draw(st.binary(min_size=32, max_size=32))
    committee = site.committee._replace(salt=salt)
    other = replace(site, committee=committee)
    return encode(report_of(other, draft)), "BadSignature"


def _with_leaf(draw: st.DrawFn, site: Site, draft: Draft, change: Callable[[Leaf], Leaf]) -> bytes:
    """Sign a report whose leaf is changed, and carry that leaf."""
    at = draw(st.sampled_from(draft.carried))
    leaves = list(draft.unsigned.leaves)
    leaves[at] = change(leaves[at])
    unsigned = draft.unsigned._replace(leaves=tuple(leaves))
    return encode(report_of(site, draft._replace(unsigned=unsigned)))


def _future(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    most = EPOCH_2020_MS + 2**40 - 1
    time = draw(st.sampled_from([LIMIT_MS + 1, most]) | st.integers(LIMIT_MS + 1, most))
    word = draw(words(st.just(time)))
    return _with_leaf(draw, site, draft, lambda leaf: leaf._replace(word=word)), "FutureTime"


def _pause_bits(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    bits = draw(st.sampled_from([1, 2, 4, 8, 15])) << PAUSE_SHIFT

    def paused(leaf: Leaf) -> Leaf:
        return leaf._replace(word=(int.from_bytes(leaf.word, "big") | bits).to_bytes(32, "big"))

    return _with_leaf(draw, site, draft, paused), "PauseBitsSet"


def _wrong_signers(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    """More or fewer than the threshold, each with a good signature; or bits beyond the members."""
    size = len(site.keys)
    signers = draw(st.sets(st.integers(0, size - 1), max_size=size))
    if len(signers) == site.committee.threshold:
        signers = signers - {min(signers)}
    report = report_of(site, draft._replace(signers=tuple(sorted(signers))))
    if size < 32 and draw(st.booleans()):
        # As many as the threshold, one of them nobody.
        report = report_of(site, draft)
        beyond = 1 << draw(st.integers(size, 31))
        report = report._replace(signers=report.signers ^ (1 << draft.signers[-1]) | beyond)
    return encode(report), "WrongSignerCount"


def _revoked_signer(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    """As many as the threshold, each with a good signature, but revoked ones among them."""
    assume(site.revoked)
    some = draw(st.sets(st.sampled_from(site.revoked), min_size=1))
    signers = sorted(some) + list(draft.signers[len(some) :])
    return encode(report_of(site, draft._replace(signers=tuple(sorted(signers))))), "RevokedSigner"


def _wrong_signature(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    """One signature another's, malleated, or out of the curve's range."""
    report = report_of(site, draft)
    at = draw(st.integers(0, len(draft.signers) - 1))
    signature = report.signatures[at]
    both = int.from_bytes(signature[32:], "big")
    s, parity = both & (2**255 - 1), both >> 255
    r = signature[:32]
    other = report_of(site, draft._replace(unsigned=draft.unsigned._replace(epoch=7)))
    zero, order = bytes(32), ORDER.to_bytes(32, "big")
    forged = draw(
        st.sampled_from(
            [
                other.signatures[at],
                r + (ORDER - s | (parity ^ 1) << 255).to_bytes(32, "big"),
                r + (s | (parity ^ 1) << 255).to_bytes(32, "big"),
                zero + signature[32:],
                order + signature[32:],
                r + zero,
                bytes(64),
                b"\xff" * 64,
            ]
        )
    )
    signatures = (*report.signatures[:at], forged, *report.signatures[at + 1 :])
    return encode(report._replace(signatures=signatures)), "BadSignature"


def _wrong_length(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    body = encode(report_of(site, draft))
    if draw(st.booleans()):
        return body + draw(st.binary(min_size=1, max_size=100)), "BadLength"
    # A body that ends within the signatures: their count is still there.
    signatures = 64 * site.committee.threshold
    return body[: -draw(st.integers(1, signatures))], "BadLength"


def _wrong_order(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    """A leaf twice, out of its order, or of a group that is not in the tree."""
    report = report_of(site, draft)
    leaves = list(report.leaves)
    at = draw(st.integers(0, len(leaves) - 1))
    if draw(st.booleans()) and len(leaves) > 1:
        leaves = leaves[::-1]
    elif draw(st.booleans()) and len(leaves) < report.groups:
        leaves.insert(at, leaves[at])
    else:
        leaves[at] = leaves[at]._replace(group=draw(st.integers(report.groups, 2**16 - 1)))
    return encode(report._replace(leaves=tuple(leaves))), "GroupOrder"


def _wrong_counts(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    body = bytearray(encode(report_of(site, draft)))
    groups = draw(st.integers(0, 2**16 - 1))
    carried = draw(st.just(0) | st.integers(groups + 1, 2**16)) % 2**16
    if groups <= MOST_GROUPS < draw(st.integers(0, 2 * MOST_GROUPS)):
        groups, carried = MOST_GROUPS + 1, 1
    body[45:49] = groups.to_bytes(2, "big") + carried.to_bytes(2, "big")
    return bytes(body), "TooManyGroups"


def _wrong_version(draw: st.DrawFn, site: Site, draft: Draft) -> tuple[bytes, str]:
    version = draw(st.integers(0, 255).filter(lambda version: version != 1))
    return bytes([version]) + encode(report_of(site, draft))[1:], "UnknownVersion"


FAULTS: Final[tuple[Fault, ...]] = (
    _wrong_epoch,
    _wrong_deployment,
    _future,
    _pause_bits,
    _wrong_signers,
    _revoked_signer,
    _wrong_signature,
    _wrong_length,
    _wrong_order,
    _wrong_counts,
    _wrong_version,
)

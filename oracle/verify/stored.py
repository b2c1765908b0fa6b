"""Step 2: what a chain stored, against the report that it was given. Pure; the CLI asks chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from oracle.model.messages import Receipt
from oracle.model.validity import PRICED, Validity
from oracle.report.report import Leaf, Report
from oracle.report.word import GROUP_SIZE, PAUSE_MASK, VALIDITY_SHIFT, unpack_word
from oracle.verify.differences import in_entries
from oracle.verify.evidence import Epoch, Terms
from oracle.verify.findings import Differs, NothingToCheck, Unchecked
from oracle.verify.signed import decoded

_PRICE_MASK: Final = 2**32 - 1
_HOLD: Final = int(Validity.TOO_VOLATILE)


class Delivered(NamedTuple):
    """One transaction to a contract, as a chain tells it."""

    chain: str
    transaction: str
    block: int
    succeeded: bool
    body: bytes | None
    """The report in its calldata; None when it came through another contract."""
    slot: int | None
    """Of the contract's Updated event; None when it stored nothing."""
    updated: Mapping[int, bytes]
    """The words that the event says were stored, by group."""
    held: Mapping[int, bytes]
    """What `groupWord` says at that block, for each group of the report."""


def check_delivered(report: Report, body: bytes, told: Delivered, terms: Terms) -> str:
    """Check that a transaction carried this report, and that the contract stored what it says.

    Raises:
        Differs: at the first word that is another.
    """
    where = f"transaction {told.transaction} on {told.chain}"
    if not told.succeeded:
        raise NothingToCheck(f"{where} failed: it stored nothing")
    if told.body is not None:
        _check_carried(where, report, told.body, terms)
    if told.slot is not None and told.slot != report.slot:
        raise Differs(where, "slot of its event", report.slot, told.slot)
    leaves = {leaf.group: leaf for leaf in report.leaves}
    for group, word in told.updated.items():
        if group not in leaves:
            raise Differs(where, "groups stored", f"of the report's {sorted(leaves)}", group)
        _check_word(f"{where}, group {group}", leaves[group], word, terms)
    for group, word in told.held.items():
        at = f"{told.chain} at block {told.block}, group {group}"
        _check_held(at, leaves, told, group, word, terms)
    return _said(told, len(body))


def _said(told: Delivered, size: int) -> str:
    at = f"{told.chain}, block {told.block}: {told.transaction}"
    if not told.updated:
        return f"{at} stored nothing: the contract held these or newer words of its groups"
    groups = ", ".join(map(str, told.updated))
    return f"{at} stored groups {groups} as the report of {size} bytes has them"


def _check_carried(where: str, report: Report, carried: bytes, terms: Terms) -> None:
    sent = decoded(carried)
    for name in ("epoch", "slot", "inputs_root"):
        ours, theirs = getattr(report, name), getattr(sent, name)
        if ours != theirs:
            show = (ours.hex(), theirs.hex()) if isinstance(ours, bytes) else (ours, theirs)
            raise Differs(f"{where}, its calldata", name, *show)
    if sent.digest(terms.salt) != report.digest(terms.salt):
        ours, theirs = report.digest(terms.salt).hex(), sent.digest(terms.salt).hex()
        raise Differs(f"{where}, its calldata", "digest", ours, theirs)


def _check_word(where: str, leaf: Leaf, stored: bytes, terms: Terms) -> None:
    """Check a stored word by docs/report-format.md: it may be of a lower validity, never better."""
    signed_ms, signed = unpack_word(leaf.word)
    stored_ms, codes = unpack_word(stored)
    if signed_ms != stored_ms:
        raise Differs(where, "time_ms", signed_ms, stored_ms)
    for entry, (ours, theirs) in enumerate(zip(signed, codes, strict=True)):
        if not _may_store(ours, theirs):
            named = in_entries(ours, theirs)
            market = terms.market(GROUP_SIZE * leaf.group + entry)
            field, one, other = named if named is not None else ("entry", str(ours), str(theirs))
            raise Differs(f"{where}, {market}", field, one, other)


def _may_store(signed: int, stored: int) -> bool:
    if signed == stored:
        return True
    validity, held = signed >> VALIDITY_SHIFT, stored >> VALIDITY_SHIFT
    if validity not in PRICED:
        rest = stored & ~_PRICE_MASK & (1 << VALIDITY_SHIFT) - 1
        return held == validity and not rest  # the last price is kept
    if held == Validity.MISSING:  # a number that was bound after the report's epoch
        return not stored & ~_PRICE_MASK & (1 << VALIDITY_SHIFT) - 1
    same = (signed ^ stored) & (1 << VALIDITY_SHIFT) - 1 == 0
    return same and held == _HOLD  # a jump


def _check_held(
    where: str, leaves: Mapping[int, Leaf], told: Delivered, group: int, word: bytes, terms: Terms
) -> None:
    """Check the contract's storage after the transaction's block: this word, or a newer one."""
    held_ms, _ = unpack_word(word)
    signed_ms, _ = unpack_word(leaves[group].word)
    if group in told.updated:
        ours = _without_pauses(told.updated[group])
        if held_ms > signed_ms or ours == _without_pauses(word):
            return
        raise Differs(where, "stored word", "0x" + told.updated[group].hex(), "0x" + word.hex())
    if held_ms == signed_ms:
        return _check_word(where, leaves[group], word, terms)  # it came there before
    if held_ms < signed_ms:
        raise Differs(where, "time_ms", f"{signed_ms} or newer, as it did not store ours", held_ms)


def _without_pauses(word: bytes) -> int:
    return int.from_bytes(word, "big") & ~PAUSE_MASK


def check_epoch_on_chain(chain: str, known: Epoch, told: Epoch) -> str:
    """Check that a contract has the committee that signatures are held against.

    Raises:
        Differs: another one.
        NothingToCheck: nobody else tells.
    """
    ours, theirs = known.committee, told.committee
    if known.said_by == chain:
        raise NothingToCheck(
            f"the configuration is of another epoch: the committee of epoch {theirs.epoch} is "
            f"what {chain} says it was"
        )
    where = f"committee of epoch {ours.epoch} on {chain}"
    if ours.threshold != theirs.threshold:
        raise Differs(where, "threshold", f"{ours.threshold} ({known.said_by})", theirs.threshold)
    if ours.members != theirs.members:
        pairs = zip(ours.members, theirs.members, strict=False)
        at = next((n for n, (one, other) in enumerate(pairs) if one != other), len(theirs.members))
        one, other = (_member(members, at) for members in (ours.members, theirs.members))
        raise Differs(where, f"member {at}", f"{one} ({known.said_by})", other)
    return f"the committee of epoch {ours.epoch} on {chain} is the one that signed"


def _member(members: Sequence[bytes], at: int) -> str:
    return "0x" + members[at].hex() if at < len(members) else "none"


def check_receipts(receipts: Sequence[Receipt], told: Sequence[Delivered]) -> str:
    """Check that what relayers archived of transactions is what the chains say.

    Raises:
        Differs: at the first that is not.
        Unchecked: the chain has no such transaction.
    """
    by_hash = {one.transaction.lower(): one for one in told}
    agreed, unknown = 0, [one for one in receipts if one.transaction.lower() not in by_hash]
    for receipt in receipts:
        one = by_hash.get(receipt.transaction.lower())
        if one is None:
            continue
        where = f"archived receipt of {receipt.transaction}"
        facts = (
            ("accepted", receipt.accepted, one.succeeded),
            ("block", receipt.block, one.block),
            ("groups", tuple(sorted(receipt.groups)), tuple(sorted(one.updated))),
        )
        for field, archived, chain in facts:
            if archived != chain:
                raise Differs(where, field, f"{chain} (the chain's)", archived)
        agreed += 1
    accepted = next((one for one in unknown if one.accepted), None)
    if accepted is not None:
        raise Unchecked(
            f"{accepted.chain} has not told of {accepted.transaction}, which an archived receipt "
            "says was accepted: its endpoints do not answer or have forgotten it, or it never was"
        )
    if not agreed:
        raise NothingToCheck("no archived receipt is of these transactions")
    return f"{agreed} archived receipts say the same as the chain"

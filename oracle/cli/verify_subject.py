"""Which report `plumb verify` is asked for, and what is at hand to prove it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from oracle.archive.read import Archive
from oracle.cli.member import rules_of
from oracle.cli.stack import committee_of
from oracle.cli.verify_chain import Told, Wanted, ask
from oracle.config.load import config_hash
from oracle.config.root import Config
from oracle.model.errors import ConfigError, PlumblineError, Rejected
from oracle.model.messages import Receipt
from oracle.node.sharding import shard
from oracle.report.report import Report, decode
from oracle.verify.asked import newest
from oracle.verify.asked import time_of as time_in
from oracle.verify.evidence import Epoch, Source, Terms
from oracle.verify.guarded import guarded, tried
from oracle.verify.once import StoreOnce
from oracle.verify.replay import Progress
from oracle.verify.run import Subject

_MS: Final = re.compile(r"[0-9]{1,14}")
"""Unix ms of this millennium and the next."""
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_MOST_BYTES: Final = 2**20
"""Of a file with a report, or its hex: ten times the largest."""
_MOST_RECEIPTS: Final = 64
_LATE_NS: Final = 3_600 * 10**9
"""How long after a report's time its receipts are looked for, and around --at its digest."""


def subject_of(
    settings: Config,
    target: str | None,
    at: str | None,
    archives: Sequence[str],
    progress: Progress,
) -> Subject:
    """Find the report, and what there is of it.

    Raises:
        ConfigError: nothing is asked for, or there is no archive.
        Rejected: it is nowhere.
    """
    if target is None and at is None:
        raise ConfigError("say what to verify: REPORT, TX, or --market MARKET --at TIME")
    sources, terms = sources_of(settings, archives), terms_of(settings)
    told = Told()
    if target is not None and _HASH.fullmatch(target) and settings.chains:
        told = _asked(settings, terms, [(target, None)], None)
    body = _body(target, at, sources, terms, told)
    subject = Subject(body, sources, terms, progress=progress)
    if target is None:
        subject.at_ms = time_of(at or "") // 10**6
    elif _is_slot(target):
        subject.slot = int(target)
    return _with_chains(subject, settings, told)


def _with_chains(subject: Subject, settings: Config, found: Told) -> Subject:
    """Add what chains say of the report: of the transactions that the archive knows it went by."""
    subject.chains = len(settings.chains)
    try:
        report = decode(subject.body)
    except Rejected:
        return subject  # the first finding says so
    chains = {chain.name for chain in settings.chains}
    subject.receipts = [
        one
        for one in _receipts(subject.sources, report.slot, report.leaves[0].decoded().time_ms)
        if one.chain in chains
    ]
    wanted = [(one.transaction, one.chain) for one in subject.receipts if one.accepted]
    wanted += [(one.transaction, one.chain) for one in found.delivered]
    if settings.chains:
        told = _asked(settings, subject.terms, list(dict.fromkeys(wanted)), report.epoch)
        subject.delivered, subject.told = told.delivered, told.epochs
        subject.chains_silent = told.silent
        subject.terms = _with_epochs(subject.terms, [epoch for _, epoch in told.epochs])
    return subject


def _with_epochs(terms: Terms, told: Sequence[Epoch]) -> Terms:
    """Let chains say until when a configured epoch is valid, and who signed in another.

    Each chain ends an epoch when it is told to: a report is of its epoch as long as one takes it.
    """
    epochs = {epoch.committee.epoch: epoch for epoch in terms.epochs}
    for epoch in told:
        number = epoch.committee.epoch
        held = epochs.setdefault(number, epoch)
        if held is not epoch and held.committee == epoch.committee:
            until_s = [one.valid_until_s for one in (held, epoch) if one.valid_until_s is not None]
            epochs[number] = Epoch(
                held.committee, f"{held.said_by} and {epoch.said_by}", max(until_s, default=None),
                held.revoked | epoch.revoked,
            )  # fmt: skip
    return terms._replace(epochs=tuple(epochs.values()))


def _asked(
    settings: Config, terms: Terms, wanted: Sequence[tuple[str, str | None]], epoch: int | None
) -> Told:
    return ask(settings.chains, terms.salt, [Wanted(*one) for one in wanted], epoch)


def _body(
    target: str | None, at: str | None, sources: Sequence[Source], terms: Terms, told: Told
) -> bytes:
    """Return the bytes of the report that is asked for."""
    if target is None:
        time_ns = time_of(at or "")
        return _best(
            sources, terms, lambda one: one.evidence.report_at(time_ns).body,
            lambda report: time_in(report) * 10**6 <= time_ns,
        )  # fmt: skip
    if _is_slot(target):
        return _of_slot(sources, terms, int(target))
    if told.delivered:
        carried = told.delivered[0].body
        slot = told.delivered[0].slot
        if carried is not None:
            return carried
        if slot is not None:
            return _of_slot(sources, terms, slot)
        raise Rejected(f"transaction {target} is no update of the contract, and stored nothing")
    if _HASH.fullmatch(target):
        return _by_digest(bytes.fromhex(target[2:]), at, sources, terms, told)
    return _from_file(target)


def _from_file(target: str) -> bytes:
    """Return the report that a file has, as bytes or hex; or that the argument itself spells."""
    data = target.encode()
    try:
        if not target.startswith("0x"):
            with Path(target).open("rb") as file:
                data = file.read(_MOST_BYTES)
    except OSError as error:
        raise ConfigError(
            f"{target!r} is no slot, no hash of 32 bytes (0x…), and no file that can be read "
            f"({error.strerror})"
        ) from error
    text = data.strip().removeprefix(b"0x")
    if data[:1] != b"\x01" and re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", text):
        return bytes.fromhex(text.decode())
    return data


def _by_digest(
    digest: bytes, at: str | None, sources: Sequence[Source], terms: Terms, told: Told
) -> bytes:
    end_ns = time_of(at) + _LATE_NS if at else time.time_ns()
    for source in sources:
        held = tried(partial(source.evidence.reports_between, end_ns - 2 * _LATE_NS, end_ns))
        for report in () if isinstance(held, PlumblineError) else reversed(held):
            if tried(partial(_digest, report.body, terms.salt)) == digest:
                return report.body
    chains = "; ".join(told.silent) or "no configured chain has such a transaction"
    raise Rejected(
        f"0x{digest.hex()}: {chains}, and no archive has a report with that digest in the two "
        "hours before now: if it is older, give --at TIME, within an hour of it"
    )


def _digest(body: bytes, salt: bytes) -> bytes:
    return decode(body).digest(salt)


def _receipts(sources: Sequence[Source], slot: int, time_ms: int) -> list[Receipt]:
    """Return what relayers archived of a report; of each archive no more than chains are asked."""
    found: dict[str, Receipt] = {}
    begin_ns = time_ms * 10**6
    for source in sources:
        held = tried(partial(source.evidence.receipts_between, begin_ns, begin_ns + _LATE_NS))
        if isinstance(held, PlumblineError):
            continue  # another archive may have them; the report's own checks say what is damaged
        ours = (one for one in held if one.slot == slot and _HASH.fullmatch(one.transaction))
        for receipt in islice(ours, _MOST_RECEIPTS):
            found.setdefault(receipt.transaction, receipt)
    return list(found.values())


def _of_slot(sources: Sequence[Source], terms: Terms, slot: int) -> bytes:
    return _best(
        sources, terms, lambda one: one.evidence.report_of(slot).body,
        lambda report: report.slot == slot,
    )  # fmt: skip


def _best(
    sources: Sequence[Source],
    terms: Terms,
    read: Callable[[Source], bytes],
    fits: Callable[[Report], bool],
) -> bytes:
    """Return the newest of what archives say that its committee signed, else what the first says.

    Raises:
        PlumblineError: none has it, with why the first has not.
    """
    if not sources:
        raise ConfigError("no archive: give --archive FOLDER_OR_URL, or 'archive' in the config")
    said = [tried(partial(read, source)) for source in sources]
    body = newest((one for one in said if not isinstance(one, PlumblineError)), terms, fits)
    if body is None:
        raise next(one for one in said if isinstance(one, PlumblineError))
    return body


def _is_slot(target: str) -> bool:
    return _MS.fullmatch(target) is not None


def sources_of(settings: Config, archives: Sequence[str]) -> list[Source]:
    """Open the archives that are named, or else the configuration's."""
    urls = list(archives) or ([settings.archive.url] if settings.archive else [])
    return [guarded(Source(url, Archive(StoreOnce(url)))) for url in urls]


def terms_of(settings: Config) -> Terms:
    """Return what the configuration says.

    Raises:
        ConfigError: it names no deployment or committee.
    """
    committee, section = committee_of(settings), settings.committee
    if section is None:
        raise ConfigError("verifying needs the section 'committee'")
    shards = settings.engine.shards
    return Terms(
        committee.salt,
        (Epoch(committee, "the configuration"),),
        rules_of(settings, section, committee),
        tuple(shard(settings.markets, number, shards) for number in range(shards)),
        {name: market.number for name, market in settings.markets.items()},
        config_hash(settings),
        # Who only verifies need not name the peers of a committee.
        shared_view=not section.peers and (section.shared_view or section.threshold == 1),
    )


def time_of(text: str) -> int:
    """Return a time in unix ns, from ISO 8601 or unix ms.

    Raises:
        ConfigError: it is neither.
    """
    if _MS.fullmatch(text):
        return int(text) * 10**6
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"--at {text!r} is no time: write 2026-11-23T12:00:00.250Z, or unix ms"
        ) from error
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000) * 10**6

"""What is at hand for `plumb verify` to prove a report with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Final

from oracle.archive.read import Archive
from oracle.cli.member import rules_of
from oracle.cli.stack import committee_of
from oracle.cli.verify_chain import Told, Wanted, ask
from oracle.cli.verify_target import HASH, body_of, is_slot, time_of
from oracle.config.load import config_hash
from oracle.config.root import Config
from oracle.model.errors import ConfigError, PlumblineError, Rejected
from oracle.model.messages import Receipt
from oracle.node.sharding import shard
from oracle.report.report import decode
from oracle.verify.evidence import Epoch, Source, Terms
from oracle.verify.guarded import guarded, tried
from oracle.verify.once import StoreOnce
from oracle.verify.replay import Progress
from oracle.verify.run import Subject

_MOST_RECEIPTS: Final = 64
_LATE_NS: Final = 3_600 * 10**9
"""How long after a report's time its receipts are looked for."""


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
    if target is not None and HASH.fullmatch(target) and settings.chains:
        told = _asked(settings, terms, [(target, None)], None)
    body = body_of(target, at, sources, terms, told)
    subject = Subject(body, sources, terms, progress=progress)
    if target is None:
        subject.at_ms = time_of(at or "") // 10**6
    elif is_slot(target):
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


def _receipts(sources: Sequence[Source], slot: int, time_ms: int) -> list[Receipt]:
    """Return what relayers archived of a report; of each archive no more than chains are asked."""
    found: dict[str, Receipt] = {}
    begin_ns = time_ms * 10**6
    for source in sources:
        held = tried(partial(source.evidence.receipts_between, begin_ns, begin_ns + _LATE_NS))
        if isinstance(held, PlumblineError):
            continue  # another archive may have them; the report's own checks say what is damaged
        ours = (one for one in held if one.slot == slot and HASH.fullmatch(one.transaction))
        for receipt in islice(ours, _MOST_RECEIPTS):
            found.setdefault(receipt.transaction, receipt)
    return list(found.values())


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

"""One member of a committee, from its configuration to the loop that runs it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from oracle.bus.interface import Bus
from oracle.cli.supervise import Service
from oracle.committee.evidence.file import EvidenceFile
from oracle.committee.journal import SigningJournal
from oracle.committee.metrics import CommitteeMetrics
from oracle.committee.peering.transport import Peer
from oracle.committee.rounds.rules import AcceptedConfig, Rules
from oracle.committee.running.node import Files, Node, Seat
from oracle.config.committee import CommitteeConfig
from oracle.config.load import config_hash
from oracle.config.root import Config
from oracle.keys.signer import Signer
from oracle.model.errors import ConfigError
from oracle.report.committee import Committee

JOURNAL: Final = "signed.json"
EVIDENCE: Final = "evidence.bin"
NEWEST: Final = "newest-report.bin"


def rules_of(config: Config, section: CommitteeConfig, committee: Committee) -> Rules:
    """Return what this member agrees on with the others."""
    accepted = [AcceptedConfig(config_hash(config))]
    if section.next is not None:
        begins_ms = _unix_ms(section.next.activates_at)
        accepted.append(AcceptedConfig(_digest(section.next.hash), from_ms=begins_ms))
    if section.previous is not None:
        ends_ms = _unix_ms(section.previous.until)
        accepted.append(AcceptedConfig(_digest(section.previous.hash), until_ms=ends_ms))
    return Rules(
        committee,
        tuple(accepted),
        section.slot // 10**6,
        section.view_ns // 10**6,
        max_offset_ms=section.max_clock_offset // 10**6,
        sanity_bps=section.sanity,
    )


def member_service(
    config: Config,
    committee: Committee,
    signer: Signer,
    bus: Bus,
    state: Path,
    registry: CollectorRegistry,
    now_ns: Callable[[], int],
) -> Service:
    """Return the loop of the member whose key `signer` is.

    Raises:
        ConfigError: the rules are unsafe, or a peer is missing.
    """
    section = config.committee
    if section is None:
        raise ConfigError("a member needs the section 'committee'")
    rules, metrics = rules_of(config, section, committee), CommitteeMetrics(registry)
    rules.check()
    host, _, port = section.listen.rpartition(":")
    seat = Seat(signer, host.strip("[]"), int(port), _peers(section, committee, signer.address))
    markets = {name: market.number for name, market in config.markets.items()}

    async def run() -> None:
        journal = SigningJournal(state / JOURNAL)
        evidence = EvidenceFile(state / EVIDENCE)
        try:
            files = Files(journal, evidence, state / NEWEST)
            await Node(
                bus, rules, seat, files, markets, metrics, now_ns, config.engine.shards
            ).run()
        finally:
            journal.close()
            evidence.close()

    return run


def _peers(section: CommitteeConfig, committee: Committee, own: bytes) -> list[Peer]:
    made = []
    for number, address in enumerate(committee.members):
        url = section.peers.get("0x" + address.hex())
        if address != own and url is None:
            raise ConfigError(
                f"committee.peers lacks 0x{address.hex()}, and the key of this process is "
                f"0x{own.hex()}: give every other member's url"
            )
        if address != own and url is not None:
            made.append(Peer(number, address, url))
    return made


def _digest(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _unix_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

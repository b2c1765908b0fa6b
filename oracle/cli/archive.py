"""The archiver of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from oracle.bus.interface import Bus
from oracle.cli.supervise import Service
from oracle.config.deployment import ArchiveConfig
from oracle.config.root import Config
from oracle.model.errors import ConfigError

if TYPE_CHECKING:
    from oracle.api.past import Past
    from oracle.api.proofs import Lending


def archive_service(config: Config, bus: Bus, registry: CollectorRegistry) -> Service:
    """Return the loop that writes the archive.

    Raises:
        ConfigError: none is configured, or its store cannot be used.
    """
    from oracle.archive.archiver import Archiver, Roll
    from oracle.archive.metrics import ArchiveMetrics
    from oracle.archive.store import Store

    section = archive_section(config)
    roll = Roll(section.roll_rows, section.roll_bytes, section.roll_age / 1e9)
    return Archiver(
        bus,
        Store(section.url),
        ArchiveMetrics(registry),
        roll,
        snapshot_every_ns=section.snapshot_every,
    ).run


def archived_past(config: Config) -> Past | None:
    """Return what the API reads of the past; None where no archive is configured.

    Raises:
        ConfigError: its store cannot be used.
    """
    from oracle.api.past import Past
    from oracle.archive.history import History
    from oracle.archive.store import Store

    return None if config.archive is None else Past(History(Store(config.archive.url)))


def archived_for_others(config: Config, registry: CollectorRegistry) -> Lending | None:
    """Return what the API gives others of the archive; None where it is not to be served.

    Raises:
        ConfigError: its store cannot be used.
    """
    from oracle.api.proofs import Lending
    from oracle.archive.served import ServedArchive
    from oracle.archive.store import Store

    section = config.archive
    if section is None or not section.serve_for:
        return None
    served = ServedArchive(Store(section.url), section.serve_for)
    return Lending(served, section.serve_rate, registry)


def archive_section(config: Config) -> ArchiveConfig:
    """Return where the archive is.

    Raises:
        ConfigError: the configuration does not say.
    """
    if config.archive is None:
        raise ConfigError(
            "no archive is configured: add 'archive: {url: archive}' with a folder or the URL of "
            "a store"
        )
    return config.archive

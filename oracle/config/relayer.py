"""How relayers share their chains, and what is watched on all of them."""

from __future__ import annotations

from pydantic import Field

from oracle.config.base import Section
from oracle.config.units import PositiveNs


class RelayerConfig(Section):
    """What holds for all chains of a relayer."""

    give_way: PositiveNs = 30 * 10**9
    """Pushes to a chain have failed or hung for so long: another relayer may have it."""
    sit_out: PositiveNs = 60 * 10**9
    """Who gave way takes the chain back after so long at the earliest; longer each time."""
    watch: PositiveNs = 5 * 10**9
    """How often the watchdog reads what each chain holds."""
    overdue: float = Field(default=3.0, gt=1)
    """Alarm after so many heartbeats without an accepted update."""
    silence: PositiveNs = 30 * 10**9
    """Alarm after so long without a report."""
    runway: PositiveNs = 7 * 86400 * 10**9
    """Alarm when a wallet lasts no longer than this."""

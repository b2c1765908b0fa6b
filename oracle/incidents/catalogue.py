"""All incidents, in the order of their dates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from oracle.incidents.scenario import Scenario
from oracle.incidents.scenarios import (
    black_thursday_2020,
    capo_2026,
    compound_dai_2020,
    gmx_avax_2022,
    jelly_2025,
    luna_2022,
    mango_2022,
    moonwell_2025,
    moonwell_2026,
    pyth_btc_2021,
    skrw_2019,
    usde_2025,
    xpl_2025,
    yfi_2023,
)

SCENARIOS: Final[Mapping[str, Scenario]] = {
    each.SCENARIO.id: each.SCENARIO
    for each in (
        skrw_2019,
        black_thursday_2020,
        compound_dai_2020,
        pyth_btc_2021,
        luna_2022,
        gmx_avax_2022,
        mango_2022,
        yfi_2023,
        jelly_2025,
        xpl_2025,
        usde_2025,
        moonwell_2025,
        moonwell_2026,
        capo_2026,
    )
}

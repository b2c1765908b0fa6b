"""`plumb whatif` on the real contracts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deploy.sandbox.chains.perp import DEFAULTS
from oracle.cli.whatif.plot import write_plots
from oracle.cli.whatif.run import OLD, PROPOSED, prepare, run
from oracle.cli.whatif.tape import Frame, Tape
from oracle.model.fixed import px_half_even
from oracle.model.validity import Validity
from oracle.report.word import Entry
from oracle.risk.parameters import Parameters

pytestmark = pytest.mark.evm
START_MS = 1_760_000_000_000
STEP_MS = 10_000
PATH = (3000, 3000, 2940, 2880, 2820, 2700, 2400, 2400)


def entry(price: float) -> Entry:
    """A good mark without premium."""
    return Entry(Validity.VALID, px_half_even(price), 10_000, 0)


async def test_higher_maintenance_liquidates_more_accounts_on_one_crash(tmp_path: Path) -> None:
    """Same accounts, same marks, two sets of parameters: the figures differ as they must."""
    frames = [Frame(START_MS + STEP_MS * n, {"ETH-USD": entry(p)}) for n, p in enumerate(PATH)]
    proposed = Parameters.parse(
        {"markets": {"ETH-USD": {"maintenance_0_bps": 400, "maintenance_1_bps": 900}}}, "it"
    )
    setting = prepare(
        Parameters.load(DEFAULTS),
        proposed,
        Tape("a crash", tuple(frames)),
        {},
        accounts=6,
        longs=1.0,
        seed=3,
        pool_usd=20_000_000,
        insurance_usd=1_000,
    )
    heard: list[tuple[str, int]] = []
    tried = await run(setting, lambda name, at: heard.append((name, at)))

    old, new = tried.outcomes[OLD], tried.outcomes[PROPOSED]
    assert heard == [(name, at) for name in (OLD, PROPOSED) for at in range(len(PATH))]
    assert old.opened == new.opened == 6
    assert old.accounts_liquidated >= 1
    assert new.liquidations > old.liquidations
    assert new.penalties > old.penalties > old.keeper_rewards > 0
    for made in (old, new):
        borne = made.bad_debt_by_reserve + made.bad_debt_by_insurance + made.bad_debt_by_pool
        assert made.bad_debt == pytest.approx(borne + made.bad_debt_unborne)
        assert made.pool_after > made.pool_before  # the crowd was long, and lost to it

    digest = tried.write(tmp_path / "report.json")
    assert digest == f"sha256:{hashlib.sha256((tmp_path / 'report.json').read_bytes()).hexdigest()}"
    (drawn,) = write_plots(tried, tmp_path)
    assert "accounts below maintenance margin" in drawn.read_text()

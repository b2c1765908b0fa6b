"""What `plumb whatif` shows the contracts, and who trades."""

from __future__ import annotations

from itertools import pairwise

import pytest

from deploy.sandbox.chains.perp import DEFAULTS
from oracle.cli.whatif.crowd import draw
from oracle.cli.whatif.run import OLD, PROPOSED, prepare
from oracle.cli.whatif.tape import Frame, Tape, of_incident
from oracle.incidents.catalogue import SCENARIOS
from oracle.model.errors import ConfigError
from oracle.model.fixed import px_exact
from oracle.model.validity import PRICED, Validity
from oracle.report.word import Entry
from oracle.risk.parameters import Parameters

LISTED = Parameters.load(DEFAULTS)
HALTED = Entry(Validity.HALTED)
GOOD = Entry(Validity.VALID, px_exact("3000"))
SOME = {"accounts": 4, "longs": 0.5, "seed": 1, "pool_usd": 10**6, "insurance_usd": 0}


def tape(*entries: Entry) -> Tape:
    """Frames of one market X, a second apart."""
    return Tape(
        "made up",
        tuple(Frame(1_700_000_000_000 + 1000 * at, {"X": one}) for at, one in enumerate(entries)),
    )


def test_a_tape_begins_where_positions_can_open() -> None:
    """Frames before the first with a good price of every market are left out."""
    assert tape(HALTED, GOOD, HALTED).cut_to(["X"]).frames == tape(HALTED, GOOD, HALTED).frames[1:]


def test_a_tape_without_a_good_price_is_refused() -> None:
    """Nothing could open: said, rather than an empty table."""
    with pytest.raises(ConfigError, match="made up: X are never VALID at once"):
        tape(HALTED, HALTED).cut_to(["X"])


def test_an_incident_becomes_frames_of_what_was_published() -> None:
    """Frames are as far apart as asked, and carry a price exactly where one was published."""
    frames = of_incident(SCENARIOS["mango-2022-10-11"], 1, 10_000).frames
    assert {b.time_ms - a.time_ms for a, b in pairwise(frames)} == {10_000}
    entries = [frame.entries["MNGO-USD"] for frame in frames]
    assert {entry.validity for entry in entries} >= {Validity.VALID, Validity.HALTED}
    assert all((entry.price is None) == (entry.validity not in PRICED) for entry in entries)


def test_the_crowd_is_the_same_for_a_seed_and_within_its_leverage() -> None:
    """Accounts are drawn from the seed; none starts below the initial margin of the old rules."""
    crowd = draw(LISTED, ["ETH-USD"], 50, 0.6, 7)
    assert crowd == draw(LISTED, ["ETH-USD"], 50, 0.6, 7) != draw(LISTED, ["ETH-USD"], 50, 0.6, 8)
    assert sum(trader.long for trader in crowd) == 30
    assert 1 < max(trader.leverage for trader in crowd) < 20
    assert len({trader.notional_usd for trader in crowd}) > 30


def test_markets_that_are_not_listed_get_the_parameters_they_are_likened_to() -> None:
    """Old and proposed parameters are of the tape's market, by the listed market's numbers."""
    proposed = Parameters.parse({"markets": {"ETH-USD": {"maintenance_0_bps": 300}}}, "it")
    made = prepare(LISTED, proposed, tape(GOOD), {"X": "ETH-USD"}, **SOME)
    shares = {
        name: given.markets["X"]["maintenance_0_bps"] for name, given in made.parameters.items()
    }
    assert shares == {OLD: 250, PROPOSED: 300}
    assert {trader.market for trader in made.crowd} == {"X"}


def test_a_tape_of_unknown_markets_says_what_there_is() -> None:
    """Both sides are named, and what to do."""
    with pytest.raises(ConfigError, match="the tape has X, the parameters BTC-USD, ETH-USD"):
        prepare(LISTED, None, tape(GOOD), {}, **SOME)

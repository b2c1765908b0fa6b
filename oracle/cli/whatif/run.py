"""Old and proposed parameters over the same tape, and the report of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from oracle.cli.whatif.crowd import Trader, draw
from oracle.cli.whatif.lab import POOL, Lab, Sight, lab
from oracle.cli.whatif.outcome import Outcome, read
from oracle.cli.whatif.tape import Tape
from oracle.model.errors import ConfigError
from oracle.risk.parameters import Parameters

OLD, PROPOSED = "old", "proposed"


@dataclass(frozen=True)
class Setting:
    """What is tried, and on whom."""

    parameters: Mapping[str, Parameters]
    """Old ones, and proposed ones if there are any."""
    tape: Tape
    crowd: tuple[Trader, ...]
    pool_usd: int
    insurance_usd: int


@dataclass(frozen=True)
class Tried:
    """What became of it under each of the parameters."""

    setting: Setting
    outcomes: Mapping[str, Outcome]
    sights: Mapping[str, tuple[Sight, ...]]

    def report(self) -> dict[str, Any]:
        """Return everything that is needed to do it again, and what came out."""
        setting = self.setting
        return {
            "tape": setting.tape.title,
            "frames": len(setting.tape.frames),
            "from_ms": setting.tape.frames[0].time_ms,
            "to_ms": setting.tape.frames[-1].time_ms,
            "pool_usd": setting.pool_usd,
            "insurance_usd": setting.insurance_usd,
            "accounts": [trader._asdict() for trader in setting.crowd],
            "parameters": {name: given._asdict() for name, given in setting.parameters.items()},
            "outcomes": {name: made.as_data() for name, made in self.outcomes.items()},
        }

    def write(self, path: Path) -> str:
        """Write the report; return the digest by which a proposal links to it."""
        text = json.dumps(self.report(), indent=1, sort_keys=True)
        path.write_text(text + "\n")
        return f"sha256:{hashlib.sha256((text + chr(10)).encode()).hexdigest()}"


def prepare(
    old: Parameters,
    proposed: Parameters | None,
    tape: Tape,
    like: Mapping[str, str],
    *,
    accounts: int,
    longs: float,
    seed: int,
    pool_usd: int,
    insurance_usd: int,
) -> Setting:
    """Choose the markets that both the tape and the parameters have, and draw the crowd.

    `like` names, for markets of the tape, the listed market whose parameters they get.

    Raises:
        ConfigError: no market is in both.
    """
    recorded = tape.frames[0].entries
    chosen = {
        name: like.get(name, name) for name in recorded if like.get(name, name) in old.markets
    }
    if not chosen:
        raise ConfigError(
            f"the tape has {', '.join(recorded)}, the parameters {', '.join(old.markets)}: none in "
            "common; give --like MARKET=LISTED"
        )
    kept = {OLD: _only(old, chosen)}
    if proposed is not None:
        kept[PROPOSED] = _only(proposed.over(old), chosen)
    crowd = draw(kept[OLD], list(chosen), accounts, longs, seed)
    cut = tape.cut_to(list(chosen))
    return Setting(kept, cut, tuple(crowd), pool_usd, insurance_usd)


async def run(setting: Setting, tell: Callable[[str, int], None]) -> Tried:
    """Try each of the parameters on a node of its own; `tell` hears of every frame."""
    outcomes, sights = {}, {}
    for name, parameters in setting.parameters.items():
        async with lab(
            parameters,
            setting.tape,
            pool_usd=setting.pool_usd,
            insurance_usd=setting.insurance_usd,
        ) as made:
            outcomes[name] = await _one(made, setting, partial(tell, name))
            sights[name] = tuple(made.sights)
    return Tried(setting, outcomes, sights)


async def _one(made: Lab, setting: Setting, tell: Callable[[int], None]) -> Outcome:
    before = (await made.rows())[POOL]
    await made.open(setting.crowd, setting.tape.frames[0])
    await made.play(setting.tape, tell)
    return await read(made, before)


def _only(parameters: Parameters, chosen: Mapping[str, str]) -> Parameters:
    markets = {name: parameters.markets[listed] for name, listed in chosen.items()}
    return Parameters(parameters.common, markets, {})

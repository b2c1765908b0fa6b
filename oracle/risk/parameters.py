"""Risk parameters as a file: what a deployment lists, and what `plumb whatif` compares.

    global: {order_expiry_s: 300, ...}
    markets: {BTC-USD: {initial_0_bps: 400, ...}}
    collaterals: {ETH: {index_market: ETH-USD, twap_market: ETH-USD.twap, haircut_0_bps: 1000, ...}}

Names are those of `layout`; `allowed_*` are lists of actions. A file may say less than everything:
`over` puts it on top of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import yaml

from oracle.model.errors import ConfigError
from oracle.risk.layout import FIELDS, LAPSES, Scope

ACTIONS: Final = ("open", "reduce", "liquidate", "fund", "settle", "withdraw")
"""Bit by bit, as `Action` in `Fields.sol`."""

STATES: Final = {"unlisted": 0, "reduce_only": 1, "listed": 2}
_SECTIONS: Final = {
    "global": Scope.GLOBAL,
    "markets": Scope.MARKET,
    "collaterals": Scope.COLLATERAL,
}
Values = dict[str, int | str]


class Change(NamedTuple):
    """As `IRiskParameters.Change`."""

    scope: int
    id: int
    field: int
    value: int


class Parameters(NamedTuple):
    """What a file says: by field's name, markets still by their own names."""

    common: Values
    markets: dict[str, Values]
    collaterals: dict[str, Values]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ConfigError: it cannot be read, or says what no parameter is.
        """
        try:
            given = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"cannot read risk parameters from {path}: {error}") from error
        return cls.parse(given, str(path))

    @classmethod
    def parse(cls, given: object, where: str) -> Self:
        """Check what a file says; `where` names it in errors.

        Raises:
            ConfigError: it says what no parameter is.
        """
        sections = _mapping(given, where)
        unknown = sections.keys() - _SECTIONS.keys()
        if unknown:
            raise ConfigError(
                f"{where}: unknown section {', '.join(sorted(map(str, unknown)))}; "
                f"there are {', '.join(_SECTIONS)}"
            )
        common = _values(Scope.GLOBAL, sections.get("global", {}), f"{where}: global")
        named = {
            section: {
                str(name): _values(_SECTIONS[section], values, f"{where}: {section}: {name}")
                for name, values in _mapping(sections.get(section, {}), where).items()
            }
            for section in ("markets", "collaterals")
        }
        return cls(common, named["markets"], named["collaterals"])

    def require_complete(self, where: str) -> None:
        """Check that no parameter is left out.

        Raises:
            ConfigError: some are; they are named.
        """
        for scope, named in (
            (Scope.GLOBAL, {"global": self.common}),
            (Scope.MARKET, self.markets),
            (Scope.COLLATERAL, self.collaterals),
        ):
            settable = [name for name in FIELDS[scope] if not name.endswith(LAPSES)]
            for name, values in named.items():
                missing = [each for each in settable if each not in values]
                if missing:
                    raise ConfigError(f"{where}: {name} does not say {', '.join(missing)}")

    def over(self, below: Parameters) -> Parameters:
        """Put these on top of others.

        Raises:
            ConfigError: they speak of a market or collateral that is not below.
        """
        for mine, theirs, kind in (
            (self.markets, below.markets, "market"),
            (self.collaterals, below.collaterals, "collateral"),
        ):
            for name in mine.keys() - theirs.keys():
                raise ConfigError(f"there is no {kind} {name}; there are {', '.join(theirs)}")
        return Parameters(
            {**below.common, **self.common},
            {name: {**low, **self.markets.get(name, {})} for name, low in below.markets.items()},
            {
                name: {**low, **self.collaterals.get(name, {})}
                for name, low in below.collaterals.items()
            },
        )

    def changes(
        self, scope: Scope, name: str, number: int, market_number: Callable[[str], int]
    ) -> list[Change]:
        """Return the calls' arguments that list a market, a collateral, or what is common."""
        chosen = {
            Scope.GLOBAL: {"": self.common},
            Scope.MARKET: self.markets,
            Scope.COLLATERAL: self.collaterals,
        }[scope][name]
        return [
            Change(
                scope,
                number,
                FIELDS[scope][field].code,
                market_number(value) if isinstance(value, str) else value,
            )
            for field, value in chosen.items()
        ]


def _values(scope: Scope, given: object, where: str) -> Values:
    fields = {name: at for name, at in FIELDS[scope].items() if not name.endswith(LAPSES)}
    values: Values = {}
    for name, value in _mapping(given, where).items():
        if name not in fields:
            raise ConfigError(f"{where}: no parameter {name}; there are {', '.join(fields)}")
        values[name] = _value(name, value, f"{where}: {name}")
        most = (1 << fields[name].width) - 1
        checked = values[name]
        if isinstance(checked, int) and not 0 <= checked <= most:
            raise ConfigError(f"{where}: {name} is {checked}; it must be from 0 to {most}")
    return values


def _value(name: str, value: Any, where: str) -> int | str:
    if name.startswith("allowed_"):
        return _actions(value, where)
    if name in ("index_market", "twap_market") and isinstance(value, str):
        return value
    if name in ("market_state", "collateral_state") and isinstance(value, str):
        if value not in STATES:
            raise ConfigError(f"{where} is {value!r}; it must be one of {', '.join(STATES)}")
        return STATES[value]
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{where} is {value!r}; it must be a whole number")
    return value


def _actions(value: Any, where: str) -> int:
    if not isinstance(value, list) or any(action not in ACTIONS for action in value):
        raise ConfigError(f"{where} is {value!r}; it must be a list of {', '.join(ACTIONS)}")
    return sum(1 << ACTIONS.index(action) for action in dict.fromkeys(value))


def _mapping(given: object, where: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where} is {given!r}; it must be a mapping")
    return given

"""Read a configuration file, and say in one line what is wrong with it."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from oracle.config.base import Section, sections_in
from oracle.config.root import Config
from oracle.model.errors import ConfigError

MEMBERS_OWN: Final = {
    "keys", "peers", "listen", "sanity", "max_clock_offset", "next", "previous",
}  # fmt: skip
"""Keys of the committee's section that members may have each in their own way."""

_SECRET: Final = re.compile(r"[0-9a-fA-F]{64}|[0-9]{70}")
"""A key in hex, or as the number that YAML reads of hex without quotes."""

S = TypeVar("S", bound=Section)


class Mistakes(ConfigError):
    """What is wrong with a configuration: each mistake with its place, in one line."""

    def __init__(self, name: str, mistakes: list[str]) -> None:
        more = f" (and {len(mistakes) - 1} more: plumb config check)" if len(mistakes) > 1 else ""
        super().__init__(f"{name}: {mistakes[0]}{more}")
        self.mistakes = mistakes


def load(path: Path) -> Config:
    """Read and check a YAML configuration. Paths in it are taken relative to its folder.

    Raises:
        ConfigError: unreadable, not YAML, an unknown key or unit, or values that cannot be.
    """
    return _resolve(parse(read_mapping(path, "markets"), str(path)), path.parent)


def read_mapping(path: Path, needs: str) -> dict[str, Any]:
    """Read a YAML file that is a mapping; `needs` is a key that it has in any case.

    Raises:
        ConfigError: unreadable, not YAML, or no mapping.
    """
    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must be a mapping with at least a {needs!r} section")
    return data


def parse(data: dict[str, Any], name: str = "configuration") -> Config:
    """Check a configuration given as plain data.

    Raises:
        ConfigError: with the place, what was given and what is allowed.
    """
    return validated(Config, data, name)


def validated(model: type[S], data: dict[str, Any], name: str) -> S:
    """Check plain data by the model of a whole file.

    Raises:
        ConfigError: with the place, what was given and what is allowed.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        mistakes = [_explain(model, detail) for detail in error.errors()]
        raise Mistakes(name, mistakes) from error


def config_hash(config: Config) -> bytes:
    """Return the SHA-256 of what decides prices and signatures, whatever host it runs on.

    Markets, engine, what the committee agrees on, and what pools are read and how.
    """
    part = config.model_dump(
        mode="json",
        include={"version": True, "markets": True, "engine": True, "committee": True},
        exclude={"committee": MEMBERS_OWN},
    )
    pools = [feed for feed in config.feeds if feed.kind == "uniswap3"]
    part["pools"] = [
        pool.model_dump(mode="json", include={"chain_id", "pools", "max_twap_deviation"})
        for pool in pools
    ]
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).digest()


def _resolve(config: Config, folder: Path) -> Config:
    keys = [chain.key for chain in config.chains]
    keys += config.committee.keys if config.committee else []
    keys += [keeper.key for keeper in config.keepers]
    for key in keys:
        key.place_in(folder)
    for keeper in config.keepers:
        if keeper.webhook is not None:
            keeper.webhook.place_in(folder)
    if config.bus.kind == "kafka":
        config.bus.security = config.bus.security.model_copy()  # the default is everybody's
        config.bus.security.place_in(folder)
    for feed in config.feeds:
        if feed.kind == "replay":
            feed.files = [folder / file for file in feed.files]
    if config.archive is not None and "://" not in config.archive.url:
        config.archive.url = str((folder / config.archive.url).absolute())
    return config


def _explain(model: type[Section], detail: ErrorDetails) -> str:
    place = ".".join(str(step) for step in detail["loc"]) or "the file"
    if detail["type"] == "extra_forbidden":
        text = f"unknown key; {_allowed(model, detail['loc'])}"
    elif detail["type"] == "missing":
        text = "this key is required"
    else:
        text = detail["msg"].removeprefix("Value error, ") + _given(detail["input"])
    return f"{place}: {text}"


def _given(value: Any) -> str:
    if isinstance(value, dict | list):
        return ""
    shown = repr(value)
    return " (given what may be a key: not shown)" if _SECRET.search(shown) else f" (given {shown})"


def _allowed(model: type[Section], location: tuple[int | str, ...]) -> str:
    """Name the keys that the section at `location` takes, and the one that may be meant."""
    section = _section_at(model, [step for step in location[:-1] if isinstance(step, str)])
    known, given = sorted(section.model_fields), str(location[-1])
    inside = dict(_keys_inside(section))
    near = difflib.get_close_matches(given, known, 1)
    if given in inside:
        near = [inside[given]]
    elif not near:
        near = [inside[key] for key in difflib.get_close_matches(given, inside, 1)]
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}allowed: {', '.join(known)}"


def _section_at(section: type[Section], steps: list[str]) -> type[Section]:
    """Return the section at the end of `steps`; names of markets and kinds are steps too."""
    for depth, step in enumerate(steps):
        field = section.model_fields.get(step)
        held = sections_in(field.annotation) if field else []
        if held:
            left = steps[depth + 1 :]
            chosen = [inner for inner in held if left and left[0] in _kinds(inner)]
            return _section_at((chosen or held)[0], left)
    return section


def _kinds(section: type[Section]) -> tuple[Any, ...]:
    """Return what tells a section from the others of its union."""
    kind = section.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()


def _keys_inside(section: type[Section], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every key of the sections inside with its path, the first of a name last."""
    for key, field in reversed(section.model_fields.items()):
        for inner in sections_in(field.annotation):
            yield from _keys_inside(inner, f"{path}{key}.")
        if path:
            yield key, f"{path}{key}"

"""Read a configuration file, and say in one line what is wrong with it."""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from oracle.config.root import Config
from oracle.model.errors import ConfigError


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
    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must be a mapping with at least a 'markets' section")
    return _resolve(parse(data, str(path)), path.parent)


def parse(data: dict[str, Any], name: str = "configuration") -> Config:
    """Check a configuration given as plain data.

    Raises:
        ConfigError: with the place, what was given and what is allowed.
    """
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        mistakes = [_explain(detail) for detail in error.errors()]
        raise Mistakes(name, mistakes) from error


def config_hash(config: Config) -> bytes:
    """Return the SHA-256 of what decides prices and signatures, whatever host it runs on.

    Markets, engine, committee without its key files, and what pools are read and how.
    """
    part = config.model_dump(
        mode="json",
        include={"version": True, "markets": True, "engine": True, "committee": True},
        exclude={"committee": {"keys"}},
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
    for key in keys:
        key.keystore = folder / key.keystore
        key.password_file = folder / key.password_file if key.password_file else None
    for feed in config.feeds:
        if feed.kind == "replay":
            feed.files = [folder / file for file in feed.files]
    return config


def _explain(detail: ErrorDetails) -> str:
    place = ".".join(str(step) for step in detail["loc"]) or "the file"
    if detail["type"] == "extra_forbidden":
        text = f"unknown key; {_allowed(detail['loc'])}"
    elif detail["type"] == "missing":
        text = "this key is required"
    else:
        given = "" if isinstance(detail["input"], dict | list) else f" (given {detail['input']!r})"
        text = detail["msg"].removeprefix("Value error, ") + given
    return f"{place}: {text}"


def _allowed(location: tuple[int | str, ...]) -> str:
    """Name the keys that the section at `location` takes, the nearest first."""
    known = sorted(_keys_at(Config, [step for step in location[:-1] if isinstance(step, str)]))
    near = difflib.get_close_matches(str(location[-1]), known, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}allowed: {', '.join(known)}"


def _keys_at(model: type[BaseModel], steps: list[str]) -> set[str]:
    keys = set(model.model_fields)
    for depth, step in enumerate(steps):
        field = model.model_fields.get(step)
        for inner in _models_in(field.annotation) if field else ():
            return _keys_at(inner, steps[depth + 1 :])
    return keys


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]

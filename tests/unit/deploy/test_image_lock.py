"""The images have what the tests ran with."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[3]
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.M)


def _versions(lock: str) -> dict[str, str]:
    return dict(_PINNED.findall((ROOT / lock).read_text()))


def test_the_images_packages_are_those_of_the_lock() -> None:
    """`make lock` writes both: one that is older would run what nobody tested."""
    image, tested = _versions("deploy/docker/requirements.lock"), _versions("requirements.lock")
    assert image
    assert {name: tested.get(name) for name in image} == image


def test_every_dependency_is_in_the_images() -> None:
    """Also those of the extras: one that is missing fails only when its part is first used."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in wanted}
    assert names <= _versions("deploy/docker/requirements.lock").keys()


def test_the_wheel_is_built_by_the_locked_builder() -> None:
    """The version that pyproject.toml names."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    built = _versions("deploy/docker/build.lock")
    assert wanted == [f"hatchling=={built['hatchling']}"]

"""Render the chart with real helm, and find things in what comes out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

HELM = Path(__file__).parents[3] / "deploy/helm"
CHART = HELM / "plumbline"
EXAMPLES = ("minimal", "member", "cloud")
MAJORS = ("helm3", "helm4")
TIMEOUT_S = 300

Object = dict[str, Any]


def helm(major: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run helm to the end; where it was not fetched skip, but fail in CI."""
    binary = HELM / ".tools" / major
    if not binary.exists() and not os.environ.get("CI"):
        pytest.skip("helm is not here: make helm")
    return subprocess.run(
        [str(binary), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def rendered(example: str, *sets: str, major: str = "helm4") -> tuple[Object, ...]:
    """Return the objects of an example's values, changed by `sets` as of --set-json."""
    return _rendered(example, sets, major)


@cache
def _rendered(example: str, sets: tuple[str, ...], major: str) -> tuple[Object, ...]:
    changes = [part for one in sets for part in ("--set-json", one)]
    values = HELM / f"examples/{example}.yaml"
    done = helm(major, "template", "demo", CHART, "-n", "prod", "-f", values, *changes)
    assert done.returncode == 0, done.stderr
    return tuple(one for one in yaml.safe_load_all(done.stdout) if one)


def refusal(example: str, *sets: str, major: str = "helm4") -> str:
    """Return what helm says of values that it must refuse."""
    changes = [part for one in sets for part in ("--set-json", one)]
    values = HELM / f"examples/{example}.yaml"
    done = helm(major, "template", "demo", CHART, "-f", values, *changes)
    assert done.returncode != 0, "these values were taken"
    return done.stderr


def of_kind(objects: tuple[Object, ...], *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [one for one in objects if one["kind"] in kinds]


def named(objects: tuple[Object, ...], kind: str, name: str) -> Object:
    """Return the one object of a kind and name."""
    (found,) = (one for one in of_kind(objects, kind) if one["metadata"]["name"] == name)
    return found


def pods(objects: tuple[Object, ...]) -> Iterator[tuple[str, Object, Object]]:
    """Yield every pod: the name of what makes it, its metadata, and its spec."""
    for one in of_kind(objects, "Deployment", "StatefulSet", "Job"):
        template = one["spec"]["template"]
        yield one["metadata"]["name"], template["metadata"], template["spec"]
    for one in of_kind(objects, "Pod"):
        yield one["metadata"]["name"], one["metadata"], one["spec"]


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a selector of labels, as the chart writes them, takes a pod."""
    assert set(selector) <= {"matchLabels"}, selector
    return selector.get("matchLabels", {}).items() <= labels.items()

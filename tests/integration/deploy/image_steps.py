"""Run the Dockerfile's `build` stage here, step by step, and what it makes as the image would.

`python -m tests.integration.deploy.image_steps`: the instructions are the file's own, in a root of
their own; base images are this machine's Python. Then, as the image's user, without a network, in a
root that cannot be written: `plumb` answers, and the engine steps by the machine code of the build.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.integration.deploy.containers import DOCKERFILE, ROOT, bound, root_lines

STAGE: Final = "build"
_DOMESTIC: Final = shutil.ignore_patterns("__pycache__", "libs*", "node_modules", ".tools", "helm")
_REGISTRY: Final = ("PIP_", "SSL_CERT_")
_NO_COMPILER: Final = """
import oracle.engine.__main__
from oracle.engine import admission, step
for entry in (step.step_markets, admission.admit):
    assert not entry.stats.cache_misses, f"{entry} was compiled again"
    assert entry.stats.cache_hits, entry
import importlib.util
assert importlib.util.find_spec("pip") is None, "pip is in the image"
"""


def instructions(stage: str) -> Iterator[tuple[str, str]]:
    """Yield the instructions of a stage: its name and its words."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.M).replace("\\\n", " ")
    (body,) = re.findall(rf"^FROM \S+ AS {stage}\n(.*?)(?=^FROM |\Z)", text, re.M | re.S)
    for line in filter(None, body.split("\n")):
        name, _, words = line.partition(" ")
        yield name, words.strip()


def build(folder: Path) -> dict[str, str]:
    """Run the stage; return the environment that it ends with."""
    variables, here = {}, Path("/")
    for name, words in instructions(STAGE):
        match name:
            case "ARG":
                key, _, value = words.partition("=")
                variables[key] = value
            case "ENV":
                for pair in shlex.split(words):
                    key, _, value = pair.partition("=")
                    variables[key] = re.sub(r"\$\{(\w+)\}", lambda m: variables[m[1]], value)
            case "WORKDIR":
                here = Path(words)
                (folder / words.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "COPY":
                *sources, target = words.split()
                _copy(sources, folder / str(here).lstrip("/") / target)
            case "RUN":
                _run(folder, f"cd {here}; {words}", variables)
            case _:
                raise AssertionError(f"{name} is not known here: teach it to {__name__}")
    return variables


def prove(folder: Path, variables: dict[str, str]) -> None:
    """Run what was built as the image does."""
    version = _run(folder, "/opt/plumbline/bin/plumb --version", variables, as_image=True)
    assert re.match(r"\S*\s*\d+\.\d+", version), version
    _run(
        folder,
        f"/opt/plumbline/bin/python -c {shlex.quote(_NO_COMPILER)}",
        variables,
        as_image=True,
    )


def _copy(sources: list[str], target: Path) -> None:
    for source in sources:
        path = ROOT / source
        if path.is_dir():
            shutil.copytree(path, target, ignore=_DOMESTIC, dirs_exist_ok=True)
        else:
            into = target if len(sources) == 1 and not str(target).endswith("/") else None
            into = into if into is not None and not into.is_dir() else target / path.name
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, into)


def _run(folder: Path, command: str, variables: dict[str, str], *, as_image: bool = False) -> str:
    """Run a shell command in a root where `folder`'s /opt and /src are the image's."""
    root = folder / "root"
    mode = "ro" if as_image else "rw"
    lines = ["mount --make-rprivate /", *root_lines(root)]
    lines.append(f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp")
    for name in ("opt", "src"):
        (folder / name).mkdir(exist_ok=True)
        lines.append(f"mkdir -p {root}/{name}; mount --bind {folder / name} {root}/{name}")
        lines.append(f"mount -o remount,bind,{mode} {root}/{name}")
    keep = {key: value for key, value in os.environ.items() if key.startswith(_REGISTRY)}
    for path in {Path(value) for value in keep.values() if Path(value).is_absolute()}:
        lines.append(bound(path, root / str(path).lstrip("/"), "ro"))  # who signs the registry
    words = {"PATH": f"{sys.base_prefix}/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
    given = [f"{key}={value}" for key, value in (keep | words | variables).items()]
    user = []
    if as_image:
        lines.append(f"mount -o remount,ro {root}")
        ids = ["--reuid=10001", "--regid=10001", "--clear-groups"] if os.geteuid() == 0 else []
        user = ["setpriv", *ids, "--bounding-set=-all", "--no-new-privs"]
    inside = shlex.join([*user, "env", "-i", *given, "sh", "-euc", command])
    lines.append(f"exec chroot {root} {inside}")
    apart = [
        "unshare",
        *(["-U", "-r"] if os.geteuid() else []),
        "-m",
        *(["-n"] if as_image else []),
    ]
    done = subprocess.run(
        [*apart, "sh", "-euc", "\n".join(lines)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(
            f"{command}\nfailed with code {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def main() -> None:
    """Build and prove in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="plumbline-image-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        prove(folder, build(folder))
        files = sum(
            path.stat().st_size for path in (folder / "opt/plumbline").rglob("*") if path.is_file()
        )
    print(json.dumps({"ok": True, "plumbline_mb": round(files / 1e6)}))  # noqa: T201 - a command


if __name__ == "__main__":
    main()

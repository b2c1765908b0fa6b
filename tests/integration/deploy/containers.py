"""Run the services of a compose file without Docker: a mount and a network namespace each.

Commands, users, environment, volumes, networks, host names, read-only roots, health checks and the
order of `depends_on` are the file's. Not the same: an image's files are this machine's, with the
checkout read-only in its place; there are no limits and no seccomp filter.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[3]
DOCKERFILE: Final = ROOT / "deploy/Dockerfile"
TOOLS: Final = ("unshare", "nsenter", "setpriv", "ip", "mount", "chroot")
_ETC: Final = (
    *("passwd", "group", "nsswitch.conf", "ld.so.cache", "ssl", "alternatives", "localtime"),
    *("hosts", "resolv.conf", "pip.conf"),
)
PROMETHEUS: Final = ROOT / ".cache/prometheus/usr/bin"
_PATH: Final = f"{ROOT}/.venv/bin:{PROMETHEUS}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_STOP_S: Final = 30.0
_CHECK_S: Final = 20.0
_BETWEEN_CHECKS_S: Final = 1.0
_RESTARTS: Final = 3
_OWNERS: Final = {"/var/lib/plumbline": 10001, "/var/lib/kafka": 10001, "/prometheus": 65534}
"""Folders that images have, and whose they are: a new volume there is theirs."""
_FULL: Final = ("usr", "bin", "sbin", "lib", "lib64")
"""Folders of this machine that stand in for an image's."""


def missing_tools() -> list[str]:
    """Return what this machine lacks to run services so."""
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if not lacking and subprocess.run([*_unshare(), "true"], check=False).returncode:
        lacking.append("namespaces")
    return lacking


def services_of(file: Path, variables: Mapping[str, str] = {}) -> dict[str, dict[str, Any]]:
    """Return a compose file's services, variables at their defaults unless they are given."""
    text = re.sub(
        r"\$\{([A-Z0-9_]+):-([^}]*)\}", lambda m: variables.get(m[1], m[2]), file.read_text()
    )
    services: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return services


def image_of(target: str) -> dict[str, Any]:
    """Return entry point and health check of a stage of the Dockerfile, or of what it is from."""
    stages = re.split(r"^FROM ", DOCKERFILE.read_text(), flags=re.M)[1:]
    by_name = {stage.split("\n")[0].split(" AS ")[1]: stage for stage in stages}
    stage = by_name[target]
    base = stage.split(" ")[0]
    made = image_of(base) if base in by_name else {}
    if found := re.search(r"^ENTRYPOINT (\[.*\])", stage, re.M):
        made["entrypoint"] = json.loads(found[1])
    if found := re.search(r"HEALTHCHECK [^\[]*CMD (\[.*\])", stage):
        made["healthcheck"] = json.loads(found[1])
    found = re.findall(r"\b(PLUMBLINE_\w+)=(\S+)", stage)
    made["environment"] = made.get("environment", {}) | dict(found)
    return made


class Service:
    """One service, started at most once at a time."""

    def __init__(self, host: Host, name: str, given: dict[str, Any]) -> None:
        self.host, self.name, self.given = host, name, given
        self.image = image_of(given["build"]["target"]) if "build" in given else {}
        self.networks: list[str] = given.get("networks", [])
        self.log = host.folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.checked = 0.0

    @property
    def command(self) -> list[str]:
        """Return what the container runs."""
        entry = self.given.get("entrypoint", self.image.get("entrypoint", []))
        return [*(entry or [self.name]), *self.given.get("command", [])]

    @property
    def check(self) -> list[str] | None:
        """Return the health check's command."""
        given = self.given.get("healthcheck", {})
        if given.get("disable"):
            return None
        return given["test"][1:] if "test" in given else self.image.get("healthcheck")

    def start(self, *arguments: str) -> None:
        """Start it, with other arguments if given."""
        self.starts += 1
        command = [*self.image["entrypoint"], *arguments] if arguments else self.command
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.host.enter, "unshare", "-n", "-m", "sh", "-euc", self._script(command)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert self.process.stdin is not None
        self.host.attach(self)
        self.process.stdin.write(b"go\n")
        self.process.stdin.close()

    def healthy(self) -> bool:
        """Run its health check inside, as Docker does."""
        if self.process is None or self.process.poll() is not None or self.check is None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.run(*self.check).returncode == 0
        return False

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as `docker compose exec` does."""
        assert self.process is not None
        inside = [*self.host.user, "nsenter", "-t", str(self.process.pid), "-n", "-m", "-r", "-w"]
        return subprocess.run(
            [*inside, *self._as_user(command)],
            check=False,
            capture_output=True,
            text=True,
            timeout=_CHECK_S,
        )

    def addresses(self) -> dict[str, str]:
        """Return its address on each of its networks."""
        number = list(self.host.services).index(self.name) + 2
        nets = list(self.host.networks)
        return {net: f"10.77.{nets.index(net)}.{number}" for net in self.networks}

    def _as_user(self, command: Sequence[str]) -> list[str]:
        uid, _, gid = str(self.given.get("user", "0:0")).partition(":")
        caps = ",".join(f"+{cap.lower()}" for cap in self.given.get("cap_add", []))
        drop = ["--bounding-set", f"-all{',' if caps else ''}{caps}", "--no-new-privs"]
        ids = ["--reuid", uid, "--regid", gid or uid, "--clear-groups"] if os.geteuid() == 0 else []
        words = {"PATH": _PATH, "HOSTNAME": self.given.get("hostname", self.name)}
        words |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        words |= self.image.get("environment", {})
        words |= {key: str(value) for key, value in self.given.get("environment", {}).items()}
        return ["setpriv", "--pdeathsig", "KILL", *ids, *drop, "env", "-i",
                *(f"{key}={value}" for key, value in words.items()), *command]  # fmt: skip

    def _script(self, command: Sequence[str]) -> str:
        """Return the shell that makes the container from inside its namespaces."""
        root = self.host.folder / f"{self.name}.root"
        lines = ["read -r _", "mount --make-rprivate /", "ip link set lo up"]
        for at, address in enumerate(self.addresses().values()):
            lines += [f"ip addr add {address}/24 dev e{at}", f"ip link set e{at} up"]
        lines += root_lines(root)
        lines += [_tmpfs(root, options) for options in self.given.get("tmpfs", [])]
        lines.append(bound(ROOT, root / str(ROOT).lstrip("/"), "ro"))
        for source, target in self.host.image_files.items():
            lines.append(bound(source, root / target.lstrip("/"), "ro"))
        for source, target, mode in self.host.mounts(self.given.get("volumes", [])):
            lines.append(bound(source, root / target.lstrip("/"), mode))
        lines.append(f"printf %s {shlex.quote(self.host.hosts(self))} > {root}/etc/hosts")
        if self.given.get("read_only"):
            lines.append(f"mount -o remount,ro {root}")
        run = shlex.join(self._as_user(command))
        lines.append(f"exec chroot {root} sh -c {shlex.quote('cd /tmp; exec ' + run)}")
        return "\n".join(lines)


class Host:
    """The machine that the services of one project share; use as `with`."""

    def __init__(
        self,
        file: Path,
        folder: Path,
        services: Sequence[str],
        image_files: Mapping[Path, str],
        variables: Mapping[str, str],
    ) -> None:
        self.folder, self._file = folder, file
        self.image_files = image_files
        every = services_of(file, variables)
        self.networks: dict[str, Any] = yaml.safe_load(file.read_text())["networks"]
        self.services = {name: Service(self, name, every[name]) for name in services}
        self.user = [] if os.geteuid() == 0 else ["nsenter", "-U", "--preserve-credentials"]
        self.enter: list[str] = []
        self._holder: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Host:
        dying = ["setpriv", "--pdeathsig", "KILL"]  # with us, whatever ends us
        holding = [*_unshare(), *dying, "sh", "-c", "echo held; exec sleep infinity"]
        self._holder = subprocess.Popen(holding, stdout=subprocess.PIPE, start_new_session=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"held\n"
        target = ["-t", str(self._holder.pid)]
        if self.user:
            self.user = ["nsenter", *target, "-U", "--preserve-credentials"]
        self.enter = [*self.user, "nsenter", *target, "-n", "-m"]
        self._ip([f"link add br{at} type bridge" for at in range(len(self.networks))])
        self._ip([f"link set br{at} up" for at in range(len(self.networks))])
        return self

    def __exit__(self, *error: object) -> None:
        for service in self.services.values():
            if service.process is not None and service.process.poll() is None:
                os.killpg(service.process.pid, signal.SIGKILL)
                service.process.wait()
        if self._holder is not None:
            self._holder.kill()
            self._holder.wait()

    def attach(self, service: Service) -> None:
        """Put a service's namespace on its networks."""
        assert service.process is not None
        nets, number = list(self.networks), list(self.services).index(service.name)
        lines = []
        for at, net in enumerate(service.networks):
            link = f"v{number}n{at}s{service.starts}"
            lines.append(f"link add {link} type veth peer name e{at} netns {service.process.pid}")
            lines.append(f"link set {link} master br{nets.index(net)} up")
        self._until_apart(service.process.pid)
        self._ip(lines)

    def hosts(self, service: Service) -> str:
        """Return /etc/hosts: everybody on a network of the service."""
        lines = ["127.0.0.1 localhost"]
        for net in service.networks:
            for other in self.services.values():
                if net in other.networks:
                    lines.append(f"{other.addresses()[net]} {other.name}")
        return "\n".join(lines) + "\n"

    def mounts(self, volumes: Sequence[str]) -> Iterator[tuple[Path, str, str]]:
        """Yield what to mount where; a new volume belongs to whom the image's folder does."""
        for volume in volumes:
            source, target, *mode = volume.split(":")
            if source.startswith("."):
                yield self._file.parent / source, target, *(mode or ["rw"])
                continue
            path = self.folder / "volumes" / source
            if not path.exists():
                path.mkdir(parents=True)
                if os.geteuid() == 0 and target in _OWNERS:
                    os.chown(path, _OWNERS[target], _OWNERS[target])
            yield path, target, *(mode or ["rw"])

    def up(self, deadline_s: float) -> None:
        """Start all in the order of `depends_on`, until all are healthy or have ended in order.

        Raises:
            AssertionError: not in time, or one ends that should not; with the end of its log.
        """
        ends = time.monotonic() + deadline_s
        done: set[str] = set()
        wanted = {
            name: service
            for name, service in self.services.items()
            if "operator" not in service.given.get("profiles", [])
        }
        while waiting := [name for name in wanted if name not in done]:
            for name in waiting:
                service = wanted[name]
                if service.process is None and self._may(service, done):
                    service.start()
                elif service.process is not None and self._is_up(service):
                    done.add(name)
            late = {name: self.tail(name) for name in waiting if name not in done}
            assert time.monotonic() < ends, f"not healthy in time: {late}"
            time.sleep(0.1)

    def run(self, name: str, *arguments: str, timeout_s: float = 120.0) -> tuple[int, str]:
        """Run a service to its end, as `docker compose run` does; return its code and its words."""
        service = self.services[name]
        before = service.log.stat().st_size if service.log.exists() else 0
        service.start(*arguments)
        assert service.process is not None
        code = service.process.wait(timeout_s)
        with service.log.open("rb") as log:
            log.seek(before)
            return code, log.read().decode()

    def stop(self, names: Sequence[str]) -> dict[str, int]:
        """End services in order; return their exit codes."""
        processes = {name: self.services[name].process for name in names}
        for process in processes.values():
            assert process is not None
            process.terminate()
        return {name: process.wait(_STOP_S) for name, process in processes.items() if process}

    def tail(self, name: str) -> str:
        """Return the end of a service's log."""
        log = self.services[name].log
        return log.read_text(errors="replace")[-2000:] if log.exists() else "not started"

    def _may(self, service: Service, done: set[str]) -> bool:
        needed = service.given.get("depends_on", {}).keys() & self.services.keys()
        return needed <= done

    def _is_up(self, service: Service) -> bool:
        assert service.process is not None
        code = service.process.poll()
        if service.given.get("restart") == "no" and code == 0:
            return True
        if code is not None and service.starts <= _RESTARTS:
            assert service.given["restart"] == "unless-stopped", self.tail(service.name)
            service.start()  # as Docker does: a broker may not answer a slow machine in time
            return False
        assert code is None, f"{service.name} ended with code {code}: {self.tail(service.name)}"
        if service.check is None or time.monotonic() < service.checked + _BETWEEN_CHECKS_S:
            return False
        healthy = service.healthy()
        service.checked = time.monotonic()
        return healthy

    def _until_apart(self, pid: int) -> None:
        """Wait until a process has its own network namespace."""
        assert self._holder is not None
        ours = {_net(str(self._holder.pid)), _net("self")}
        ends = time.monotonic() + _STOP_S
        while _net(str(pid)) in ours:
            assert time.monotonic() < ends
            time.sleep(0.005)

    def _ip(self, lines: Sequence[str]) -> None:
        text = "\n".join(lines) + "\n"
        subprocess.run([*self.enter, "ip", "-batch", "-"], input=text, text=True, check=True)


def root_lines(root: Path) -> list[str]:
    """Return the shell that makes a root of this machine's programs."""
    lines = [f"mkdir -p {root}", f"mount -t tmpfs -o mode=755 tmpfs {root}"]
    lines += [_same(Path("/", name), root) for name in _FULL]
    lines.append(f"mkdir -p {root}/etc {root}/run {root}/tmp {root}/proc {root}/dev")
    lines += [f"[ ! -e /etc/{name} ] || cp -a /etc/{name} {root}/etc/" for name in _ETC]
    lines.append(f"for d in /etc/java-*; do [ ! -e $d ] || cp -a $d {root}/etc/; done")
    lines += [f"mount --rbind /{name} {root}/{name}" for name in ("proc", "dev")]
    python = Path(sys.base_prefix)
    return [*lines, bound(python, root / str(python).lstrip("/"), "ro")]


def _tmpfs(root: Path, given: str) -> str:
    """Return the shell that mounts what compose calls `tmpfs`, as Docker does."""
    target, _, options = given.partition(":")
    words = ["nosuid", "nodev", *(options.split(",") if options else [])]
    if "exec" not in words:
        words.append("noexec")
    return f"mkdir -p {root}{target}; mount -t tmpfs -o {','.join(words)} tmpfs {root}{target}"


def _net(pid: str) -> Path:
    """Return the name of a process's network namespace."""
    return Path("/proc", pid, "ns/net").readlink()


def _unshare() -> list[str]:
    return ["unshare", *(["-U", "-r"] if os.geteuid() else []), "-n", "-m"]


def _same(path: Path, root: Path) -> str:
    """Return the shell that shows a folder of this machine in a root."""
    if path.is_symlink():
        return f"ln -s {path.readlink()} {root}{path}"
    return bound(path, root / str(path).lstrip("/"), "ro") if path.exists() else ":"


def bound(source: Path, target: Path, mode: str) -> str:
    """Return the shell that shows a file or folder at another place."""
    make = f"mkdir -p {target}"
    if source.is_file():
        make = f"mkdir -p {target.parent}; [ -e {target} ] || touch {target}"
    read_only = f"; mount -o remount,bind,ro {target}" if mode == "ro" else ""
    return f"{make}; mount --bind {source} {target}{read_only}"

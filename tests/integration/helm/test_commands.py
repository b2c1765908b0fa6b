"""What the chart starts is what `plumb` takes: arguments, configurations, ports and probes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from oracle.bus.kafka import KafkaBus
from oracle.cli.app import app
from oracle.config.load import config_hash, load
from oracle.keys.keystore import write_keystore
from oracle.model.fixed import Px
from oracle.model.ticks import Tick, pack
from oracle.model.topics import Topic
from tests.e2e.plumb import PLUMB, ROOT
from tests.integration.committee.nodes import free_ports
from tests.integration.helm.chart import EXAMPLES, named, pods, rendered

ROLES = ("feeds-all", "engine", "committee", "api", "archive")
DEADLINE_S = 300
SECRET = bytes(31) + b"\x07"


def _parsed(args: Sequence[str]) -> dict[str, Any]:
    """Parse arguments as `plumb` does, without running anything."""
    command, rest = typer.main.get_command(app), list(args)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    return command.make_context("plumb", rest).params


@pytest.mark.parametrize("example", EXAMPLES)
def test_plumb_takes_every_container_s_arguments(example):
    """A renamed command or option fails here; so does one that is no more."""
    for name, _, spec in pods(rendered(example)):
        (container,) = spec["containers"]
        if name == "demo-test":
            continue
        assert "command" not in container, "the image's entrypoint is plumb"
        parsed = _parsed(container["args"])
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert str(parsed["config"]) == f"{mounts['config']}/config.yaml"
        if "state" in parsed:
            assert str(parsed["state"]) == mounts["state"]
        if "metrics_port" in parsed and container["args"][0] != "api":
            assert parsed["metrics_host"] == "0.0.0.0"
            assert {"name": "metrics", "containerPort": parsed["metrics_port"]} in container[
                "ports"
            ]


def test_an_unknown_option_is_found():
    """So that the test above can fail."""
    with pytest.raises(Exception, match="No such option"):
        _parsed(["engine", "--config=c", "--metric-port=1"])


@pytest.mark.parametrize("example", EXAMPLES)
def test_plumb_loads_every_configuration(tmp_path, example):
    """The product's own loader takes what is in each ConfigMap, and each has its role's part."""
    hashes = set()
    for name, config in _configurations(rendered(example), tmp_path).items():
        role = name.removeprefix("demo-").split("-")[0]
        assert config.bus.kind == "kafka"
        assert bool(config.chains) == (role == "relayer"), name
        assert (config.archive is not None) == (
            role == "archive" or (role == "api" and example == "cloud")
        ), name
        served_ns = 30 * 86_400 * 10**9 if example == "cloud" else 0
        assert config.archive is None or config.archive.serve_for == served_ns, name
        if role != "committee" and config.committee is not None:
            assert all(str(key.keystore) == "/none" for key in config.committee.keys), name
        if role in ("engine", "committee"):
            hashes.add(config_hash(config))
    assert len(hashes) == 1, "engine and member must agree on the configuration"


def _configurations(objects, folder):
    found = {}
    for one in objects:
        if one["kind"] == "ConfigMap":
            name = one["metadata"]["name"]
            (folder / f"{name}.yaml").write_text(one["data"]["config.yaml"])
            found[name] = load(folder / f"{name}.yaml")
    return found


def test_numbers_and_addresses_arrive_as_they_were_written(tmp_path):
    """Helm reads numbers as floats, and YAML reads bare hex as numbers: neither may get through."""
    config = _configurations(rendered("member"), tmp_path)["demo-relayer-a"]
    (chain,) = config.chains
    assert chain.chain_id == 11155111
    assert chain.oracle == "0x" + "6" * 40
    assert str(chain.key.keystore) == "/run/secrets/relayer/wallet.json"
    assert config.engine.shards == 4
    large = rendered("member", "config.chains[0].chain_id=1313161554000000")
    (chain,) = _configurations(large, tmp_path)["demo-relayer-a"].chains
    assert chain.chain_id == 1313161554000000


@dataclass
class Site:
    """A release as processes of this machine: its pods' arguments, configurations and probes."""

    folder: Path
    objects: tuple
    ports: dict[str, int]

    def arguments(self, name: str) -> list[str]:
        """Return a pod's arguments, with the pod's files and ports in places of this machine."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        config = named(self.objects, "ConfigMap", f"demo-{name}")["data"]["config.yaml"]
        config = config.replace("/run/secrets/committee", str(self.folder))
        config = config.replace("/var/lib/plumbline", str(folder)).replace("0.0.0.0", "127.0.0.1")
        config = config.replace('"port": 8645', f'"port": {self.ports[name]}')
        (folder / "config.yaml").write_text(config)
        return [
            arg.replace("/etc/plumbline", str(folder))
            .replace("/var/lib/plumbline", str(folder))
            .replace("0.0.0.0", "127.0.0.1")
            .replace("9464", str(self.ports[name]))
            for arg in self._container(name)["args"]
        ]

    def probe(self, name: str, kind: str) -> str:
        """Return the URL of a pod's probe, on this machine."""
        path = self._container(name)[kind]["httpGet"]["path"]
        return f"http://127.0.0.1:{self.ports[name]}{path}"

    def _container(self, name: str) -> dict:
        of = {each: spec for each, _, spec in pods(self.objects)}
        return of[f"demo-{name}"]["containers"][0]


@contextmanager
def _process(site: Site, name: str) -> Iterator[None]:
    """Run what a pod runs; require that SIGTERM ends it in order."""
    with (site.folder / f"{name}.log").open("wb") as log:
        command = [str(PLUMB), *site.arguments(name)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)
        try:
            yield
            assert process.poll() is None, (site.folder / f"{name}.log").read_text()[-2000:]
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=DEADLINE_S) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def site(tmp_path, broker) -> Site:
    """Return a release of every role but relayers on the test's broker, with a key on disk."""
    member = write_keystore(tmp_path / "member.json", SECRET, "p", scrypt_n=2)
    (tmp_path / "password").write_text("p")
    sets = (
        f'kafka.bootstrap="{broker.bootstrap}"',
        'kafka.prefix="helm."',
        'feeds.all.feeds=[{"kind":"ccxt","venue":"coinbase","symbols":["BTC/USD"],'
        '"rest_url":"http://127.0.0.1:9","ws_url":"ws://127.0.0.1:9"}]',
        'committee={"enabled":true,"secret":"s","keys":[{"keystore":"/run/secrets/committee/'
        'member.json","password_file":"/run/secrets/committee/password"}]}',
        'config.deployment={"network":"t","home_governor":"0x1111111111111111111111111111111111111111","nonce":1}',
        f'config.committee={{"epoch":1,"threshold":1,"members":["{member}"]}}',
        "archive.enabled=true",
        'archive.rollAge="1s"',
        'topics.mode="create"',
    )
    ports = dict(zip((*ROLES, "topics"), free_ports(len(ROLES) + 1), strict=True))
    return Site(tmp_path, rendered("minimal", *sets), ports)


@pytest.mark.kafka
async def test_every_role_runs_as_the_chart_starts_it(site, broker):
    """Topics are made, each process answers its probes, and ticks become marks and reports."""
    made = await asyncio.to_thread(_run, [str(PLUMB), *site.arguments("topics")])
    assert made.returncode == 0, made.stdout + made.stderr
    bus = KafkaBus(broker.bootstrap, prefix="helm.")
    async with bus, httpx.AsyncClient(trust_env=False) as client:
        with ExitStack() as running:
            for name in ROLES:
                running.enter_context(_process(site, name))
            for name in ROLES:
                await _until_ok(client, site.probe(name, "startupProbe"), bus)
            for name in ROLES:
                await _until_ok(client, site.probe(name, "readinessProbe"), bus)
                await _until_ok(client, site.probe(name, "livenessProbe"), bus)
            metrics = [f"http://127.0.0.1:{site.ports[name]}/metrics" for name in ROLES]
            for url in metrics:
                assert "plumbline_" in (await client.get(url)).text
            url = f"http://127.0.0.1:{site.ports['api']}"
            await _until_ok(client, f"{url}/v1/reports/latest", bus)
            await asyncio.to_thread(_helm_test, site, f"{url}/ready")
    assert list((site.folder / "archive").rglob("part-*.parquet"))


async def _until_ok(client: httpx.AsyncClient, url: str, bus: KafkaBus) -> None:
    """Poll until 200, while ticks go on coming."""
    deadline, said = time.monotonic() + DEADLINE_S, ""
    while time.monotonic() < deadline:
        await _publish(bus)
        try:
            answer = await client.get(url, timeout=10)
        except httpx.HTTPError as error:
            said = repr(error)
        else:
            said = answer.text
            if answer.status_code == 200:
                return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{url} was not well within {DEADLINE_S} s: {said}")


async def _publish(bus: KafkaBus) -> None:
    now = time.time_ns()
    sources = ("coinbase:BTC/USD", "kraken:BTC/USD")
    ticks = [Tick(name, now, now, now, Px(6_000_000, -2), Px(6_000_010, -2)) for name in sources]
    await bus.publish(Topic.TICKS, [("0", pack(ticks))])


def _helm_test(site: Site, url: str) -> None:
    """Run what `helm test` runs, against the API that runs here."""
    (container,) = next(spec for name, _, spec in pods(site.objects) if name == "demo-test")[
        "containers"
    ]
    script, asked = container["args"]
    assert asked == "http://demo-api:8645/ready"
    done = _run([sys.executable, *container["command"][1:], script, url])
    assert done.returncode == 0, done.stderr
    once = script.replace("range(60)", "range(1)").replace("sleep(2)", "sleep(0)")
    refused = _run([sys.executable, "-c", once, "http://127.0.0.1:9/ready"])
    assert refused.returncode == 1
    assert "refused" in refused.stderr


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=DEADLINE_S, env=os.environ
    )


def test_the_image_is_the_one_that_the_chart_expects():
    """Entrypoint, user and the state's folder are as deploy/Dockerfile makes them."""
    stage = (ROOT / "deploy/Dockerfile").read_text().split(" AS plumbline\n")[1].split("\nFROM ")[0]
    assert 'ENTRYPOINT ["plumb"]' in stage
    for name, _, spec in pods(rendered("member")):
        context = spec["securityContext"]
        assert f"USER {context['runAsUser']}:{context['runAsGroup']}" in stage, name
        for mount in spec["containers"][0].get("volumeMounts", []):
            if mount["name"] in ("state", "config"):
                assert mount["mountPath"] in stage, name

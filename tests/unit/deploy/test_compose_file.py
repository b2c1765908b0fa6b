"""deploy/compose.yaml as a whole: nobody has more than it needs, and nothing is left out."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from deploy.compose.sandbox import TEMPLATE
from deploy.compose.secrets import BROKERS, USERS
from oracle.bus.access import ACCESS
from oracle.cli.roles import Role
from tests.integration.deploy.containers import ROOT, services_of

FILE = ROOT / "deploy/compose.yaml"
SERVICES = services_of(FILE)
WHOLE = yaml.safe_load(FILE.read_text())
OURS = {name: one for name, one in SERVICES.items() if "build" in one}
KEYS = "/run/secrets/keys"


def _mounts(service: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """Return what is mounted where, and whether it can be written."""
    split = [volume.split(":") for volume in service.get("volumes", [])]
    return {target: (source, mode != ["ro"]) for source, target, *mode in split}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_than_it_needs(name: str) -> None:
    """No capability, no writable root, no other user's rights, and bounds on all it takes."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    limits = service["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory", "pids"}
    assert service["logging"]["options"]["max-size"]
    assert not service.get("privileged")
    if name == "secrets":
        assert service["network_mode"] == "none"  # root, to hand folders over: so without a network
    else:
        assert service["user"].split(":")[0] != "0"
        assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_what_the_host_publishes_is_on_loopback(name: str) -> None:
    """Nothing here asks who is there: a proxy in front does."""
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")
        assert "edge" in SERVICES[name]["networks"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_whether_it_works(name: str) -> None:
    """Those that run on have a health check of the image or their own; those that end have none."""
    service = SERVICES[name]
    check = service.get("healthcheck", {})
    if service["restart"] == "no":
        assert check == {"disable": True}
    else:
        assert "test" in check or "build" in service


def test_a_role_is_the_user_of_its_name() -> None:
    """The user in the environment is whose password is mounted, and no other password is."""
    for name, service in OURS.items():
        if name == "cluster" or "PLUMBLINE_KAFKA_USER" not in service.get("environment", {}):
            continue
        user = service["environment"]["PLUMBLINE_KAFKA_USER"]
        assert _mounts(service)["/run/secrets/kafka"] == (f"user-{user}", False)
        others = {source for source, _ in _mounts(service).values() if source.startswith("user-")}
        assert others == {f"user-{user}"}


def test_keys_are_where_they_sign_and_nowhere_else() -> None:
    """One process has the committee's keys, and each relayer a wallet of its own."""
    held = {name: _mounts(one)[KEYS] for name, one in OURS.items() if KEYS in _mounts(one)}
    assert held == {
        "committee": ("keys-committee", False),
        "relayer-1": ("keys-relayer-1", False),
        "relayer-2": ("keys-relayer-2", False),
    }


def test_networks_are_apart() -> None:
    """Feeds reach no chain, relayers no venue, and who has the committee's keys neither."""
    on = {name: set(service.get("networks", [])) for name, service in SERVICES.items()}
    assert on["feeds"] == {"bus", "venues", "watch"}
    assert on["relayer-1"] == on["relayer-2"] == {"bus", "chains", "watch"}
    assert on["committee"] == on["oracle-1"] == {"bus", "watch"}
    assert all(on[broker] == {"bus"} for broker in BROKERS)
    assert {"bus", "watch"} == {
        name for name, net in WHOLE["networks"].items() if net.get("internal")
    }


def test_state_is_shared_by_nobody() -> None:
    """A journal that two write is none."""
    states = [_mounts(one)["/var/lib/plumbline"][0] for one in OURS.values()
              if "/var/lib/plumbline" in _mounts(one)]  # fmt: skip
    assert len(states) == len(set(states))


def test_every_user_gets_its_password() -> None:
    """A role that is new in the table of rights is a volume more, here and for `cluster`."""
    made = {target.rsplit("/", 1)[1] for target in _mounts(SERVICES["secrets"])}
    assert {*USERS, *BROKERS} <= made
    read = {target.rsplit("/", 1)[1] for target in _mounts(SERVICES["cluster"])}
    assert {*ACCESS, "admin"} <= read


def test_every_role_runs() -> None:
    """But `oracle`, which is engine and committee in one, and `keeper`: no perps there."""
    run = {
        service["command"][0]
        for service in OURS.values()
        if "--metrics-port" in service.get("command", [])
    }
    assert run == set(Role) - {Role.ORACLE, Role.KEEPER}


def test_the_sandbox_is_of_these_services() -> None:
    """Its configuration names brokers and files as the compose file does."""
    config = yaml.safe_load(TEMPLATE.read_text())
    assert config["bus"]["bootstrap"] == ",".join(f"{broker}:9093" for broker in BROKERS)
    assert config["bus"]["replication"] == len(BROKERS)
    assert {key["keystore"].rsplit("/", 1)[0] for key in config["committee"]["keys"]} == {KEYS}
    assert config["archive"]["url"] in _mounts(SERVICES["archive"])

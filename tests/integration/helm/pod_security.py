"""The Pod Security Standard at level 'restricted', and what of it a pod does not keep.

After kubernetes.io/docs/concepts/security/pod-security-standards: the baseline rules and those of
'restricted', for Linux pods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip
_PROFILES = {"RuntimeDefault", "Localhost"}


def violations(spec: dict[str, Any]) -> list[str]:
    """Return a line for each rule that the pod does not keep."""
    own = spec.get("securityContext", {})
    found = list(_of_pod(spec, own))
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        context = container.get("securityContext", {})
        found += [f"{container['name']}: {rule}" for rule in _of_container(container, own, context)]
    return found


def _of_pod(spec: dict[str, Any], own: dict[str, Any]) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield key
    for volume in spec.get("volumes", []):
        if not volume.keys() - {"name"} <= _VOLUMES:
            yield f"volume {volume['name']}"
    if own.get("sysctls") or own.get("seLinuxOptions") or own.get("windowsOptions"):
        yield "sysctls, SELinux or Windows options"


def _of_container(
    container: dict[str, Any], own: dict[str, Any], context: dict[str, Any]
) -> Iterator[str]:
    def of(key: str) -> Any:
        return context.get(key, own.get(key))

    if context.get("privileged"):
        yield "privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may escalate privileges"
    if of("runAsNonRoot") is not True:
        yield "may run as root"
    if of("runAsUser") == 0:
        yield "runs as root"
    if (of("seccompProfile") or {}).get("type") not in _PROFILES:
        yield "has no seccomp profile"
    capabilities = context.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []):
        yield "keeps capabilities"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "adds capabilities"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "has a port of the host"
    if context.get("procMount", "Default") != "Default":
        yield "unmasks /proc"

"""What brokers and roles know each other by: made once, each in a folder for its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509

from deploy.compose.secrets import BROKERS, USERS, make_secrets
from deploy.kafka.secured import ADMIN


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folders of all, made for the first time."""
    (tmp_path / "authority").mkdir()
    make_secrets(tmp_path)
    return tmp_path


def _texts(made: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in made.rglob("*") if path.is_file()}


def test_again_makes_nothing_anew(made: Path) -> None:
    """Every start runs it: a password that changed would lock everybody out."""
    before = _texts(made)
    make_secrets(made)
    assert _texts(made) == before


def test_what_is_missing_is_made(made: Path) -> None:
    """So a password is changed by removing its file, and nobody else's changes."""
    before = _texts(made)
    file = made / "feeds" / "password"
    file.unlink()
    make_secrets(made)
    after = _texts(made)
    assert after.pop(file) != before.pop(file)
    assert after == before


def test_only_the_owner_reads(made: Path) -> None:
    """Files are 0400, folders 0700."""
    for path in made.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_file():
            assert mode == 0o400, path
        elif path.name != "authority":
            assert mode == 0o700, path


def test_nobody_has_anothers_password(made: Path) -> None:
    """All differ; brokers know their own and the administrator's, who makes the others."""
    passwords = {user: (made / user / "password").read_text() for user in USERS}
    assert len(set(passwords.values())) == len(USERS)
    for folder in (*USERS, *BROKERS, "grafana"):
        known = "".join(path.read_text() for path in (made / folder).iterdir())
        held = {user for user, password in passwords.items() if password in known}
        assert held == ({ADMIN} if folder in BROKERS else {folder} & set(USERS))


def test_a_renewed_certificate_is_of_the_authority_that_all_are_told(made: Path) -> None:
    """Brokers and users get the new authority together; passwords stay."""
    passwords = {user: (made / user / "password").read_text() for user in USERS}
    old = (made / "feeds" / "ca.pem").read_text()
    make_secrets(made, renew=True)
    text = (made / "feeds" / "ca.pem").read_text()
    assert text != old
    authority = x509.load_pem_x509_certificate(text.encode())
    for host in BROKERS:
        assert (made / host / "ca.pem").read_text() == text
        shown = x509.load_pem_x509_certificates((made / host / "server.pem").read_bytes())[0]
        shown.verify_directly_issued_by(authority)
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [host]
    assert passwords == {user: (made / user / "password").read_text() for user in USERS}


def test_brokers_take_nobody_without_a_right(made: Path) -> None:
    """Each speaks TLS and asks for a password on both listeners, and has an authorizer."""
    for node, host in enumerate(BROKERS, 1):
        lines = (made / host / "server.properties").read_text().splitlines()
        said = dict(line.split("=", 1) for line in lines if "=" in line)
        assert said["node.id"] == str(node)
        assert said["listeners"] == f"SASL_SSL://{host}:9093,CONTROLLER://{host}:9094"
        assert said["listener.security.protocol.map"] == "SASL_SSL:SASL_SSL,CONTROLLER:SASL_SSL"
        assert said["authorizer.class.name"]
        assert "allow.everyone.if.no.acl.found" not in said
        assert "ssl.endpoint.identification.algorithm" not in said

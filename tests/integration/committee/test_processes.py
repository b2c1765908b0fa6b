"""Seven processes with the real stack: killed, stopped, lying, and started again."""

from __future__ import annotations

import signal
from pathlib import Path

from typer.testing import CliRunner

from oracle.cli.app import app
from oracle.committee.evidence.file import read as read_evidence
from oracle.model.fixed import float_nearest
from oracle.report.report import Report
from tests.integration.committee.processes import COMMITTEE, FAIR_E2, Seven, seven_processes

ALL = tuple(range(7))


def _check_honest(reports: list[Report], honest: tuple[int, ...]) -> None:
    """Require that every price lies between honest prices; `more` has waited for some."""
    entries = [report.leaves[0].decoded().entries[0] for report in reports]
    prices = [round(float_nearest(one.price) * 100) for one in entries if one.price is not None]
    assert prices
    assert FAIR_E2 + min(honest) <= min(prices) <= max(prices) <= FAIR_E2 + max(honest), prices


def _evidence(seven: Seven) -> list[tuple[str, int]]:
    found = []
    for process in seven.all:
        for one in read_evidence(process.folder / "state" / "evidence.bin"):
            one.verify(COMMITTEE)
            found.append((one.kind.name, one.member))
    return found


def test_two_killed_stopped_and_lying(tmp_path: Path):
    """Whatever happens to two of seven, the rest publish inside the honest range; nobody who was
    killed and restarted has signed a slot twice."""
    with seven_processes(tmp_path) as seven:
        for process in seven.all:
            process.start()
        _check_honest(seven.more(2, *ALL), ALL)

        two, rest = (seven.all[2], seven.all[3]), (0, 1, 4, 5, 6)
        for process in two:
            process.kill()
        _check_honest(seven.more(5, *rest), rest)
        for process in two:
            process.start()
        _check_honest(seven.more(2, *ALL), ALL)

        for process in two:
            process.send(signal.SIGSTOP)
        _check_honest(seven.more(5, *rest), rest)
        for process in two:
            process.send(signal.SIGCONT)

        for process in two:
            process.tell(2 * FAIR_E2)
        seven.more(1, *rest)
        _check_honest(seven.more(3, *rest), rest)
        for process in two:
            process.tell(FAIR_E2 + process.number)

        for number in (5, 6, 0):
            seven.all[number].kill()
            seven.all[number].start()
        seven.more(3, *ALL)
        assert _evidence(seven) == []


def test_equivocation_is_kept_and_shown(tmp_path: Path):
    """A member that shows two proposals is proven to by the others; reports keep coming."""
    with seven_processes(tmp_path) as seven:
        for process in seven.all:
            process.start("Splitter" if process.number == 3 else "")
        honest = tuple(n for n in ALL if n != 3)
        seven.until(lambda: ("PROPOSAL", 3) in _evidence(seven), "evidence against member 3")
        _check_honest(seven.more(3, *honest), honest)
        assert {member for _, member in _evidence(seven)} == {3}
        with_it = next(
            process.folder
            for process in seven.all
            if read_evidence(process.folder / "state" / "evidence.bin")
        )
    shown = CliRunner().invoke(app, ["evidence", "--config", str(with_it / "config.yaml")])
    assert shown.exit_code == 0, shown.output
    assert "two proposals" in shown.output
    assert "valid" in shown.output
    assert "member 3 is 0x" + COMMITTEE.members[3].hex() in shown.output

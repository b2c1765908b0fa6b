"""The proof at the story's end: what it asks for, when it asks again, and what it passes on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from rich.cells import cell_len

from deploy.sandbox.venues.knobs import Knobs
from deploy.sandbox.venues.market import Market
from oracle.cli.demo.panels.proof import proof_lines
from oracle.cli.demo.proof import Proof, iso_ms
from oracle.cli.demo.proven import Proven
from oracle.cli.demo.recorder import Recorder
from oracle.cli.demo.story import Act, Scene
from oracle.cli.verify_subject import time_of
from oracle.model.errors import PlumblineError, Rejected
from oracle.model.topics import Topic
from oracle.verify.findings import Finding
from tests.unit.demo.proofs import PROVEN, RECOMPUTED, SIGNED, SILENT, TICKS, Verifier, proof
from tests.unit.demo.synthetic import START_NS, Clock, receipt, record, recorder_of, report

Answer = tuple[Finding, ...] | PlumblineError
AT_MS = 1_795_453_330_007


async def _proven(made: Proof) -> Proven:
    await made.run("BTC-USD", AT_MS)
    found = made.proven()
    assert found is not None
    return found


async def test_it_says_what_the_checks_found_and_how_to_run_them_again() -> None:
    """The command is one for a shell, blanks in the folder's name and all."""
    found = await _proven(proof(PROVEN))
    assert (found.verdict, found.passed, found.stored_on) == ("proven", 3, ["alpha"])
    assert (found.slot, found.mark) == (1_750, "65017 VALID, ±0.70 bps")
    assert [source.outcome for source in found.sources] == ["outlier", "used"]
    assert found.command == (
        "plumb verify --market BTC-USD --at 2026-11-23T17:02:10.007Z -c '/out/a demo/config.yaml'"
    )


def test_its_times_are_those_that_the_command_takes() -> None:
    """To the ms, so that the same report is found by hand."""
    assert time_of(iso_ms(AT_MS)) == AT_MS * 10**6


async def test_nothing_is_known_before_it_is_asked() -> None:
    """The live view shows happenings until then."""
    assert proof(PROVEN).proven() is None


async def test_what_is_not_archived_yet_is_asked_for_again() -> None:
    """Neither a report that is not there nor a part of its evidence is the last word."""
    found = await _proven(proof(Rejected("the archive has no report"), (SIGNED, SILENT), PROVEN))
    assert (found.verdict, found.error, len(found.checks)) == ("proven", "", 3)


async def test_a_difference_is_the_last_word() -> None:
    """To ask again until it fits would prove nothing."""
    verifier = Verifier((SIGNED, TICKS), PROVEN)
    found = await _proven(Proof(verifier, Path("c.yaml")))
    assert (found.verdict, len(verifier.asked)) == ("differs", 1)
    assert found.first_failure() == f"member 0: ticks: {TICKS.detail}"


@pytest.mark.parametrize(
    ("answer", "verdict", "said"),
    [
        ((SIGNED, SILENT), "incomplete", "chain: alpha: no RPC endpoint answers"),
        (Rejected("the archive has no report"), "unfinished", "the archive has no report"),
    ],
)
async def test_what_never_gets_there_ends_and_says_why(
    answer: Answer, verdict: str, said: str
) -> None:
    """A demo that hangs at its last act would tell nobody what is missing."""
    found = await _proven(proof(answer))
    assert (found.verdict, found.first_failure()) == (verdict, said)


@pytest.mark.parametrize(("width", "room"), [(76, 20), (60, 3), (40, 1), (30, 0)])
@pytest.mark.parametrize("answer", [PROVEN, (SIGNED, TICKS), (SIGNED, SILENT, RECOMPUTED)])
async def test_the_panel_fits_its_place(answer: Answer, width: int, room: int) -> None:
    """Never a line more or wider than there is, and the verdict before all else."""
    found = await _proven(proof(answer))
    lines = proof_lines(found, width, room)
    assert len(lines) <= room
    assert all(cell_len(line.plain) == width for line in lines)
    words = {"proven": "✓ proven", "differs": "✗ NOT PROVEN", "incomplete": "? not all checked"}
    assert not lines or lines[0].plain.startswith(words[found.verdict])


async def test_the_panel_names_what_differs_and_who_was_left_out() -> None:
    """A line of its own for each check that did not pass, by sign and word."""
    found = await _proven(proof((SIGNED, TICKS)))
    text = "\n".join(line.plain for line in proof_lines(found, 100, 20))
    assert "✓ 1 signatures" in text
    assert "✗ 5 member 0: ticks: ticks of step 410: price: expected 1" in text
    assert "✗ outlier" in text


async def _last_act(recorder: Recorder, clock: Clock, verifier: Verifier) -> Act:
    """Play the loss of the peg from 28 s to 40 s, and return the last act after it was done."""

    async def order(_paused: bool) -> None:
        raise AssertionError("nobody is paused here")

    knobs = Knobs(Market(1, start_ms=START_NS // 10**6), lambda: clock.now_ns // 10**6)
    scene = Scene(recorder, knobs, order, Proof(verifier, Path("c.yaml")), 1.0)
    acts = scene.acts()
    for number, at_s in ((2, 28), (3, 40)):
        clock.now_ns = START_NS + at_s * 10**9
        await acts[number].do()
    await acts[-1].do()
    return acts[-1]


def _stored(recorder: Recorder, at_s: float, *chains: str) -> None:
    time_ns = START_NS + round(at_s * 1e9)
    slot = time_ns // 10**6
    recorder.take(record(Topic.REPORTS, report(slot, time_ns, time_ns)))
    for chain in chains:
        recorder.take(record(Topic.RECEIPTS, receipt(chain, slot, time_ns + 10**9)))


async def test_the_mark_that_most_chains_stored_without_the_peg_is_proven() -> None:
    """Not one from before or after, nor a newer one that only one chain has."""
    clock = Clock()
    recorder, verifier = recorder_of(clock), Verifier(PROVEN)
    for at_s in (27, 30, 33.0000007, 41):
        _stored(recorder, at_s, "anvil-a", "anvil-b")
    _stored(recorder, 36, "anvil-b")
    act = await _last_act(recorder, clock, verifier)
    assert [one.market for one in verifier.asked] == ["BTC-USD"]
    assert verifier.asked[0].at == iso_ms(START_NS // 10**6 + 33_001)  # not before its time
    said = act.seen()
    assert said is not None
    assert "65017 VALID, ±0.70 bps; stored on alpha: all 3 checks passed" in said


async def test_without_a_stored_report_the_moment_of_the_act_is_proven() -> None:
    """A relayer that lags must not be told as a mark that does not prove."""
    clock, verifier = Clock(), Verifier(PROVEN)
    await _last_act(recorder_of(clock), clock, verifier)
    assert verifier.asked[0].at == iso_ms(START_NS // 10**6 + 40_000)


async def test_a_mark_that_differs_is_not_as_told() -> None:
    """The act is not seen, and says the first difference: the demo ends with exit code 1."""
    clock = Clock(time.time_ns())
    act = await _last_act(recorder_of(clock), clock, Verifier((SIGNED, TICKS)))
    assert act.seen() is None
    assert act.instead() == f"member 0: ticks: {TICKS.detail}"

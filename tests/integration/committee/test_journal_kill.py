"""A real process that signs is killed, again and again, and never signs two reports for a slot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from oracle.committee.journal import SigningJournal
from oracle.committee.rounds.judging import Vote
from oracle.committee.wire.proposal import Proposed
from tests.unit.committee.party import SLOT_MS, T0, Party

KILLS = 5


def test_what_left_a_killed_process_is_in_its_journal(tmp_path: Path):
    """Each run goes on after the slot that was said last, and signs nothing before it."""
    last = 0
    for run in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-m", __name__, str(tmp_path / "j.json")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for _ in range(3 + 2 * run):
            slot = int(child.stdout.readline())
            assert slot > last
            last = slot
        os.kill(child.pid, signal.SIGKILL)
        said = child.stdout.read().split("\n")[:-1]  # a line that was cut never left
        child.wait(timeout=60)
        child.stdout.close()
        last = max([last, *map(int, said)])
        journal = SigningJournal(tmp_path / "j.json")
        assert journal.newest is not None
        assert journal.newest.slot >= last
        assert Proposed.decode(journal.newest.proposal).proposal.slot == journal.newest.slot
        journal.close()


def _sign(path: Path) -> None:
    """Sign one slot after the other and say each, beginning with the one that was signed last."""
    party = Party(4)
    journal = SigningJournal(path)
    member = party.member(3, journal)
    slot = journal.newest.slot if journal.newest else T0
    while True:
        seen = [party.observation(number, slot) for number in range(3)]
        party.observed(member, slot)
        base, prev_ms = member.chain.base(slot)
        vote = member.judge(party.proposal(seen, prev_ms, base), slot + 60)
        if isinstance(vote, Vote):
            party.voted(vote)
            sys.stdout.write(f"{slot}\n")
            sys.stdout.flush()
        slot += SLOT_MS


if __name__ == "__main__":
    _sign(Path(sys.argv[1]))

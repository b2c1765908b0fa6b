"""The story's clock and verdicts: an act that is not seen as told is told so."""

from __future__ import annotations

import time

from oracle.bus.memory import MemoryBus
from oracle.cli.demo.recorder import Recorder
from oracle.cli.demo.story import LENGTH_S, Act, Story


def _act(at_s: float, until_s: float, seen, log: list[str], name: str) -> Act:
    async def do() -> None:
        log.append(name)

    return Act(at_s, until_s, name, do, seen, f"{name} to be seen", lambda: "it stood still")


async def test_acts_are_judged_by_what_is_seen():
    """One act is seen at its second look, one never: both verdicts are told, with what was seen."""
    recorder, log, looks = Recorder(MemoryBus(), [], time.time_ns), [], []

    def second_look() -> str | None:
        looks.append(1)
        return "there it is" if len(looks) == 2 else None

    acts = [
        _act(0, 45, second_look, log, "first"),
        _act(46, 60, lambda: None, log, "second"),
    ]
    await Story(recorder, acts, seconds=0.5 * LENGTH_S / 90).play()
    assert log == ["first", "second"]
    assert [(event.ok, event.observed) for event in recorder.story] == [
        (True, "there it is"),
        (False, "not seen: second to be seen. it stood still"),
    ]

"""`plumb replay --sources --plot`: what the sources said beside what was published."""

from __future__ import annotations

import asyncio
import csv
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from oracle.cli.replay_run import run_replay
from oracle.cli.replay_windows import EVER, Window, window
from oracle.config.load import parse
from oracle.model.errors import ConfigError

S = 10**9
T0 = 1_760_130_600 * S  # 2025-10-10 21:10 UTC
CONFIG = parse(
    {
        "version": 1,
        "markets": {
            "A-USD": {
                "number": 0,
                "sources": [{"source": f"{venue}:A/USD"} for venue in ("x", "y", "z")],
                "perps": [{"source": "x:A/USD:A"}],
                "breaker": {"deviations": [{"window": "1m", "guarded": "2%"}]},
            },
        },
    }
)


def _tick(second: float, source: str, price: float) -> str:
    at = T0 + int(second * S)
    return f"{at},{at},{source},,,{price}"


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    """A minute of three venues; z falls by 40 % after half of it, and y falls silent."""
    rows = ["received_ns,event_ns,source,bid,ask,last"]
    for second in range(60):
        rows += [
            _tick(second + 0.1, "x:A/USD", 100),
            *([_tick(second + 0.2, "y:A/USD", 100.1)] if second < 30 else []),
            _tick(second + 0.3, "z:A/USD", 100.2 if second < 30 else 60),
            _tick(second + 0.4, "x:A/USD:A", 100.1),
        ]
    file = tmp_path / "ticks.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


def _replayed(ticks: Path, out: Path, **options: Any) -> dict[str, Any]:
    return asyncio.run(run_replay(CONFIG, [ticks], out, S, sandbox=False, quiet=True, **options))


def test_sources_are_written_as_they_were_sent(ticks: Path, tmp_path: Path) -> None:
    """Also a price that the engine refused; and none that is older than its maximum age."""
    made = _replayed(ticks, tmp_path / "out", sources=True)
    rows = pq.read_table(tmp_path / "out/sources/A-USD.parquet").to_pylist()
    assert len(rows) == made["steps"] == 60
    assert rows[20]["index"] == 100.1
    fallen = rows[31]
    assert (fallen["z:A/USD"], fallen["z:A/USD why"]) == (60, "unconfirmed")
    assert (fallen["y:A/USD"], fallen["y:A/USD why"]) == (pytest.approx(100.1), "")
    silent = rows[50]
    assert (silent["y:A/USD"], silent["y:A/USD why"]) == (None, "stale")


def test_figures_say_who_was_how_far_from_whom(ticks: Path, tmp_path: Path) -> None:
    """Distances in bps, when the worst was, and how often and why a source did not count."""
    market = _replayed(ticks, tmp_path / "out", sources=True)["markets"]["A-USD"]
    fallen = market["sources"]["z:A/USD"]
    assert fallen["to_index"]["worst"] == pytest.approx((60 / 100 - 1) * 1e4)
    assert fallen["to_index"]["worst_ns"] == T0 + 31 * S  # the first of them
    assert fallen["why_not"]["unconfirmed"] == 30
    assert fallen["counted"] == 30
    assert fallen["fresh"] == 60
    assert market["sources"]["y:A/USD"]["why_not"] == {"stale": 21}
    assert market["outside"] == {"steps": 0, "first_ns": None}
    assert market["spread"]["beyond"] == {"300": 30, "1000": 30}
    assert market["spread"]["worst"] == pytest.approx((100.1 / 60 - 1) * 1e4)
    assert market["steps"] == {"VALID": 39, "MISSING": 21}
    assert market["longest"] == {"VALID": 39, "MISSING": 21}
    assert market["distances"]["mark_to_index"]["steps"] == 39


def test_without_sources_nothing_of_them_is_written(ticks: Path, tmp_path: Path) -> None:
    """Marks and events only, and the marks are the same."""
    plain = _replayed(ticks, tmp_path / "plain")
    assert [Path(file).name for file in plain["files"]] == [
        "marks.parquet",
        "marks.csv",
        "events.csv",
    ]
    assert "sources" not in plain["markets"]["A-USD"]
    _replayed(ticks, tmp_path / "out", sources=True)
    texts = [(tmp_path / name / "marks.csv").read_text() for name in ("plain", "out")]
    assert texts[0] == texts[1]


def test_plots_show_what_their_window_holds(ticks: Path, tmp_path: Path) -> None:
    """Well-formed, named by market and start, with every source, the strips and the clock."""
    part = Window(T0 + 10 * S, T0 + 38 * S)
    made = _replayed(ticks, tmp_path / "out", plots=[EVER, part])
    names = [Path(file).name for file in made["files"] if file.endswith(".svg")]
    assert names == ["A-USD.svg", "A-USD-20251010T2110.svg"]
    whole, cut = (ET.parse(tmp_path / "out" / name).getroot() for name in names)
    words = {element.text for element in whole.iter("{http://www.w3.org/2000/svg}text")}
    assert {"x A/USD", "x A/USD:A", "y", "z", "index", "mark, published", "21:10"} <= words
    assert "A-USD, 2025-10-10 21:10 to 21:11 UTC" in words
    standings = {element.get("class") for element in whole.iter()}
    assert {"strip VALID", "strip MISSING", "band MISSING"} <= standings
    assert "strip MISSING" not in {element.get("class") for element in cut.iter()}


def test_a_window_without_steps_is_refused(ticks: Path, tmp_path: Path) -> None:
    """In one line that names the window; what the recording has is said."""
    with pytest.raises(ConfigError, match=r"--plot 2025-10-10T22:00.*no two steps.*21:10"):
        _replayed(ticks, tmp_path, plots=[window("2025-10-10T22:00/2025-10-10T23:00")])


def test_events_are_written(ticks: Path, tmp_path: Path) -> None:
    """What moved a breaker, and that nothing did is a file with a header."""
    made = _replayed(ticks, tmp_path)
    with (tmp_path / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == made["events"] == 0


@pytest.mark.parametrize(
    ("text", "start_ns", "end_ns"),
    [
        ("all", EVER.start_ns, EVER.end_ns),
        ("2025-10-10T21:10/2025-10-10T21:40", T0, T0 + 1800 * S),
        ("2025-10-10T21:10:00Z/2025-10-10T23:40+02:00", T0, T0 + 1800 * S),
    ],
)
def test_windows_are_intervals_of_time(text: str, start_ns: int, end_ns: int) -> None:
    """ISO 8601, in UTC unless it says otherwise."""
    assert window(text) == Window(start_ns, end_ns)


@pytest.mark.parametrize(
    "text", ["", "crash", "2025-10-10T21:10", "2025-10-10T21:40/2025-10-10T21:10", "21:10/21:40"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    """With what was given and an example."""
    with pytest.raises(ConfigError, match=rf"--plot {text}.*START/END"):
        window(text)

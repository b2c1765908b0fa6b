"""`summary.json` keeps its shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oracle.cli.demo.recorder import Recorder
from oracle.cli.demo.summary import encode, summarise, write_summary
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from relayer.held import HeldMark
from tests.unit.demo.proofs import SIGNED, TICKS, proof
from tests.unit.demo.synthetic import PERP, START_NS, recorder_of, run


def _written(recorder: Recorder, path: Path) -> Any:
    held = recorder.chain_states
    write_summary(path, summarise(recorder, seconds=90, seed=7, read_back=held))
    return json.loads(path.read_text())


def test_it_has_the_promised_keys_with_the_promised_types(tmp_path: Path) -> None:
    """Prices are numbers, latencies in ms, and every act is there."""
    data = _written(run()[0], tmp_path / "summary.json")
    assert (data["seconds"], data["seed"], data["ticks"]) == (90, 7, 8100)
    assert data["reports"] == 180
    for leg in ("tick_to_report", "tick_to_receipt"):
        assert 0 < data["latency_ms"][leg]["p50"] <= data["latency_ms"][leg]["p99"]
    chain = data["chains"][0]
    assert (chain["name"], chain["kind"], chain["chain_id"]) == ("anvil-a", "evm", 31337)
    assert (chain["updates"], chain["failed"]) == (35, 1)
    assert chain["gas_per_update"] == 118_432
    stored = chain["markets"]["BTC-USD"]
    assert stored["validity"] == "VALID"
    assert stored["age_s"] == 2.4
    assert stored["price"] == pytest.approx(69_443.83)
    act = data["story"][1]
    assert (act["t_s"], act["event"]) == (18.4, "kraken:BTC/USD wicks 8 % down")
    assert act["observed"] == "outlier after 0.3 s; index moved 0.4 bps"
    assert data["as_told"] is False


def test_rejected_sources_stand_beside_those_used(tmp_path: Path) -> None:
    """At 20 s kraken is out; the perp counts as used but not for the quorum."""
    market = _written(run(20)[0], tmp_path / "summary.json")["markets"]["BTC-USD"]
    assert market["rejected"] == {"kraken:BTC/USD": "outlier"}
    assert market["sources_used"] == 4
    assert PERP in market["used"]
    assert market["state"] == "NORMAL"
    assert market["index"] == market["mark"] > 0
    assert market["rejected_s"]["kraken:BTC/USD"]["outlier"] == pytest.approx(5.9)


def test_what_is_missing_is_null(tmp_path: Path) -> None:
    """A run that saw nothing has no latency, no gas and no prices, and still writes."""
    recorder = recorder_of()
    never = {"anvil-a": {"BTC-USD": HeldMark(None, START_NS // 10**6, Validity.MISSING)}}
    summary = summarise(recorder, seconds=1.0, seed=None, read_back=never)
    write_summary(tmp_path / "s.json", summary)
    data = json.loads((tmp_path / "s.json").read_text())
    assert data["latency_ms"]["tick_to_report"]["p50"] is None
    assert data["chains"][0]["gas_per_update"] is None
    assert data["chains"][0]["markets"]["BTC-USD"]["price"] is None
    assert data["markets"] == {}


async def test_the_proof_is_in_it_check_by_check(tmp_path: Path) -> None:
    """A program reads which check differs, and what to type to see it."""
    made = proof((SIGNED, TICKS))
    await made.run("BTC-USD", START_NS // 10**6)
    proven = made.proven()
    summary = summarise(recorder_of(), seconds=1.0, seed=1, read_back={}, proof=proven)
    write_summary(tmp_path / "s.json", summary)
    data = json.loads((tmp_path / "s.json").read_text())["proof"]
    assert (data["verdict"], data["market"], data["slot"]) == ("differs", "BTC-USD", 1_750)
    assert [(one["step"], one["outcome"]) for one in data["checks"]] == [
        (1, "proven"),
        (5, "differs"),
    ]
    assert data["command"].startswith("plumb verify --market BTC-USD --at ")


def test_a_value_of_another_type_is_refused_before_it_is_written(tmp_path: Path) -> None:
    """Text where a number belongs would break readers."""
    held = {"anvil-a": {"BTC-USD": HeldMark(Px(1, 0), START_NS // 10**6, Validity.VALID)}}
    summary = summarise(recorder_of(), seconds=1.0, seed=1, read_back=held)
    broken = msgspec.structs.replace(summary, reports="many")
    with pytest.raises(msgspec.ValidationError, match=r"\$\.reports"):
        write_summary(tmp_path / "s.json", broken)
    assert not (tmp_path / "s.json").exists()
    assert encode(summary)

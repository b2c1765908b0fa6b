"""Garbage in every format: a clear error or a counted refusal, never a crash."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from feeds.ticks.formats.format import CaptureFormat
from feeds.ticks.importing import FORMATS
from feeds.ticks.reader import TickReader
from oracle.model.errors import ConfigError
from tests.unit.replay import capture_samples, table_samples
from tests.unit.replay.sample import Sample, import_text

_SAMPLES = [*table_samples.SAMPLES, *capture_samples.SAMPLES]
_CAPTURES = [s for s in _SAMPLES if isinstance(FORMATS[s.format], CaptureFormat)]
_FIELD = st.one_of(
    st.sampled_from(
        (
            *("", "nan", "-inf", "1e400", "1e-400", "0", "-1", "9" * 19, "9" * 400, "1_0", "0x10"),
            *("1.", "1e99999999999", "null", "true", '"', "'", "{}", "[", "\x00", "\xe9", "\u0661"),
            *("BTC/USD", "2025-10-10", "2025-10-10T24:00:00Z", "9999-12-31T00:00:00Z"),
            *(str(2**63), str(-(2**63))),
        )
    ),
    st.text(max_size=8),
    st.integers().map(str),
    st.floats().map(repr),
)


@st.composite
def _spoiled(draw: st.DrawFn) -> tuple[Sample, bytes]:
    """Take a sample and put garbage in the place of some of its fields."""
    sample = draw(st.sampled_from(_SAMPLES))
    mark = '"' if sample in _CAPTURES else ","
    lines = [line.split(mark) for line in sample.text.splitlines()]
    for _ in range(draw(st.integers(1, 3))):
        line = lines[draw(st.integers(0, len(lines) - 1))]
        line[draw(st.integers(0, len(line) - 1))] = draw(_FIELD)
    text = "\n".join(mark.join(line) for line in lines)
    return sample, text.encode("utf-8", "replace")


def _try(folder: Path, sample: Sample, content: bytes) -> None:
    try:
        _, done = import_text(folder, sample.format, content, sample.name, **sample.options)
    except ConfigError:
        return
    reader = TickReader([folder / "out.csv"])
    assert sum(columns.rows for columns in reader) == done.ticks
    assert not reader.refused


_settings = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)


_EARLY = next(sample for sample in _SAMPLES if sample.format == "hyperliquid-funding")


@_settings
@given(_spoiled())
@example((_EARLY, _EARLY.text.replace("1704067200151", "1230").encode()))
def test_garbage_in_a_field_ends_in_an_error_or_a_refusal(
    tmp_path: Path, spoiled: tuple[Sample, bytes]
) -> None:
    """Whatever is written is a tick file that reads back in full."""
    _try(tmp_path, *spoiled)


@_settings
@given(sample=st.sampled_from(_SAMPLES), content=st.binary(max_size=200))
def test_any_bytes_end_in_an_error_or_a_refusal(
    tmp_path: Path, sample: Sample, content: bytes
) -> None:
    """A file of anything, under a name that the format reads."""
    _try(tmp_path, sample, content)


@_settings
@given(
    sample=st.sampled_from(_CAPTURES),
    json=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just("tickers"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["channel", "data", "e", "s", "arg", "topic", "stream", "updates"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ),
)
def test_any_json_is_counted(tmp_path: Path, sample: Sample, json: object) -> None:
    """Each message of a capture gives ticks or is in the count of what was refused."""
    text = capture_samples.stamped(1_700_000_000_000_000_000, json) + sample.text
    ticks, done = import_text(tmp_path, sample.format, text, sample.name, **sample.options)
    assert ticks == sample.ticks
    assert done.refused.total() == sum(sample.refused.values()) + 1

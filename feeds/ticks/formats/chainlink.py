"""Rounds of a Chainlink feed: the answer as a trade at the block that wrote it.

`updatedAt` is the time of that block, both event and receive time. `startedAt` is when observing
began, in early rounds hours before, and so no time of the price. A proxy's phases overlap: the next
aggregator ran before consumers were switched to it, and when that was the rounds do not say.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from feeds.ticks.fields import Place, refuse_where
from feeds.ticks.formats.format import TableFormat, ticks_table
from feeds.ticks.formats.options import Options
from feeds.ticks.tables import Layout
from feeds.ticks.times import unix_ns

_USD_DECIMALS: Final = 8


def scaled_text(integers: Any, decimals: int, name: str, place: Place) -> Any:
    """Return whole numbers of the smallest unit as decimal text of the unit.

    Raises:
        ConfigError: a field is no whole number of at most 77 digits, the most of 256 bits.
    """
    text = integers.cast(pa.string())
    whole = pc.match_substring_regex(text, r"^-?[0-9]{1,78}$")
    refuse_where(pc.invert(whole), text, name, place, "a whole number")
    scaled = (
        None if each is None else format(Decimal(each).scaleb(-decimals), "f")
        for each in text.to_pylist()
    )
    return pa.array(scaled, pa.string())


def _rounds(batch: Any, place: Place, options: Options) -> Iterable[Any]:
    (decimals,) = options.decimals or (_USD_DECIMALS,)
    updated_ns = unix_ns(batch, "updatedAt", place)
    answers = scaled_text(batch.column("answer"), decimals, "answer", place)
    yield ticks_table(updated_ns, updated_ns, options.source, last=answers)


ROUNDS: Final = TableFormat(
    summary="rounds of a Chainlink feed",
    layout=Layout(("answer", "updatedAt")),
    converter=lambda options: partial(_rounds, options=options),
    needs=("source",),
    takes=("decimals",),
    decimals=1,
    named={"last": "answer"},
)

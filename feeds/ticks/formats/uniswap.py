"""Prices of Uniswap v3 pools: the pool's state by block, and its swaps.

One clock, the block's, is both event and receive time: a node sees a block some seconds later.
Prices have more digits than a tick; they are rounded to 18 significant ones, ties to even.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, InvalidOperation
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from feeds.evm.pool_price import DIGITS, PoolTokens, px_half_even_18, spot_price
from feeds.ticks.fields import Place, refuse_where
from feeds.ticks.formats.chainlink import scaled_text
from feeds.ticks.formats.format import TableFormat, ticks_table
from feeds.ticks.formats.options import Options
from feeds.ticks.tables import Layout
from feeds.ticks.times import unix_ns
from oracle.model.errors import Rejected

_ROUNDED: Final = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)


def _blocks(batch: Any, place: Place, options: Options) -> Iterable[Any]:
    block_ns = unix_ns(batch, "timestamp", place)
    # The Graph's token1Price is token1 per token0, which prices token0.
    prices = batch.column("token1Price" if options.base == "token0" else "token0Price")
    yield ticks_table(block_ns, block_ns, options.source, last=_shortened(prices))


def _shortened(prices: Any) -> Any:
    """Round what has more digits than a tick; what is no number is left for the judge of rows."""

    def shortened(text: str) -> str:
        try:
            return format(_ROUNDED.create_decimal(text), "f")
        except InvalidOperation:
            return text

    texts = prices.cast(pa.string()).to_pylist()
    long = (t if t is None or len(t) <= DIGITS or len(t) > 200 else shortened(t) for t in texts)
    return pa.array(long, pa.string())


def _swaps(batch: Any, place: Place, options: Options) -> Iterable[Any]:
    decimals0, decimals1 = options.decimals
    tokens = PoolTokens(decimals0, decimals1, base_is_token0=options.base == "token0")
    block_ns = unix_ns(batch, "block_timestamp", place)
    roots = batch.column("sqrtPriceX96").cast(pa.string())
    whole = pc.match_substring_regex(roots, r"^[0-9]{1,49}$")
    refuse_where(pc.invert(whole), roots, "sqrtPriceX96", place, "a whole number of 160 bits")
    amounts = scaled_text(
        batch.column("amount0" if tokens.base_is_token0 else "amount1"),
        decimals0 if tokens.base_is_token0 else decimals1,
        "amount",
        place,
    )
    # Only a swap trades: other rows state the price of the swap before, or none.
    swap = pc.equal(pc.utf8_upper(batch.column("tx_type").cast(pa.string())), "SWAP").to_pylist()
    prices = [
        _price(root, tokens) if is_swap and root else None
        for root, is_swap in zip(roots.to_pylist(), swap, strict=True)
    ]
    yield ticks_table(
        block_ns,
        block_ns,
        options.source,
        last=pa.array(prices, pa.string()),
        last_size=_shortened(pc.utf8_ltrim(amounts, "-")),
    )


def _price(root: str, tokens: PoolTokens) -> str | None:
    try:
        return str(px_half_even_18(spot_price(int(root), tokens)))
    except Rejected:
        return None


BLOCKS: Final = TableFormat(
    summary="a Uniswap v3 pool by block, as The Graph's `pool(block: …)` states it",
    layout=Layout(("timestamp", "token0Price", "token1Price")),
    converter=lambda options: partial(_blocks, options=options),
    needs=("source", "base"),
    named={"last": "token0Price or token1Price"},
)
SWAPS: Final = TableFormat(
    summary="a Uniswap v3 pool's swaps of demeter-fetch (`.tick.csv`)",
    layout=Layout(("block_timestamp", "tx_type", "amount0", "amount1", "sqrtPriceX96")),
    converter=lambda options: partial(_swaps, options=options),
    needs=("source", "base", "decimals"),
    decimals=2,
    named={"last": "sqrtPriceX96", "last_size": "amount"},
)

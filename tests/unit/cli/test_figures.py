"""Numbers as people read them."""

from __future__ import annotations

import pytest

from oracle.cli.figures import age_text, bps_text, price_text, readable, short_names


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (65123.4, "65,123.40"),
        (3412.5678, "3,412.57"),
        (152.34567, "152.346"),
        (1.0002022, "1.00020"),
        (0.9998, "0.99980"),
        (0.2345678, "0.234568"),
        (None, "—"),
    ],
)
def test_prices_show_six_digits_and_align_around_a_peg(price: float | None, text: str) -> None:
    """Just below one and just above have the same decimals."""
    assert price_text(price) == text


def test_small_distances_are_in_basis_points_and_large_ones_in_percent() -> None:
    """And there is no negative zero."""
    assert [bps_text(b) for b in (0.5, -0.04, -800.0, 99.9, None)] == [
        "+0.5 bps",
        "+0.0 bps",
        "-8.0 %",
        "+99.9 bps",
        "—",
    ]


def test_ages_grow_coarser() -> None:
    """Tenths, seconds, minutes."""
    assert [age_text(s) for s in (0.44, 12.3, 185.0)] == ["0.4 s", "12 s", "3 m 05 s"]


def test_short_names_tell_a_venue_s_instruments_apart() -> None:
    """The venue alone where that is enough."""
    names = ["binance:BTC/USDT", "binance:BTC/FDUSD", "kraken:BTC/USD", "okx:BTC/USDT:USDT"]
    assert list(short_names(names, ["okx:BTC/USDT:USDT"]).values()) == [
        "binance BTC/USDT",
        "binance BTC/FDUSD",
        "kraken",
        "okx perp",
    ]
    assert readable("uniswap3:0x8ad599c3a0ff1de0") == "uniswap3:0x8ad5…1de0"

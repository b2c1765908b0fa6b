"""What a start accepts and a reviewer should ask about, one sentence each."""

from __future__ import annotations

from typing import Any

import pytest

from oracle.config.advice import advice
from oracle.config.load import parse

TWO = [{"source": "binance:X/USD"}, {"source": "b:X/USD"}]
FUTURES = {"source": "binanceusdm:X/USD"}
CCXT = {"kind": "ccxt", "venue": "okx", "symbols": ["X/USD"]}


def _advice(market: dict[str, Any], **changes: Any) -> list[str]:
    return advice(parse({"markets": {"X-USD": {"number": 0, "sources": TWO} | market}} | changes))


@pytest.mark.parametrize(
    ("market", "said"),
    [
        (
            {"sources": [*TWO, FUTURES | {"origin": "futures"}]},
            "binance and binanceusdm have one operator, and count as two origins "
            "(binance, futures): leave 'origin' out",
        ),
        (
            {"sources": [*TWO, {"source": "c:X/ETH", "quote": "USD"}]},
            "c:X/ETH: ETH is taken as USD at par; right only while one ETH is worth one USD",
        ),
        (
            {"mark": "twap_only", "perps": [FUTURES]},
            "mark twap_only uses no perps, and there is no funding",
        ),
        ({"mark": "fair_basis"}, "mark fair_basis without perps is the index"),
        ({"funding": {}}, "funding.premium mid needs perps: without them there is no rate"),
        (
            {"funding": {"premium": "mark"}, "mark": "index_only"},
            "funding.premium mark with mark index_only is always zero",
        ),
        ({"breaker": {"peg": {}}}, "no source converts through this market: nothing is cut"),
        (
            {"breaker": {"stale": "10s"}},
            "breaker.stale 10s is never reached: no source counts beyond its max_age, 10s at most",
        ),
    ],
)
def test_what_is_probably_not_meant(market, said):
    """The market is named, and what to write instead or to be sure of."""
    (sentence,) = _advice(market)
    assert sentence.startswith("market X-USD: ")
    assert said in sentence


@pytest.mark.parametrize(
    "market",
    [
        {},
        {"sources": [*TWO, FUTURES]},
        {"mark": "median3_ema", "perps": [FUTURES], "funding": {}},
        {"breaker": {"stale": "9s"}},
    ],
)
def test_what_is_common_gets_no_advice(market):
    """Advice that is printed for sound configurations is soon read by nobody."""
    assert _advice(market) == []


def test_a_peg_belongs_on_what_converts():
    """The market of a quote currency may have one."""
    edge = {"number": 1, "breaker": {"peg": {}}, "sources": [{"source": "c:EUR/USD"}] * 1}
    edge |= {"min_sources": 1, "min_origins": 1}
    market = {"number": 0, "sources": [*TWO, {"source": "c:X/EUR"}]}
    assert advice(parse({"markets": {"X-USD": market, "EUR-USD": edge}})) == []


def test_a_source_that_no_feed_brings():
    """The nearest that one brings is named; recorded files may bring anything."""
    market = {"sources": [{"source": "okx:X/USDT", "quote": "USD", "base": "X"}, *TWO[1:]]}
    said = [line for line in _advice(market, feeds=[CCXT]) if "brings" in line]
    assert said == [
        "market X-USD: no feed brings okx:X/USDT: those of okx bring okx:X/USD",
        "market X-USD: no feed brings b:X/USD",
    ]
    replay = {"kind": "replay", "files": ["a.csv"]}
    assert not [line for line in _advice(market, feeds=[replay]) if "brings" in line]


def _as_member(**changes: Any) -> list[str]:
    addresses = [f"0x{number:040x}" for number in range(1, 5)]
    committee = {
        "epoch": 1,
        "threshold": 3,
        "members": addresses,
        "peers": {one: f"http://127.0.0.1:{9000 + at}" for at, one in enumerate(addresses)},
        "keys": [{"keystore": "a.json", "password_env": "P"}],
    }
    deployment = {"network": "test", "home_governor": addresses[0], "nonce": 1}
    return _advice({}, committee=committee, deployment=deployment, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "committee.peers without archive:"),
        ({"archive": "kept"}, "committee.peers without archive.serve_for: others cannot check"),
    ],
)
def test_a_member_whose_marks_nobody_could_check(changes, said):
    """No other member has what it observed from."""
    (sentence,) = _as_member(**changes)
    assert sentence.startswith(said)


def test_a_member_that_serves_its_archive_gets_no_advice():
    """Nor does who signs a shared view or nothing."""
    assert _as_member(archive={"url": "kept", "serve_for": "7d"}) == []

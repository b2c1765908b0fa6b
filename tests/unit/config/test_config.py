"""Configuration: every mistake is named with its place, what was given and what is allowed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from oracle.config.load import config_hash, load, parse
from oracle.config.units import duration_ns, ratio_bps
from oracle.model.errors import ConfigError
from oracle.node.compile import engine_spec

MEMBERS = [f"0x{n:040x}" for n in range(1, 8)]


def _config(**changes: Any) -> dict[str, Any]:
    return {
        "markets": {
            "BTC-USD": {
                "number": 0,
                "sources": [{"source": "binance:BTC/USDT"}, {"source": "coinbase:BTC/USD"}],
            },
            "USDT-USD": {
                "number": 1,
                "mark": "index_only",
                "sources": [{"source": "kraken:USDT/USD"}, {"source": "coinbase:USDT/USD"}],
            },
        }
    } | changes


def _market(**changes: Any) -> dict[str, Any]:
    sources = [{"source": "a:X/USD"}, {"source": "b:X/USD"}]
    return {"markets": {"X-USD": {"number": 0, "sources": sources} | changes}}


def _deviation(**bounds: str) -> dict[str, Any]:
    return _market(breaker={"deviations": [bounds]})


def _committee(**changes: Any) -> dict[str, Any]:
    return _config(
        deployment={"network": "t", "home_governor": "0x" + "1" * 40, "nonce": 1},
        committee={"epoch": 1, "threshold": 5, "members": MEMBERS} | changes,
    )


@pytest.mark.parametrize(
    ("text", "ns"), [("250ms", 250_000_000), ("1.5s", 1_500_000_000), ("2h", 7_200 * 10**9)]
)
def test_durations(text, ns):
    """A duration is exact in ns."""
    assert duration_ns(text) == ns


@pytest.mark.parametrize("text", ["250", 250, "10 parsecs", "-5s", "", None, "0.5ns", "1e3s"])
def test_a_duration_needs_number_and_unit(text):
    """A bare number is never guessed to be seconds."""
    with pytest.raises(ValueError, match="duration"):
        duration_ns(text)


def test_ratios_are_bps():
    """Per cent and basis points mean the same thing."""
    assert ratio_bps("2%") == ratio_bps("200bps") == 200.0
    with pytest.raises(ValueError, match="ratio 2 needs a number and a unit of bps, %"):
        ratio_bps(2)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (_config(fedes=[]), "fedes: unknown key; did you mean 'feeds'?"),
        (
            _market(breaker={"guardd": "2%"}),
            "markets.X-USD.breaker.guardd: unknown key; did you mean",
        ),
        (_market(max_age="10"), "markets.X-USD.max_age: duration '10' needs a number and a unit"),
        (_market(max_age="10parsec"), "needs a number and a unit of ns, us, ms, s, m, h, d"),
        (_market(max_age="1000000d"), "'1000000d' is longer than 366d"),
        (_market(mark={"max_basis": "9999999%"}), "'9999999%' is more than 10000%"),
        (_market(mark="median5"), "markets.X-USD.mark.method: Input should be 'index_only'"),
        (_market(twap=300), "markets.X-USD.twap.window: duration 300 needs a number and a unit"),
        (_market(twap="900ms"), "'900ms' is shorter than 1s"),
        (_market(mark={"own": "c:X/USD"}), "'c:X/USD' is none of the perps: none"),
        (
            _market(perps=[{"source": "binanceusdm:X/USD"}], mark={"min_perps": 2}),
            "mark.min_perps 2 exceeds the 1 origins of perps (binance)",
        ),
        (_market(funding={"sample": "2h"}), "every 7200s is less often than the interval of 3600s"),
        (_market(admission={"leg_scale": 9}), "leg_scale 9 is above max_scale 8"),
        (_market(weights={"origin_cap": "40%"}), "40% cannot hold with 2 origins (a, b): give"),
        (_config(engine={"step": "2s"}), "engine.step: a step of 2s is longer than 1s: a pause"),
        (_config(engine={"coalesce": "200ms"}), "coalesce 200ms is longer than step 100ms"),
        (_market(number=-1), "markets.X-USD.number"),
        (
            _config(feeds=[{"kind": "ccxt", "venue": "okx", "symbols": ["X/Y"], "poll": "500us"}]),
            "a poll every 0.5ms is more often than every 50ms",
        ),
        (_market(min_sources=3), "min_sources 3 exceeds the 2 sources"),
        (_market(min_origins=3), "min_origins 3 exceeds the 2 origins"),
        (_deviation(guarded="5%", halted="2%"), "needs guarded < halted; got 500.0, 200.0 bps"),
        (_deviation(guarded="2%", volatile="1%"), "guarded <= volatile <= halted"),
        (_deviation(volatile="2%"), "a deviation needs a bound"),
        (_market(breaker={"deviations": [{"guarded": "1%"}] * 5}), "at most 4 items"),
        (_market(breaker={"release": "9%"}), "breaker.release"),
        (_market(breaker={"alarm_sources": 1}), "alarm_sources 1 is below min_sources 2"),
        (_market(breaker={"alarm_origins": 3}), "breaker.alarm_origins 3 exceeds the 2 origins"),
        (_market(breaker={"peg": {"guarded": "2%", "cut": "1%"}}), "a peg needs guarded <= cut"),
        (_market(breaker={"mark": {"guarded": "0%"}}), "breaker.mark.guarded"),
        (_market(sources=[{"source": "nonsense"}]), "not of the form venue:SYMBOL"),
        (_market(sources=[{"source": "u:0x1"}]), "does not name its quote currency"),
        (_market(sources=[{"source": "a:X/USD"}] * 2), "listed twice"),
        (_market(sources=[{"source": "a:X/EUR"}, {"source": "b:X/USD"}]), "needs market EUR-USD"),
        (_market(perps=[{"source": "a:Y/USD:USD"}]), "prices Y, not X; if that is the same asset"),
        (
            _market(sources=[{"source": "a:1000X/USD"}, {"source": "b:X/USD"}]),
            "source 'a:1000X/USD' of market X-USD prices 1000X, not X",
        ),
        ({"markets": {}}, "markets"),
        ({"markets": {"btc": {"number": 0}}}, "markets"),
        ({}, "markets: this key is required"),
        (_committee(threshold=4), "it must be 5 to 7"),
        (_committee(members=MEMBERS[::-1]), "rising order"),
        (_committee(epoch=0), "epoch"),
        (
            _committee(keys=[{"keystore": "a", "password_env": "P"}] * 2),
            "say shared_view: true",
        ),
        (_committee(keys=[{"keystore": "a"}]), "exactly one of password_file and password_env"),
        (_config(bus={"kind": "redis"}), "bus"),
        (_config(version=2), "version"),
    ],
)
def test_mistakes_are_named(data, complaint):
    """One line: the place, what was given, what is allowed."""
    with pytest.raises(ConfigError) as raised:
        parse(data, "x.yaml")
    text = str(raised.value)
    assert text.startswith("x.yaml: ")
    assert complaint in text
    assert "\n" not in text


def test_conversion_in_a_circle_is_refused():
    """Two edges that need each other can never be computed."""
    data = {
        "markets": {
            "EUR-USD": {
                "number": 0,
                "sources": [{"source": "a:EUR/USD"}, {"source": "b:EUR/EUR"}],
            },
        }
    }
    with pytest.raises(ConfigError, match="circle"):
        parse(data)


def test_market_numbers_are_unique():
    """Two markets on one place of one word would overwrite each other."""
    data = _config()
    data["markets"]["USDT-USD"]["number"] = 0
    with pytest.raises(ConfigError, match="market number 0 is used twice"):
        parse(data)


def test_defaults_reach_every_market_that_says_nothing():
    """What a market says itself wins."""
    data = _config(defaults={"max_age": "3s", "min_origins": 1})
    data["markets"]["BTC-USD"]["max_age"] = "7s"
    config = parse(data)
    assert config.markets["USDT-USD"].max_age == 3 * 10**9
    assert config.markets["BTC-USD"].max_age == 7 * 10**9


def test_defaults_reach_into_the_sections_of_a_market():
    """A market that sets one bound of its breaker keeps the others of the defaults."""
    data = _config(defaults={"breaker": {"dwell": "9s", "mark": {"guarded": "1%"}}})
    data["markets"]["BTC-USD"]["breaker"] = {"mark": {"halted": "8%"}}
    breaker = parse(data).markets["BTC-USD"].breaker
    assert (breaker.dwell, breaker.mark.guarded, breaker.mark.halted) == (9 * 10**9, 100.0, 800.0)


@pytest.mark.parametrize(
    ("default", "own"),
    [("fair_basis", {"max_basis": "3%"}), ({"max_basis": "3%"}, "fair_basis")],
)
def test_a_shorthand_loses_no_default(default, own):
    """A bare name merges with a section as the section that it stands for."""
    data = _config(defaults={"mark": default, "twap": "1m"})
    data["markets"]["BTC-USD"] |= {"mark": own, "twap": {"clamp": "1%"}}
    market = parse(data).markets["BTC-USD"]
    assert (market.mark.method, market.mark.max_basis) == ("fair_basis", 300.0)
    assert (market.twap.window, market.twap.clamp) == (60 * 10**9, 100.0)


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({"method": "index_only"}, "mark.method"),
        ({"basis_ema": "1m"}, "mark.basis"),
        ({"max_basis": "1%"}, "mark.max_basis"),
        ({"max_spread": "1%"}, "admission.max_spread"),
        ({"breaker": {"window": "5m"}}, "deviations.window"),
        ({"breaker": {"guarded": "2%"}}, "deviations.guarded"),
    ],
)
def test_a_key_of_a_section_inside_is_shown_where_it_belongs(changes, meant):
    """Who writes a key one level too high is told its place."""
    with pytest.raises(ConfigError, match=rf"unknown key; did you mean '{re.escape(meant)}'\?"):
        parse(_market(**changes))


def test_the_keys_of_a_feed_are_those_of_its_kind():
    """A typo in a replay feed is not met with the keys of an exchange."""
    with pytest.raises(ConfigError, match=r"did you mean 'speed'\? allowed: files, kind, speed"):
        parse(_config(feeds=[{"kind": "replay", "files": ["a.csv"], "sped": 1}]))


def test_another_name_of_the_same_asset_is_said_by_base():
    """WETH is ETH only where the operator says so; letters' case is no other name."""
    sources = [{"source": "a:WETH/USD", "base": "ETH"}, {"source": "b:eth/USD"}]
    pool = {"source": "uniswap3:0xAb", "quote": "USD"}
    data = {"markets": {"ETH-USD.twap": {"number": 0, "sources": [*sources, pool]}}}
    bases = [entry.base for entry in parse(data).markets["ETH-USD.twap"].sources]
    assert bases == ["ETH", "eth", ""]


def test_venues_of_one_operator_are_one_origin():
    """A quorum of origins cannot be met by one company twice, unless the operator says so."""
    names = ["binance:X/USD", "binanceusdm:X/USD", "myokx:X/USD", "uniswap3:0xAb"]
    sources = [{"source": name, "quote": "USD"} for name in names]
    given = parse(_market(sources=sources)).markets["X-USD"].sources
    assert [entry.origin for entry in given] == ["binance", "binance", "okx", "uniswap3:0xAb"]
    with pytest.raises(ConfigError, match=r"exceeds the 1 origins \(binance\)"):
        parse(_market(sources=sources[:2]))
    sources[1]["origin"] = "binanceusdm"
    assert parse(_market(sources=sources[:2])).markets


def test_hash_follows_what_decides_prices():
    """Another weight is another hash; another port is not."""
    plain, ported = parse(_config()), parse(_config(api={"port": 1}))
    weighted = _config()
    weighted["markets"]["BTC-USD"]["sources"][0]["weight"] = 2.0
    assert config_hash(plain) == config_hash(ported)
    assert config_hash(plain) != config_hash(parse(weighted))


def test_engine_converts_through_the_market_of_the_quote():
    """USDT quotes go through USDT-USD, USD quotes through nothing; edges come first."""
    spec = engine_spec(parse(_config()).markets)
    btc = next(market for market in spec.markets if market.name == "BTC-USD")
    assert [source.edge for source in btc.sources] == ["USDT-USD", None]
    assert spec.levels == (("USDT-USD",), ("BTC-USD",))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("markets: [", "is not YAML"), ("- 1", "must be a mapping"), ("\x00", "is not YAML")],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text, complaint):
    """Broken YAML is said in one line too."""
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as raised:
        load(file)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path):
    """The path is in the complaint."""
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        load(tmp_path / "none.yaml")

"""Configuration: every mistake is named with its place, what was given and what is allowed."""

from __future__ import annotations

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
                "method": "index_only",
                "sources": [{"source": "kraken:USDT/USD"}, {"source": "coinbase:USDT/USD"}],
            },
        }
    } | changes


def _market(**changes: Any) -> dict[str, Any]:
    sources = [{"source": "a:X/USD"}, {"source": "b:X/USD"}]
    return {"markets": {"X-USD": {"number": 0, "sources": sources} | changes}}


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
        (_market(max_basis="9999999%"), "'9999999%' is more than 10000%"),
        (_config(engine={"step": "2s"}), "engine.step: a step of 2s is longer than 1s: a pause"),
        (_config(engine={"coalesce": "200ms"}), "coalesce 200ms is longer than step 100ms"),
        (_market(number=-1), "markets.X-USD.number"),
        (
            _config(feeds=[{"kind": "ccxt", "venue": "okx", "symbols": ["X/Y"], "poll": "500us"}]),
            "a poll every 0.5ms is more often than every 50ms",
        ),
        (_market(min_sources=3), "min_sources 3 exceeds the 2 sources"),
        (_market(min_origins=3), "min_origins 3 exceeds the 2 origins"),
        (_market(breaker={"guarded": "5%", "halted": "2%"}), "release < guarded < halted"),
        (_market(sources=[{"source": "nonsense"}]), "not of the form venue:SYMBOL"),
        (_market(sources=[{"source": "u:0x1"}]), "does not name its quote currency"),
        (_market(sources=[{"source": "a:X/USD"}] * 2), "listed twice"),
        (_market(sources=[{"source": "a:X/EUR"}, {"source": "b:X/USD"}]), "needs market EUR-USD"),
        ({"markets": {}}, "markets"),
        ({"markets": {"btc": {"number": 0}}}, "markets"),
        ({}, "markets: this key is required"),
        (_committee(threshold=3), "more than half"),
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
            "EUR-USD": {"number": 0, "sources": [{"source": "a:X/USD"}, {"source": "b:X/EUR"}]},
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
    data = _config(defaults={"breaker": {"guarded": "1%", "release": "0.5%"}})
    data["markets"]["BTC-USD"]["breaker"] = {"guarded": "0.8%"}
    breaker = parse(data).markets["BTC-USD"].breaker
    assert (breaker.guarded, breaker.release, breaker.halted) == (80.0, 50.0, 500.0)


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

"""Adapters of the deploy file: what they are deployed with, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.evm.adapters import Adapter, adapters_of, check_uptime_feed
from deploy.evm.settings import load_deploy_file
from oracle.model.errors import ConfigError
from tests.unit.deploy.test_settings import CHAIN, write

ORACLE = "0x" + "0A" * 20
FEED = "0x" + "Fe" * 20
COLLECTOR = "0x" + "Cc" * 20
LINK: dict[str, Any] = {
    "least": "VALID",
    "max_age": "60s",
    "chainlink": {"market": 0, "decimals": 8, "description": "BTC / USD"},
}
PULLED: dict[str, Any] = {
    "least": "GUARDED",
    "max_age": "1500ms",
    "erc7412": {"market": 0, "fee_wei": 7, "collector": COLLECTOR},
}
PYTH: dict[str, Any] = {
    "least": "GUARDED",
    "max_age": "60s",
    "pyth": {
        "feeds": [
            {
                "id": "0x" + "b7" * 32,
                "market": 0,
                "ema": {"market": 9, "instrument": "BTC-USD.twap"},
            },
        ]
    },
}


def _adapters(folder: Path, adapters: dict[str, Any], **chain: Any) -> dict[str, Adapter]:
    file = load_deploy_file(write(folder, adapters=adapters, chains={"alpha": CHAIN | chain}))
    return {one.name: one for one in adapters_of(file, "alpha", ORACLE)}


def test_what_adapters_are_deployed_with(tmp_path: Path):
    """Oracle, market, instrument and policy in the constructor's order; addresses lower case."""
    sequencer = {"feed": FEED, "grace": "1h"}
    made = _adapters(tmp_path, {"a": LINK, "b": PULLED, "c": PYTH}, sequencer=sequencer)
    btc = b"BTC-USD".ljust(32, b"\0")
    nobody, oracle = "0x" + "00" * 20, ORACLE.lower()
    policy = (6, 60_000, FEED.lower(), 3600)
    assert made["a"].arguments == (oracle, 0, btc, policy, 8, "BTC / USD")
    guarded = (5, 1500, FEED.lower(), 3600)
    assert made["b"].arguments == (oracle, 0, btc, guarded, 7, COLLECTOR.lower())
    feed = (b"\xb7" * 32, btc, b"BTC-USD.twap".ljust(32, b"\0"), 0, 9, 8)
    assert made["c"].arguments == (oracle, (5, *policy[1:]), [feed], 0, nobody)
    assert made["c"].markets == {0: "BTC-USD", 9: "BTC-USD.twap"}
    assert len({one.address for one in made.values()}) == 3


def test_without_a_sequencer_there_is_no_grace(tmp_path: Path):
    """Zero and zero, as the contract wants it."""
    assert _adapters(tmp_path, {"a": LINK})["a"].arguments[3] == (6, 60_000, "0x" + "00" * 20, 0)


def test_an_adapter_of_other_chains_is_left_out(tmp_path: Path):
    """Only the chains that it names get it."""
    chains = {"alpha": CHAIN, "beta": CHAIN | {"chain_id": 2}}
    adapters = {"a": LINK | {"chains": ["beta"]}}
    file = load_deploy_file(write(tmp_path, adapters=adapters, chains=chains))
    assert adapters_of(file, "alpha", ORACLE) == ()
    assert len(adapters_of(file, "beta", ORACLE)) == 1


def test_what_a_deployed_one_says_is_compared_field_by_field(tmp_path: Path):
    """The first getter that returns something else is named with both values."""
    one = _adapters(tmp_path, {"a": LINK})["a"]
    wanted = [value for _, _, value in one.expected]
    assert one.difference(wanted) is None
    for at, (getter, _, _) in enumerate(one.expected):
        others = list(wanted)
        others[at] = b"\x01" if isinstance(wanted[at], bytes) else 99
        assert getter in (one.difference(others) or "")


def test_another_policy_is_another_address(tmp_path: Path):
    """Nothing of an adapter changes: it is deployed anew."""
    one = _adapters(tmp_path, {"a": LINK})["a"]
    other = _adapters(tmp_path, {"a": LINK | {"max_age": "61s"}})["a"]
    assert one.address != other.address
    assert replace(one, name="b").address == one.address


@pytest.mark.parametrize(
    ("adapter", "text"),
    [
        (LINK | {"pyth": PYTH["pyth"]}, "exactly one of"),
        ({"least": "VALID", "max_age": "60s"}, "exactly one of"),
        (LINK | {"least": "STALE"}, "'TOO_VOLATILE', 'TOO_UNCERTAIN', 'GUARDED' or 'VALID'"),
        (LINK | {"max_age": "60ms"}, "from 1s to 1d"),
        (LINK | {"max_age": "25h"}, "from 1s to 1d"),
        (LINK | {"chains": ["gamma"]}, "chain gamma is not in chains"),
        (LINK | {"chainlink": {"market": 5, "description": ""}}, "market 5 is not in instruments"),
        (
            LINK | {"chainlink": {"market": 0, "instrument": "X-USD", "description": ""}},
            "market 0 is BTC-USD in instruments, not X-USD",
        ),
        (LINK | {"chainlink": {"market": 0, "decimals": 19, "description": ""}}, "equal to 18"),
        (PULLED | {"erc7412": {"market": 0, "fee_wei": 1}}, "a fee needs a collector"),
        (PYTH | {"pyth": {"feeds": PYTH["pyth"]["feeds"] * 2}}, "two have the same id"),
    ],
)
def test_what_an_adapter_may_not_be(tmp_path: Path, adapter: dict[str, Any], text: str):
    """Each is refused before any node is asked."""
    with pytest.raises(ConfigError, match=text):
        load_deploy_file(write(tmp_path, adapters={"a": adapter}))


@pytest.mark.parametrize(
    ("code", "answer", "text"),
    [
        (b"", (), "it has no code"),
        (b"\1", (1, 60_000 * 10**8, 5, 5, 1), "its answer is 6000000000000 since 5"),
        (b"\1", (1, 0, 0, 0, 1), "its answer is 0 since 0"),
    ],
)
def test_what_is_no_uptime_feed(code: bytes, answer: tuple[int, ...], text: str):
    """Nothing, a price feed, a feed that never had a status: an adapter on it would never read."""
    with pytest.raises(ConfigError, match=text):
        check_uptime_feed(FEED, code, answer)
    check_uptime_feed(FEED, b"\1", (1, 1, 5, 5, 1))

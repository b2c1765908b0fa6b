"""What is believed of a contract, when endpoints contradict each other or it is another one."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from eth_abi.abi import encode

from oracle.config.deployment import EvmChainConfig
from oracle.model.fixed import Px
from oracle.model.validity import Validity
from relayer.evm.abi import SALT_CALL, load_abi
from relayer.evm.errors import NodeError, OtherDeployment, QuorumFailed
from relayer.evm.reader import MarkReader
from relayer.held import HeldMark, Sight
from tests.unit.relayer.test_rpc import CHAIN_ID, block

SALT, OTHER_SALT = bytes([7] * 32), bytes([8] * 32)
ORACLE, WALLET = "0x" + "22" * 20, "0x" + "33" * 20
NAMES = ("one", "two", "three")
TIME_MS = 1_790_000_000_000
MARKS = {"BTC-USD": 0, "ETH-USD": 1}


class Endpoints:
    """What each endpoint says of the salt, of the mark's time, and of the wallet."""

    def __init__(self) -> None:
        self.salts = dict.fromkeys(NAMES, SALT)
        self.times_ms = dict.fromkeys(NAMES, TIME_MS)
        self.balances = dict.fromkeys(NAMES, 5)
        self.empty = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        calls = body if isinstance(body, list) else [body]
        answers = [
            {"id": call["id"], "result": self._answer(request.url.host, **call)} for call in calls
        ]
        return httpx.Response(200, json=answers if isinstance(body, list) else answers[0])

    def _answer(self, name: str, method: str, params: list[Any], **_: object) -> Any:
        if method == "eth_call" and self.empty:
            return "0x"
        if method == "eth_call":
            salted = params[0]["data"] == "0x" + SALT_CALL.hex()
            return "0x" + (self.salts[name] if salted else _mark(self.times_ms[name])).hex()
        return {
            "eth_chainId": hex(CHAIN_ID),
            "eth_getBlockByNumber": block(100),
            "eth_getBalance": hex(self.balances[name]),
        }[method]


def _mark(time_ms: int) -> bytes:
    (function,) = (entry for entry in load_abi() if entry.get("name") == "readMark")
    fields = function["outputs"][0]["components"]
    values = {"statusTimeMs": time_ms, "priceE18": 5 * 10**18, "validity": int(Validity.VALID)}
    typed = [False if f["type"] == "bool" else values.get(f["name"], 0) for f in fields]
    return encode([f"({','.join(f['type'] for f in fields)})"], [typed])


async def look(endpoints: Endpoints, **changes: object) -> Sight:
    """Look once, through three endpoints of which two must agree."""
    config = EvmChainConfig.model_validate(
        {
            "name": "alpha",
            "chain_id": CHAIN_ID,
            "rpc": [f"http://{name}" for name in NAMES],
            "oracle": ORACLE,
            "key": {"keystore": "none", "password_env": "NONE"},
        }
        | changes
    )
    reader = MarkReader(config, salt=SALT, transport=httpx.MockTransport(endpoints))
    try:
        return await reader.look(MARKS, WALLET)
    finally:
        await reader.aclose()


async def test_what_all_say() -> None:
    """Marks, the balance, the block and its price of gas, all of one block."""
    seen = await look(Endpoints())
    mark = HeldMark(Px(5 * 10**18, -18), TIME_MS, Validity.VALID)
    assert seen.marks == dict.fromkeys(MARKS, mark)
    assert (seen.block, seen.balance_wei) == (100, 5)


@pytest.mark.parametrize("liar", NAMES)
async def test_one_liar_of_three_is_not_believed(liar: str) -> None:
    """Neither of a fresh mark nor of a full wallet, wherever it stands in the configuration."""
    endpoints = Endpoints()
    endpoints.times_ms[liar] += 60_000
    endpoints.balances[liar] = 10**18
    seen = await look(endpoints)
    assert {mark.time_ms for mark in seen.marks.values()} == {TIME_MS}
    assert seen.balance_wei == 5


async def test_no_two_say_the_same() -> None:
    """Then nothing is known, and that is an alarm; nothing is chosen."""
    endpoints = Endpoints()
    endpoints.times_ms = {"one": TIME_MS, "two": TIME_MS + 1, "three": TIME_MS + 2}
    with pytest.raises(QuorumFailed):
        await look(endpoints)


async def test_the_watchdogs_own_endpoints_have_a_quorum_of_their_own() -> None:
    """A majority of three, whatever `rpc` has; one is believed alone."""
    endpoints = Endpoints()
    endpoints.times_ms["three"] += 60_000
    own = {"rpc": ["http://three"], "watch_rpc": [f"http://{name}" for name in NAMES]}
    seen = await look(endpoints, **own)
    assert seen.marks["BTC-USD"].time_ms == TIME_MS
    seen = await look(endpoints, watch_rpc=["http://three"])
    assert seen.marks["BTC-USD"].time_ms == TIME_MS + 60_000


@pytest.mark.parametrize("found", [OTHER_SALT, b""])
async def test_a_contract_of_another_deployment_is_told(found: bytes) -> None:
    """Its marks look like ours; both salts are in the error, to be compared."""
    endpoints = Endpoints()
    endpoints.salts = dict.fromkeys(NAMES, found)
    with pytest.raises(OtherDeployment) as caught:
        await look(endpoints)
    assert f"0x{SALT.hex()}" in str(caught.value)
    assert (f"0x{found.hex()}" if found else "(none)") in str(caught.value)


async def test_nothing_is_there() -> None:
    """An address without a contract answers calls with nothing."""
    endpoints = Endpoints()
    endpoints.empty = True
    with pytest.raises((NodeError, OtherDeployment)):
        await look(endpoints)

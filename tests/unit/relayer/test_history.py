"""What updates cost, from endpoints that tell it in their own ways; a real node is in
`tests/integration/status`."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from eth_abi.abi import encode
from prometheus_client import CollectorRegistry

from oracle.model.errors import Retryable
from relayer.evm import history
from relayer.evm.abi import UPDATED_TOPIC
from relayer.evm.history import DAY_S, History, HistoryReader, Update
from relayer.evm.rpc import JsonRpc
from relayer.metrics import RelayerMetrics

ORACLE = "0x" + "ab" * 20
US, OTHERS = "0x" + "11" * 20, "0x" + "22" * 20
HEAD_S = 1_800_000_000
BLOCK_S = 2


class Provider:
    """A chain of a block each 2 s, with an update of ours in every hundredth."""

    def __init__(self, blocks: int = 100_000) -> None:
        self.blocks = blocks
        self.most_blocks = 10_000
        self.most_logs = 1_000
        self.stamps_logs = False
        self.l1_fee: str | None = None
        self.logs_asked = 0
        self.refuses_logs = False
        self.useless = 0
        """Transactions of ours that stored nothing."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        answers = [self._answer(item) for item in (asked if isinstance(asked, list) else [asked])]
        return httpx.Response(200, json=answers if isinstance(asked, list) else answers[0])

    def nonce_of(self, block: int) -> int:
        """Return the nonce of our update in a block, or of the last before it."""
        return len([at for at in range(0, block + 1, 100) if at % 1000]) - 1

    def time_s(self, block: int) -> int:
        """Return a block's time."""
        return HEAD_S - (self.blocks - block) * BLOCK_S

    def _answer(self, item: dict[str, Any]) -> dict[str, Any]:
        head = {"jsonrpc": "2.0", "id": item["id"]}
        method, params = item["method"], item["params"]
        if method == "eth_chainId":
            return {**head, "result": "0x1"}
        if method == "eth_getBlockByNumber":
            number = self.blocks if params[0] == "latest" else int(params[0], 16)
            return {**head, "result": self._header(number)}
        if method == "eth_getLogs":
            return head | self._logs(params[0])
        if method == "eth_getTransactionCount":
            return {**head, "result": hex(self.nonce_of(self.blocks) + 1 + self.useless)}
        block = int(params[0], 16)
        if method == "eth_getTransactionByHash":
            return {**head, "result": {"nonce": hex(self.nonce_of(block))}}
        receipt = {
            "transactionHash": params[0],
            "blockNumber": hex(block),
            "from": US if block % 1000 else OTHERS,
            "gasUsed": hex(50_000),
            "effectiveGasPrice": hex(10**9),
        }
        return {**head, "result": receipt | ({"l1Fee": self.l1_fee} if self.l1_fee else {})}

    def _header(self, number: int) -> dict[str, str]:
        return {"number": hex(number), "hash": hex(number), "timestamp": hex(self.time_s(number))}

    def _logs(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert (asked["address"], asked["topics"]) == (ORACLE, [UPDATED_TOPIC])
        self.logs_asked += 1
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        if self.refuses_logs or last - first >= self.most_blocks:
            return {"error": {"code": -32602, "message": "block range too large"}}
        blocks = [block for block in range(first, last + 1) if block % 100 == 0]
        if len(blocks) > self.most_logs:
            return {"error": {"code": -32602, "message": "more than 1000 results"}}
        return {"result": [self._log(block) for block in blocks]}

    def _log(self, block: int) -> dict[str, str]:
        stored = encode(["uint64", "bytes"], [block, (3).to_bytes(2, "big") + bytes(32)])
        log = {"transactionHash": f"0x{block:064x}", "blockNumber": hex(block),
               "data": "0x" + stored.hex()}  # fmt: skip
        return log | ({"blockTimestamp": hex(self.time_s(block))} if self.stamps_logs else {})


async def read(provider: Provider, window_s: float = DAY_S) -> History:
    """Read through a provider."""
    rpc = JsonRpc(
        "alpha", 1, ["http://one.test"], 5.0, RelayerMetrics(CollectorRegistry()),
        transport=httpx.MockTransport(provider),
    )  # fmt: skip
    reader = HistoryReader(rpc, ORACLE)
    try:
        return await reader.read(provider.blocks, HEAD_S, window_s)
    finally:
        await rpc.aclose()


async def useless(provider: Provider, found: History) -> int:
    """Ask a provider what the history leaves out."""
    rpc = JsonRpc(
        "alpha", 1, ["http://one.test"], 5.0, RelayerMetrics(CollectorRegistry()),
        transport=httpx.MockTransport(provider),
    )  # fmt: skip
    try:
        return await HistoryReader(rpc, ORACLE).useless_of(found, US)
    finally:
        await rpc.aclose()


@pytest.mark.parametrize("stamps_logs", [True, False])
async def test_a_window_of_it(stamps_logs: bool) -> None:
    """Updates of the last four hours and no others, newest first, with their times."""
    provider = Provider()
    provider.stamps_logs = stamps_logs
    found = await read(provider, 4 * 3600)
    assert found.over_s == 4 * 3600
    assert len(found.updates) == 4 * 3600 // (100 * BLOCK_S) + 1
    newest, oldest = found.updates[0], found.updates[-1]
    assert (newest.block, newest.time_s, newest.groups) == (100_000, HEAD_S, (3,))
    assert oldest.time_s == pytest.approx(HEAD_S - 4 * 3600, abs=1)
    assert len(found.of(US)) + len(found.of(OTHERS)) == len(found.updates)
    assert found.spent_wei(US) == len(found.of(US)) * 50_000 * 10**9


async def test_what_is_spent_has_the_fee_for_data() -> None:
    """Rollups take it apart from gas, and it is most of the cost."""
    provider = Provider(blocks=250)
    provider.l1_fee = hex(7 * 10**15)
    found = await read(provider)
    assert found.updates[0].paid_wei == 50_000 * 10**9 + 7 * 10**15


async def test_a_young_chain() -> None:
    """Back to its first block and no further; the time is that of the chain."""
    found = await read(Provider(blocks=250))
    assert [update.block for update in found.updates] == [200, 100, 0]
    assert found.over_s == 500


async def test_a_provider_of_few_blocks_a_request_is_asked_for_fewer() -> None:
    """And one that cannot be asked for little enough is given up."""
    provider = Provider()
    provider.most_blocks = 200
    found = await read(provider, 3600)
    assert found.over_s == 3600
    provider.refuses_logs = True
    with pytest.raises(Retryable, match="block range too large"):
        await read(provider)


async def test_it_is_bounded() -> None:
    """In requests on a chain of many blocks, in receipts on one of many updates."""
    provider = Provider(blocks=10_000_000)
    provider.most_blocks = 60
    found = await read(provider)
    assert provider.logs_asked <= history.MOST_REQUESTS
    assert 0 < found.over_s < DAY_S
    found = await read(Provider())
    assert len(found.updates) == history.MOST_RECEIPTS
    whole_s = history.MOST_RECEIPTS * 100 * BLOCK_S
    assert whole_s - 100 * BLOCK_S <= found.over_s <= whole_s


async def test_what_stored_nothing_is_counted_by_nonces() -> None:
    """Reverts and no-ops leave no event; the wallet paid for them all the same."""
    provider = Provider(blocks=4_950)
    found = await read(provider)
    assert await useless(provider, found) == 0
    provider.useless = 3
    assert await useless(provider, found) == 3
    assert await useless(provider, History((), 0.0)) == 0


def _update(time_s: float, paid_wei: int = 10, sender: str = US) -> Update:
    return Update("0x1", sender, 1, time_s, 1, paid_wei, (0,))


def test_the_rate_is_of_the_time_since_our_first_update() -> None:
    """An hour's spending is not taken for a day's, nor a day's for an hour's."""
    hourly = History(tuple(_update(-3600.0 * n) for n in range(4)), DAY_S)
    assert hourly.wei_per_day(US, 0.0) == pytest.approx(240)
    stopped = History(tuple(_update(-3600.0 * n) for n in range(20, 24)), DAY_S)
    assert stopped.wei_per_day(US, 0.0) == pytest.approx(30 * 24 / 23)
    assert stopped.wei_per_day(US.upper().replace("0X", "0x"), 0.0) is not None


def test_the_rate_has_what_stored_nothing_in_it() -> None:
    """At the price of an update; also when there is but one of those."""
    hourly = History(tuple(_update(-3600.0 * n) for n in range(4)), DAY_S)
    assert hourly.wei_per_day(US, 0.0, useless=3) == pytest.approx(480)
    one = History((_update(-3600.0),), DAY_S)
    assert one.wei_per_day(US, 0.0, useless=2) == pytest.approx(480)


def test_one_update_is_no_rate() -> None:
    """Nor are those of others."""
    mixed = History((_update(0), _update(-10, sender=OTHERS), _update(-20, sender=OTHERS)), 60)
    assert mixed.wei_per_day(US, 0.0) is None
    assert mixed.spent_wei(US) == 10

"""What a keeper calls and hears of the perp contracts; their ABIs are beside it in the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from relayer.evm.abi import selector
from relayer.evm.errors import Malformed
from relayer.evm.results import Log


class Function(NamedTuple):
    """A function: how it is called and answered."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """Name and types."""
        return f"{self.name}({','.join(self.inputs)})"

    def call(self, *values: Any) -> bytes:
        """Return calldata."""
        return selector(self.signature) + encode(self.inputs, values)

    def read(self, data: bytes) -> tuple[Any, ...]:
        """Return what it answers.

        Raises:
            Malformed: no such answer.
        """
        try:
            return tuple(decode(self.outputs, data))
        except (DecodingError, OverflowError, UnicodeDecodeError) as error:
            raise Malformed(f"{self.name} answers 0x{data.hex()[:80]}") from error


class Event(NamedTuple):
    """An event; `indexed` types come first, as topics."""

    name: str
    types: tuple[str, ...]

    @property
    def topic(self) -> str:
        """What its logs begin with."""
        return "0x" + keccak(f"{self.name}({','.join(self.types)})".encode()).hex()


_ACCOUNT: Final = ("uint256",)
_ACCOUNT_AND: Final = ("uint256", "uint256")
ORDER: Final = "(uint256,int128,uint128,uint16,uint8,uint48,uint40,uint32,uint32,uint128)"

POSITION: Final = Function("position", _ACCOUNT_AND, ("int128", "int128", "int128"))
MARKETS_OF: Final = Function("marketsOf", _ACCOUNT, ("uint256[]",))
OPEN_MARKETS: Final = Function("openMarkets", (), ("uint256[]",))
MARKET_STATE: Final = Function(
    "marketState",
    ("uint256",),
    ("uint128", "uint128", "int128", "int128", "int128", "int128", "int64", "uint40", "uint128"),
)
MARGIN_OF: Final = Function(
    "marginOf", ("uint256", "uint8"), ("int256", "uint256", "uint256", "bool")
)
ACCRUE: Final = Function("accrue", ("uint256",))
TRADERS_PNL: Final = Function("tradersPnlE18", _ACCOUNT_AND, ("int256",))

CASH_OF: Final = Function("cashOf", _ACCOUNT, ("int256",))
HELD_BY: Final = Function("heldBy", _ACCOUNT, ("uint256",))
SHARES_OF: Final = Function("sharesOf", _ACCOUNT_AND, ("uint256",))
RATE: Final = Function("rateE18", ("uint256",), ("uint256",))

MARKET_RISK: Final = Function("marketRisk", ("uint256",), ("uint256",) * 3)
COLLATERAL_RISK: Final = Function("collateralRisk", ("uint256",), ("uint256",) * 2)
GLOBAL_RISK: Final = Function("globalRisk", (), ("uint256",) * 3)
LISTED_MARKETS: Final = Function("listedMarkets", (), ("uint256[]",))

GET_ORDER: Final = Function("order", ("uint256",), (ORDER,))
SETTLE: Final = Function("settle", ("uint256", "bytes"), ("uint8",))
SETTLE_MANY: Final = Function("settleMany", ("uint256[]", "bytes"))
TRIGGER: Final = Function("trigger", ("uint256",))
EXPIRE: Final = Function("expire", ("uint256",))

RECORD_OF: Final = Function("recordOf", _ACCOUNT, ("uint256", "uint256", "uint256"))
WINDOW_OF: Final = Function("windowOf", ("uint256",), ("uint256", "uint256", "uint256"))
DEFICIT_OF: Final = Function("deficitOf", ("uint256",), ("uint256", "uint256"))
MARGIN_CALL: Final = Function("marginCall", _ACCOUNT)
LIQUIDATE: Final = Function("liquidate", ("uint256", "uint256", "bytes"), ("uint256",))
SEIZE: Final = Function("seize", ("uint256", "uint256", "uint256", "uint256"))
BACKSTOP: Final = Function("backstop", _ACCOUNT_AND)
ABSORB: Final = Function("absorb", _ACCOUNT)
NOMINATE: Final = Function("nominate", _ACCOUNT_AND)
DELEVERAGE: Final = Function("deleverage", ("uint256",))
SHARE_DEFICIT: Final = Function("shareDeficit", ("uint256",))
SCORE: Final = Function("scoreE18", _ACCOUNT_AND, ("uint256",))

PURPOSE_LIQUIDATE: Final = 1
POOL: Final = 1
INSURANCE: Final = 2
RESERVE: Final = 3
SUB_BITS: Final = 96

ACCOUNT_TOPICS: Final = {
    Event("Deposited", ("uint256", "uint256", "uint256", "address")).topic: (1,),
    Event("Withdrawn", ("uint256", "uint256", "uint256", "address")).topic: (1,),
    Event("Moved", ("uint256", "uint256", "uint256")).topic: (1, 2),
    Event("CollateralMoved", ("uint256", "uint256", "uint256", "uint256")).topic: (1, 2),
    Event(
        "Filled", ("uint256", "uint256", "int256", "uint256", "uint256", "int256", "int256")
    ).topic: (1,),
    Event("MarginCall", ("uint256", "int256", "uint256")).topic: (1,),
    Event("MarginCallEnded", ("uint256",)).topic: (1,),
}
"""Events of the vault, the engine and the liquidator after which an account is another, and which
of their topics name it."""
ORDER_TOPICS: Final = {
    Event("Committed", ("uint256", "uint256", ORDER)).topic,
    Event("Triggered", ("uint256", "uint256", "uint256")).topic,
    Event("Settled", ("uint256", "uint8", "bytes4", "uint256", "address")).topic,
}
"""Events of an order, which the first topic names."""


def numbers(log: Log, places: Sequence[int]) -> list[int]:
    """Return the numbers that some of a log's topics are.

    Raises:
        Malformed: there are no such topics.
    """
    try:
        return [int(log.topics[place], 16) for place in places]
    except (IndexError, ValueError, TypeError) as error:
        raise Malformed(f"a log with topics {log.topics!r:.80}") from error


def is_system(account: int) -> bool:
    """Tell whether a row is the protocol's own."""
    return account >> SUB_BITS == 0


def own_account(wallet: str) -> int:
    """Return the cross-margin account of a wallet, which keepers' rewards go to."""
    return int(wallet, 16) << SUB_BITS

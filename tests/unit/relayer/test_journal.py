"""The journal: what is written is there, for one owner, and not for ever."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from oracle.model.errors import ConfigError
from relayer.evm.errors import Unwritten
from relayer.evm.fees import Fees
from relayer.evm.journal import HOUR_NS, KEPT, Journal
from relayer.evm.ledger import Bid, Purpose, Transaction, TransactionState
from relayer.evm.results import Mined
from relayer.evm.transaction import Call, SignedTransaction

WALLET = "0x" + "12" * 20


def bid(nonce: int, number: int = 0, fees: Fees | None = None) -> Bid:
    """A bid with bytes of its own."""
    signed = SignedTransaction(bytes([nonce, number]) * 50, f"0x{nonce:02x}{number:02x}")
    return Bid(signed, fees or Fees(10**20, None if number else 10**19))


def transaction(nonce: int) -> Transaction:
    """An open transaction."""
    purpose = Purpose(7, (0, 3), "validity", 5)
    return Transaction(nonce, purpose, Call(WALLET, b"data", 90_000), [bid(nonce)], 6)


def plain(transactions: dict[int, Transaction]) -> dict[int, dict[str, Any]]:
    """What of transactions is kept on disk, to compare."""
    return {
        nonce: {
            "purpose": t.purpose,
            "call": t.call,
            "bids": [(b.signed, b.fees) for b in t.bids],
            "state": t.state,
            "block": (t.block, t.block_hash, t.paid_wei, t.mined_ns, t.first_sent_ns),
        }
        for nonce, t in transactions.items()
    }


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Every byte of every bid, states and blocks, after the file was closed."""
    journal = Journal(tmp_path / "sub" / "j.sqlite")
    first, second = transaction(3), transaction(4)
    for t in (first, second):
        journal.add(t)
    journal.add_bid(second, bid(4, 1))
    second.bids.append(bid(4, 1))
    first.mine(Mined("0x0300", True, 9, "0xb", 1, 2 * 10**19, ()), 8)
    journal.update(first, 2 * 10**19)
    journal.close()

    again = Journal(tmp_path / "sub" / "j.sqlite")
    assert plain(again.load()) == plain({3: first, 4: second})
    assert again.spent_day_wei(8) == 2 * 10**19
    assert stat.S_IMODE((tmp_path / "sub" / "j.sqlite").stat().st_mode) == 0o600


def test_without_a_path_nothing_is_kept() -> None:
    """For tests and replays."""
    journal = Journal()
    journal.add(transaction(1))

    assert list(journal.load()) == [1]
    assert list(Journal().load()) == []


def test_writes_are_synchronous(tmp_path: Path) -> None:
    """What is broadcast must survive a power cut: WAL, with a sync for every commit."""
    journal = Journal(tmp_path / "j.sqlite")

    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_two_owners_are_one_too_many(tmp_path: Path) -> None:
    """The second is told so, and the file is free again once the first is gone."""
    first = Journal(tmp_path / "j.sqlite")
    with pytest.raises(ConfigError, match=r"j\.sqlite cannot be taken .*stop the other process"):
        Journal(tmp_path / "j.sqlite")
    first.close()

    Journal(tmp_path / "j.sqlite").close()


def test_it_is_of_one_wallet_on_one_chain(tmp_path: Path) -> None:
    """Another's transactions are not ours to send."""
    journal = Journal(tmp_path / "j.sqlite")
    journal.own(5, WALLET)
    journal.own(5, WALLET)

    with pytest.raises(ConfigError, match=r"of wallet 0x1212.* on chain 5; this is .* chain 6"):
        journal.own(6, WALLET)


@pytest.mark.parametrize(
    "content", [b"no database at all" * 99, b"SQLite format 3\x00" + b"x" * 99]
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """It is not silently begun anew: what was sent would be forgotten."""
    path = tmp_path / "j.sqlite"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"j\.sqlite cannot be read"):
        Journal(path)


def test_a_nonce_has_one_transaction(tmp_path: Path) -> None:
    """A second one for it is refused, and neither it nor its bid is written."""
    journal = Journal(tmp_path / "j.sqlite")
    journal.add(transaction(1))
    other = transaction(1)
    other.bids = [bid(1, 9)]

    with pytest.raises(Unwritten, match="nothing is sent until it can"):
        journal.add(other)
    assert journal.load()[1].hashes == ["0x0100"]


def test_a_full_disk_stops_sending(tmp_path: Path) -> None:
    """What cannot be kept must not be broadcast."""
    journal = Journal(tmp_path / "j.sqlite")
    journal._db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(Unwritten, match="free the disk"):
        _fill(journal)


def _fill(journal: Journal) -> None:
    for nonce in range(200):
        journal.add(transaction(nonce))


def test_what_is_settled_is_forgotten_in_time(tmp_path: Path) -> None:
    """The newest settled ones stay, and all that are not settled."""
    journal = Journal(tmp_path / "j.sqlite")
    for nonce in range(KEPT + 10):
        t = transaction(nonce)
        journal.add(t)
        t.state = TransactionState.OPEN if nonce == 2 else TransactionState.FINAL
        journal.update(t)

    gone = journal.prune(0)

    assert sorted(gone) == [0, 1, *range(3, 10)]
    assert set(journal.load()) == {2, *range(10, KEPT + 10)}
    assert journal._db.execute("SELECT count(*) FROM bids").fetchone() == (KEPT + 1,)
    assert journal.prune(0) == []


def test_a_day_is_the_last_24_hours(tmp_path: Path) -> None:
    """Hours fall out one by one; a reorganised block counts once, at what it cost in the end."""
    journal = Journal(tmp_path / "j.sqlite")
    for hour, paid in ((0, 5), (1, 7), (24, 11)):
        t = transaction(hour)
        journal.add(t)
        t.mine(Mined("0x", True, 9, "0xb", 1, paid, ()), hour * HOUR_NS)
        journal.update(t, paid)

    assert [journal.spent_day_wei(hour * HOUR_NS) for hour in (0, 1, 23, 24, 25, 48)] == [
        5,
        12,
        12,
        18,
        11,
        0,
    ]
    journal.update(t, -4)
    assert journal.spent_day_wei(30 * HOUR_NS) == 7


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """A transaction without its bytes would hold its nonce for ever."""
    journal = Journal(tmp_path / "j.sqlite")
    broken = transaction(1)
    broken.bids[0].signed = SignedTransaction(b"", None)  # type: ignore[arg-type]  # to break the second insert

    with pytest.raises(Unwritten):
        journal.add(broken)
    assert journal.load() == {}

"""A wallet's transactions on disk: every signed byte is durable before it is broadcast.

After a crash the same bytes go out again; a nonce never gets a second transaction that is not
recorded here as a bid for it. One process owns the file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from oracle.model.errors import ConfigError
from relayer.evm.errors import Unwritten
from relayer.evm.fees import Fees
from relayer.evm.ledger import Bid, Purpose, Transaction, TransactionState
from relayer.evm.transaction import Call, SignedTransaction

VERSION: Final = 1
KEPT: Final = 64
"""Settled transactions that are kept: a node may come back with an older state."""
HOUR_NS: Final = 3600 * 10**9
DAY_HOURS: Final = 24
KEPT_HOURS: Final = 40 * DAY_HOURS

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS owner (version INTEGER, chain_id INTEGER, wallet TEXT);
CREATE TABLE IF NOT EXISTS transactions (
    nonce INTEGER PRIMARY KEY, state TEXT NOT NULL,
    slot INTEGER NOT NULL, groups TEXT NOT NULL, reason TEXT NOT NULL, signed_ns INTEGER NOT NULL,
    recipient TEXT NOT NULL, data BLOB NOT NULL, gas INTEGER NOT NULL,
    first_sent_ns INTEGER NOT NULL,
    block INTEGER NOT NULL, block_hash TEXT NOT NULL, paid_wei TEXT NOT NULL,
    mined_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS bids (
    nonce INTEGER NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL UNIQUE, raw BLOB NOT NULL,
    max_wei TEXT NOT NULL, priority_wei TEXT, PRIMARY KEY (nonce, number));
CREATE TABLE IF NOT EXISTS spent (hour INTEGER PRIMARY KEY, wei TEXT NOT NULL);
"""  # wei are text: more than nine coins do not fit SQLite's integers


class Journal:
    """One SQLite file; without a path it is in memory, and forgets: for tests and replays."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file and take it.

        Raises:
            ConfigError: another process has it, or it is damaged or out of reach.
        """
        self._name: Final = ":memory:" if path is None else str(path)
        try:
            if path is not None:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600)
            self._db: Final = sqlite3.connect(self._name, isolation_level=None, timeout=0.0)
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        except sqlite3.OperationalError as error:
            raise ConfigError(
                f"relayer journal {self._name} cannot be taken ({error}): stop the other process "
                "that has it, or mend its folder and rights"
            ) from error
        except (sqlite3.DatabaseError, OSError) as error:
            raise ConfigError(
                f"relayer journal {self._name} cannot be read ({error}): restore it, or move it "
                "away once the wallet has nothing pending"
            ) from error

    def own(self, chain_id: int, wallet: str) -> None:
        """Check that the file is of this wallet on this chain; a new one becomes so.

        Raises:
            ConfigError: it is of another.
        """
        with self._write() as db:
            found = db.execute("SELECT version, chain_id, wallet FROM owner").fetchone()
            if found is None:
                db.execute("INSERT INTO owner VALUES (?, ?, ?)", (VERSION, chain_id, wallet))
                return
        if found != (VERSION, chain_id, wallet):
            raise ConfigError(
                f"relayer journal {self._name} is version {found[0]}, of wallet {found[2]} on "
                f"chain {found[1]}; this is version {VERSION}, wallet {wallet}, chain {chain_id}: "
                "give each wallet and chain a state folder or a chain name of its own"
            )

    def load(self) -> dict[int, Transaction]:
        """Return all transactions by nonce, rising."""
        found: dict[int, Transaction] = {}
        for row in self._db.execute("SELECT * FROM transactions ORDER BY nonce"):
            nonce, state, slot, groups, reason, signed_ns, to, data, gas, sent_ns, *mined = row
            block, block_hash, paid, mined_ns = mined
            purpose = Purpose(slot, tuple(json.loads(groups)), reason, signed_ns)
            call = Call(to, data, gas)
            found[nonce] = Transaction(
                nonce, purpose, call, [], sent_ns, TransactionState(state),
                block, block_hash, int(paid), mined_ns,
            )  # fmt: skip
        for row in self._db.execute("SELECT * FROM bids ORDER BY nonce, number"):
            nonce, _, hash_, raw, most, tip = row
            fees = Fees(int(most), None if tip is None else int(tip))
            found[nonce].bids.append(Bid(SignedTransaction(raw, hash_), fees))
        return found

    def add(self, transaction: Transaction) -> None:
        """Record a new transaction with its first bid; durable once this returns.

        Raises:
            Unwritten: the disk does not take it; nothing may be broadcast.
        """
        t, p = transaction, transaction.purpose
        with self._write() as db:
            db.execute(
                "INSERT INTO transactions VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    t.nonce, t.state, p.slot, json.dumps(p.groups), p.reason, p.signed_ns,
                    t.call.to, t.call.data, t.call.gas, t.first_sent_ns, 0, "", "0", 0,
                ),
            )  # fmt: skip
            self._insert_bid(t.nonce, 0, t.last)

    def add_bid(self, transaction: Transaction, bid: Bid) -> None:
        """Record a replacement; durable once this returns.

        Raises:
            Unwritten: as `add`.
        """
        with self._write():
            self._insert_bid(transaction.nonce, len(transaction.bids), bid)

    def update(self, transaction: Transaction, paid_wei: int = 0) -> None:
        """Record a transaction's state, and what it cost more than was known."""
        with self._write() as db:
            self._update(transaction)
            if paid_wei:
                hour = transaction.mined_ns // HOUR_NS
                spent = self._spent(hour, hour) + paid_wei
                db.execute("INSERT OR REPLACE INTO spent VALUES (?, ?)", (hour, str(spent)))

    def update_all(self, transactions: Iterable[Transaction]) -> None:
        """Record the states of several transactions: of all or of none."""
        with self._write():
            for transaction in transactions:
                self._update(transaction)

    def prune(self, now_ns: int) -> list[int]:
        """Forget settled transactions but the newest, and old hours; return the nonces."""
        query = (
            "SELECT nonce FROM transactions WHERE state IN ('final', 'displaced') "
            "ORDER BY nonce DESC LIMIT -1 OFFSET ?"
        )
        gone = [nonce for (nonce,) in self._db.execute(query, (KEPT,))]
        if gone:
            with self._write() as db:
                for table in ("bids", "transactions"):
                    db.executemany(
                        f"DELETE FROM {table} WHERE nonce = ?",  # noqa: S608 (two constants)
                        [(nonce,) for nonce in gone],
                    )
                db.execute("DELETE FROM spent WHERE hour < ?", (now_ns // HOUR_NS - KEPT_HOURS,))
        return gone

    def spent_day_wei(self, now_ns: int) -> int:
        """Return the fees paid in the last 24 hours, by whole hours."""
        hour = now_ns // HOUR_NS
        return self._spent(hour - DAY_HOURS + 1, hour)

    def close(self) -> None:
        """Give the file up."""
        self._db.close()

    def _spent(self, first_hour: int, last_hour: int) -> int:
        rows = self._db.execute(
            "SELECT wei FROM spent WHERE hour BETWEEN ? AND ?", (first_hour, last_hour)
        )
        return sum(int(wei) for (wei,) in rows)

    def _update(self, transaction: Transaction) -> None:
        t = transaction
        self._db.execute(
            "UPDATE transactions SET state=?, block=?, block_hash=?, paid_wei=?, mined_ns=? "
            "WHERE nonce=?",
            (t.state, t.block, t.block_hash, str(t.paid_wei), t.mined_ns, t.nonce),
        )

    def _insert_bid(self, nonce: int, number: int, bid: Bid) -> None:
        tip = bid.fees.priority_wei
        self._db.execute(
            "INSERT INTO bids VALUES (?, ?, ?, ?, ?, ?)",
            (
                nonce, number, bid.signed.hash, bid.signed.raw,
                str(bid.fees.max_wei), None if tip is None else str(tip),
            ),
        )  # fmt: skip

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise Unwritten(
                f"relayer journal {self._name} cannot be written ({error}): nothing is sent until "
                "it can; free the disk or mend its rights"
            ) from error

"""What a keeper has followed so far, on disk: one SQLite file, owned by one process.

All of it can be read anew from the chain. So it is written less carefully than the wallet's
journal: what a crash loses is followed once more.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from oracle.model.errors import ConfigError, Retryable
from relayer.keeper.margin import Account, Position

VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS owner (version INTEGER, chain_id INTEGER, engine TEXT);
CREATE TABLE IF NOT EXISTS blocks (number INTEGER PRIMARY KEY, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS touched (
    block INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (block, kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dirty (
    kind TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, cash TEXT NOT NULL, positions TEXT NOT NULL, shares TEXT NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notices (
    id TEXT PRIMARY KEY, level INTEGER NOT NULL, sequence INTEGER NOT NULL,
    sent_ns INTEGER NOT NULL)
    WITHOUT ROWID;
"""  # numbers of accounts are text: they have 256 bits

ACCOUNT: Final = "account"
ORDER: Final = "order"


class Tip(NamedTuple):
    """The last block that was followed."""

    number: int
    hash: str


class Order(NamedTuple):
    """A pending order. `due_ms` is 0 while it waits for its trigger."""

    id: int
    account: int
    size_delta: int
    market: int
    kind: int
    due_ms: int
    expires_s: int
    reward_e6: int
    trigger: int


class Notice(NamedTuple):
    """What was last said of an account."""

    level: int
    sequence: int
    sent_ns: int


class Store:
    """The file; without a path it is in memory."""

    def __init__(self, path: Path | None = None) -> None:
        """Open it and take it.

        Raises:
            ConfigError: another process has it, or it is damaged or out of reach.
        """
        self._name: Final = ":memory:" if path is None else str(path)
        try:
            if path is not None:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600)
            self._db: Final = sqlite3.connect(self._name, isolation_level=None, timeout=0.0)
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"keeper state {self._name} cannot be taken ({error}): stop the other process that "
                "has it, mend its rights, or delete it: it is read anew from the chain"
            ) from error

    def own(self, chain_id: int, engine: str) -> None:
        """Check that the file is of these contracts; a new one becomes so.

        Raises:
            ConfigError: it is of others.
        """
        wanted = (VERSION, chain_id, engine.lower())
        with self._write() as db:
            found = db.execute("SELECT version, chain_id, engine FROM owner").fetchone()
            if found is None:
                db.execute("INSERT INTO owner VALUES (?, ?, ?)", wanted)
                return
        if found != wanted:
            raise ConfigError(
                f"keeper state {self._name} is version {found[0]}, of engine {found[2]} on chain "
                f"{found[1]}; this is version {VERSION}, {engine} on {chain_id}: delete the file"
            )

    def tip(self) -> Tip | None:
        """Return the last block that was followed."""
        row = self._db.execute(
            "SELECT number, hash FROM blocks ORDER BY number DESC LIMIT 1"
        ).fetchone()
        return None if row is None else Tip(*row)

    def blocks(self) -> list[Tip]:
        """Return the blocks whose hashes are kept, newest first."""
        return [
            Tip(*row)
            for row in self._db.execute("SELECT number, hash FROM blocks ORDER BY number DESC")
        ]

    def advance(self, tip: Tip, touched: Iterable[tuple[int, str, int]], keep_from: int) -> None:
        """Note that all is followed up to a block, and what that touched: (block, kind, id)."""
        rows = [(block, kind, str(id_)) for block, kind, id_ in touched]
        with self._write() as db:
            db.executemany("INSERT OR IGNORE INTO touched VALUES (?, ?, ?)", rows)
            db.executemany("INSERT OR IGNORE INTO dirty VALUES (?, ?)", [row[1:] for row in rows])
            db.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?)", tip)
            db.execute("DELETE FROM touched WHERE block < ?", (keep_from,))
            db.execute(
                "DELETE FROM blocks WHERE number < ? AND number < ?", (keep_from, tip.number)
            )

    def roll_back(self, to: int | None) -> int:
        """Forget blocks after `to`, all with None; have what they touched read anew.

        Returns how many accounts and orders that is.
        """
        with self._write() as db:
            if to is None:  # further back than what is remembered: everything is in doubt
                db.execute("INSERT OR IGNORE INTO dirty SELECT 'account', id FROM accounts")
                db.execute("INSERT OR IGNORE INTO dirty SELECT 'order', id FROM orders")
                db.execute("DELETE FROM blocks")
            after = -1 if to is None else to
            db.execute(
                "INSERT OR IGNORE INTO dirty SELECT kind, id FROM touched WHERE block > ?", (after,)
            )
            db.execute("DELETE FROM touched WHERE block > ?", (after,))
            db.execute("DELETE FROM blocks WHERE number > ?", (after,))
        return self.dirty_count()

    def doubt(self, kind: str, ids: Iterable[int]) -> None:
        """Have accounts or orders read anew."""
        with self._write() as db:
            db.executemany(
                "INSERT OR IGNORE INTO dirty VALUES (?, ?)", [(kind, str(id_)) for id_ in ids]
            )

    def dirty(self, kind: str, limit: int) -> list[int]:
        """Return accounts or orders that have to be read."""
        rows = self._db.execute("SELECT id FROM dirty WHERE kind = ? LIMIT ?", (kind, limit))
        return [int(id_) for (id_,) in rows]

    def dirty_count(self) -> int:
        """Return how many there are in all."""
        count: int = self._db.execute("SELECT COUNT(*) FROM dirty").fetchone()[0]
        return count

    def put_accounts(self, accounts: Iterable[Account]) -> None:
        """Write what was read of accounts; they are no longer in doubt."""
        with self._write() as db:
            for account in accounts:
                id_ = str(account.number)
                db.execute("DELETE FROM dirty WHERE kind = 'account' AND id = ?", (id_,))
                if account.is_empty:
                    db.execute("DELETE FROM accounts WHERE id = ?", (id_,))
                    continue
                positions = json.dumps([[str(value) for value in p] for p in account.positions])
                shares = json.dumps({str(k): str(v) for k, v in account.shares.items()})
                db.execute(
                    "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?)",
                    (id_, str(account.cash), positions, shares),
                )

    def put_order(self, id_: int, order: Order | None) -> None:
        """Write what was read of an order; None where there is none any more."""
        with self._write() as db:
            db.execute("DELETE FROM dirty WHERE kind = 'order' AND id = ?", (str(id_),))
            if order is None:
                db.execute("DELETE FROM orders WHERE id = ?", (str(id_),))
            else:
                body = json.dumps([str(value) for value in order])
                db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?)", (str(id_), body))

    def accounts(self) -> Iterator[Account]:
        """Return all accounts."""
        for row in self._db.execute("SELECT * FROM accounts"):
            yield _account(row)

    def account(self, number: int) -> Account | None:
        """Return one account."""
        row = self._db.execute("SELECT * FROM accounts WHERE id = ?", (str(number),)).fetchone()
        return None if row is None else _account(row)

    def orders(self) -> list[Order]:
        """Return all pending orders."""
        rows = self._db.execute("SELECT body FROM orders").fetchall()
        return [Order(*map(int, json.loads(body))) for (body,) in rows]

    def notices(self) -> dict[int, Notice]:
        """Return what was last said of each account that is not well."""
        return {int(id_): Notice(*rest) for id_, *rest in self._db.execute("SELECT * FROM notices")}

    def put_notice(self, account: int, notice: Notice) -> None:
        """Note what was said; who is well again is forgotten, but for its sequence."""
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO notices VALUES (?, ?, ?, ?)", (str(account), *notice)
            )

    def close(self) -> None:
        """Give the file up."""
        self._db.close()

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
            raise Retryable(f"keeper state {self._name} cannot be written ({error})") from error


def _account(row: tuple[str, str, str, str]) -> Account:
    id_, cash, positions, shares = row
    return Account(
        int(id_),
        int(cash),
        tuple(Position(*map(int, values)) for values in json.loads(positions)),
        {int(key): int(value) for key, value in json.loads(shares).items()},
    )

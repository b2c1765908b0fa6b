"""Nonces: cases, and a machine that plays a node's pool."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from relayer.evm.nonces import Nonces


def test_begins_with_what_is_in_the_pool() -> None:
    """What an earlier process left there may be stuck: nothing behind it could be mined."""
    nonces = Nonces(confirmed=3, pending=5)

    assert nonces.has_released
    assert [nonces.reserve() for _ in range(3)] == [3, 4, 5]


def test_a_gap_is_filled_before_a_new_nonce() -> None:
    """A nonce that was given up goes out again first: nothing behind it could be mined."""
    nonces = Nonces(0, 0)
    for _ in range(3):
        nonces.reserve()
    nonces.release(1)
    nonces.settle(0)

    assert nonces.next == 1
    assert [nonces.reserve(), nonces.reserve()] == [1, 3]


def test_nonces_that_the_node_lost_are_free_again() -> None:
    """A node restarted without its pool, or a reorganisation, leaves no gap."""
    nonces = Nonces(10, 10)
    for _ in range(2):
        nonces.settle(nonces.reserve())
    nonces.synchronise(confirmed=7, pending=7)

    assert [nonces.reserve() for _ in range(6)] == [7, 8, 9, 10, 11, 12]


def test_nonces_spent_by_others_are_passed_over() -> None:
    """Someone used the key elsewhere, or a transaction given up was mined after all."""
    nonces = Nonces(0, 0)
    nonces.release(nonces.reserve())
    nonces.synchronise(confirmed=4, pending=6)

    assert nonces.reserve() == 6


def test_one_in_flight_survives_a_synchronisation() -> None:
    """A node that lags behind must not make two owners of one nonce."""
    nonces = Nonces(0, 0)
    nonces.reserve()
    nonces.synchronise(confirmed=0, pending=0)

    assert nonces.reserve() == 1


class Pool(RuleBasedStateMachine):
    """A node that mines in order, and may lose what it has not mined."""

    def __init__(self) -> None:
        super().__init__()
        self.confirmed = 0
        self.pool: set[int] = set()
        self.nonces = Nonces(0, 0)

    @property
    def pending(self) -> int:
        nonce = self.confirmed
        while nonce in self.pool:
            nonce += 1
        return nonce

    @rule(arrives=st.booleans())
    def send(self, arrives: bool) -> None:
        before = set(self.nonces.in_flight)
        nonce = self.nonces.reserve()
        assert nonce not in before
        assert nonce >= self.confirmed or nonce not in self.nonces.in_flight - {nonce}
        if arrives and nonce >= self.confirmed:
            self.pool.add(nonce)

    @precondition(lambda self: self.confirmed in self.pool)
    @rule()
    def mine(self) -> None:
        self.pool.discard(self.confirmed)
        if self.confirmed in self.nonces.in_flight:
            self.nonces.settle(self.confirmed)
        self.confirmed += 1

    @precondition(lambda self: self.nonces.in_flight)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        self.nonces.release(data.draw(st.sampled_from(sorted(self.nonces.in_flight))))

    @rule()
    def lose_pool(self) -> None:
        self.pool.clear()

    @rule()
    def synchronise(self) -> None:
        self.nonces.synchronise(self.confirmed, self.pending)
        if not self.nonces.in_flight:
            assert self.confirmed <= self.nonces.next <= self.pending

    @invariant()
    def none_twice(self) -> None:
        assert self.nonces.next not in self.nonces.in_flight


TestPool = Pool.TestCase

"""A process's heap once it is set up."""

from __future__ import annotations

import gc
import weakref

from oracle.cli.heap import settle_heap


class Node:
    """Part of a circle."""

    def __init__(self) -> None:
        self.itself = self


def test_what_was_left_out_of_collection_is_looked_at_again() -> None:
    """An engine that was given away is garbage by the time that another is made."""
    node = Node()
    seen = weakref.ref(node)
    try:
        settle_heap()
        assert gc.get_freeze_count() > 0
        del node
        gc.collect()
        assert seen() is not None
        settle_heap()
        assert seen() is None
    finally:
        gc.unfreeze()

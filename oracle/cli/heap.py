"""The heap of a process that must not pause."""

from __future__ import annotations

import gc


def settle_heap() -> None:
    """Collect what is garbage, and leave what is not out of later collections.

    A full collection looks at every object there is: with the libraries loaded and an engine made
    it stops a process for 0.1 s and more, once every few seconds under load. What was left out
    before is looked at again here.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()

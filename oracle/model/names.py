"""Lists of source names, each kept once: batches name the same sources again and again."""

from __future__ import annotations

from typing import Final

import msgspec

MOST_NAMES: Final = 2**20
"""Names remembered in all; then all are forgotten, and learned again."""


class NameLists:
    """Gives equal lists as one tuple, so that a reader may know a list by its identity."""

    def __init__(self, most_names: int = MOST_NAMES) -> None:
        self._most, self._held = most_names, 0
        self._by_names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._by_bytes: dict[bytes, tuple[str, ...]] = {}

    def one(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the one tuple of these names."""
        known = self._by_names.get(names)
        if known is None:
            self._make_room(len(names))
            known = self._by_names[names] = names
        return known

    def decoded(self, raw: msgspec.Raw) -> tuple[str, ...]:
        """Return the names that `raw` encodes, without making them again.

        Raises:
            msgspec.MsgspecError: not a list of text.
        """
        data = bytes(raw)
        known = self._by_bytes.get(data)
        if known is None:
            known = self.one(_decoder.decode(data))
            self._make_room(len(known) + 1)  # one list may come in several encodings
            self._by_bytes[data] = known
        return known

    def _make_room(self, names: int) -> None:
        self._held += names
        if self._held > self._most:
            self._by_names.clear()
            self._by_bytes.clear()
            self._held = names


_decoder: Final = msgspec.msgpack.Decoder(tuple[str, ...])
LISTS: Final = NameLists()

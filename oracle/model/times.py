"""Units of time, in ns."""

from __future__ import annotations

from typing import Final

MS_NS: Final = 10**6
S_NS: Final = 10**9

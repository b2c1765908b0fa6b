"""What the messages of several venues share: times that fit a tick."""

from __future__ import annotations

from typing import Annotated

import msgspec

Ms = Annotated[int, msgspec.Meta(ge=0, le=9_223_372_036_854)]
"""A time in ms that fits in ns."""

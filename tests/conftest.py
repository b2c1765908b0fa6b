"""What all tests share: Hypothesis profiles."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("intense", deadline=None, max_examples=20_000)
settings.load_profile("default")

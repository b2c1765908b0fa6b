"""What every section of the configuration shares."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section refuses unknown keys: a typo must never leave a default in force."""

    model_config = ConfigDict(extra="forbid", strict=False, validate_default=False)

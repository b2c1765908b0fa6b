"""What every section of the configuration shares."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A section refuses unknown keys: a typo must never leave a default in force."""

    model_config = ConfigDict(
        extra="forbid",
        strict=False,
        validate_default=False,
        hide_input_in_errors=True,  # a traceback must not show a key that was pasted somewhere
    )

    SHORTHAND: ClassVar[str] = ""
    """The key that a bare value in place of the section stands for; empty: there is none."""

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, data: Any) -> Any:
        return spelled_out(cls, data)


def spelled_out(section: type[Section], data: Any) -> Any:
    """Return a bare value as the section that it stands for, anything else as it is."""
    if section.SHORTHAND and isinstance(data, str | int | float):
        return {section.SHORTHAND: data}
    return data


def sections_in(annotation: Any) -> list[type[Section]]:
    """Return the sections that a field of this type holds, in lists, mappings and unions too."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [
        section for part in getattr(annotation, "__args__", ()) for section in sections_in(part)
    ]

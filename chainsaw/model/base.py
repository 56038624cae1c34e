"""The base classes of models: of files that admins and recipe authors write, and of chainsaw's own records."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A value read from a file: frozen, strict, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Recorded(BaseModel):
    """A value that chainsaw itself writes and reads back."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

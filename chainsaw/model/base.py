"""The base of every model that is read from a file: frozen, strict, and closed to unknown keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A value read from a file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

"""A value that the admin's files only name."""

from __future__ import annotations

from pydantic import Field, model_validator

from chainsaw.model.base import Model
from chainsaw.model.names import Word


class SecretName(Model):
    """A value that is not written into this file but set with chainsaw secret set NAME."""

    secret: Word = Field(description="Its name.")

    @model_validator(mode="before")
    @classmethod
    def _name_and_no_value(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError("a secret does not stand in this file: write {secret: NAME}; chainsaw secret set NAME")
        return value

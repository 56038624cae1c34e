"""The programs that chainsaw ships, as modules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

PROGRAMS = Path(__file__).parents[2] / "quadlets/programs"


def program(name: str) -> ModuleType:
    """Return a program as a module of its own."""
    spec = importlib.util.spec_from_file_location(name, PROGRAMS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

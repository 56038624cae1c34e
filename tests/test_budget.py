"""Modules and functions stay small, and what a linter may overlook has a reason."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import chainsaw.model.recipe
import chainsaw.model.site
from chainsaw.model.base import Model

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "chainsaw").rglob("*.py"))
SOURCES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]

MODULE_LINES = 300
FUNCTION_LINES = 40


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_stays_below_its_budget(path):
    assert len(path.read_text().splitlines()) <= MODULE_LINES


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_function_stays_below_its_budget(path):
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= FUNCTION_LINES, f"{node.name} has {size} lines"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_an_exception_for_a_linter_has_a_code_and_a_reason(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if re.search(r"# (noqa|type: ignore)(?!\[\^)", line):
            assert re.search(r"# (noqa: [A-Z]+[0-9]+|type: ignore\[[a-z-]+\])  # \S", line), f"{number}: {line.strip()}"


def models():
    found, waiting = [], [Model]
    while waiting:
        for model in waiting.pop().__subclasses__():
            found.append(model)
            waiting.append(model)
    return found


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_models_of_files_are_frozen_strict_closed_and_described(model: type[BaseModel]):
    assert model.model_config["frozen"]
    assert model.model_config["strict"]
    assert model.model_config["extra"] == "forbid"
    for name, field in model.model_fields.items():
        assert field.description, name


def test_the_models_of_both_files_are_among_them():
    assert {chainsaw.model.recipe.Recipe, chainsaw.model.site.Site, chainsaw.model.site.Instance} <= set(models())

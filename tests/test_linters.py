"""The linters, as tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "command",
    ["ruff check --no-fix --quiet .", "ruff format --check --quiet .", "mypy --no-error-summary"],
)
def test_a_linter_reports_nothing(command):
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


GOLDEN = sorted((ROOT / "tests/golden").iterdir())


@pytest.mark.parametrize("case", GOLDEN, ids=lambda path: path.name)
def test_a_linter_of_nginx_finds_nothing(case):
    config = case / "expected/nginx/nginx.conf"
    done = subprocess.run(
        [sys.executable, "-m", "gixy.cli", "--format", "json", str(config)], capture_output=True, text=True, check=False
    )
    # With open_file_cache, which the rest wants for speed, nginx closes connections where disable_symlinks holds.
    found = [item for item in json.loads(done.stdout) if item["plugin"] != "try_files_is_evil_too"]
    assert [(item["plugin"], item["reason"]) for item in found] == []

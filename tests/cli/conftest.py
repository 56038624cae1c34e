"""The command line as a user runs it, with a home directory of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chainsaw.cli.main import main
from chainsaw.host import journal

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Run:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty home, on a host without a user manager and without a journal."""
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "journal"))
    for variable in (
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "NO_COLOR",
        "SUDO_USER",
        "DBUS_SESSION_BUS_ADDRESS",
    ):
        monkeypatch.delenv(variable, raising=False)
    return directory


@pytest.fixture
def chainsaw(home, monkeypatch, capfd) -> Callable[..., Run]:
    """Return the function that runs a command in this process."""

    def run(*words: str) -> Run:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["chainsaw", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfd.readouterr()
        code = ended.value.code
        return Run(code if isinstance(code, int) else 0 if code is None else 1, captured.out, captured.err)

    return run


@pytest.fixture
def program(home) -> Callable[..., Run]:
    """Return the function that runs a command in a process of its own, with the variables given."""

    def run(*words: str, options: tuple[str, ...] = (), **variables: str) -> Run:
        environment = {**os.environ, **variables}
        argv = [sys.executable, *options, "-m", "chainsaw", *words]
        done = subprocess.run(argv, env=environment, cwd=home, capture_output=True, text=True, check=False)
        return Run(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def instance(home) -> Callable[..., Path]:
    """Return the function that writes an instance's file."""

    def write(name: str, text: str) -> Path:
        file = home / ".config/chainsaw/instances" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write

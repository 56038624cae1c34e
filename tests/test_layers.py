"""Recipes are loaded, compiled to a tree, compared with the host into a plan, and only then is anything touched."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "chainsaw").rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]

MAY_IMPORT = {
    "errors": (),
    "model": ("model",),
    "load": ("errors", "model", "load"),
    "compile": ("errors", "model", "load", "compile"),
    "plan": ("errors", "model", "plan"),
    "checks": ("errors", "model", "compile.blocks", "plan", "checks"),
    "host": ("errors", "model", "compile.blocks", "plan.observed", "checks.observed", "host"),
    "work": ("errors", "model", "load", "compile", "plan", "checks", "host", "work"),
    "cli": ("errors", "model", "host.account", "work", "cli"),
    "__main__": ("cli.main",),
    "__init__": (),
}
"""errors <- model <- load <- compile <- plan <- checks <- host <- work <- cli."""

ROOMS = (
    "result",
    "parallel",
    "interrupted",
    "locks",
    "recipes",
    "config",
    "history",
    "certificates",
    "notify",
    "apply",
    "inspect",
    "traffic",
    "service",
    "data",
    "backup",
    "lifecycle",
    "restore",
    "system",
    "publish",
    "trial",
    "users",
)
"""The rooms of work, each of which may import from those before it."""

PURE = ("errors", "model", "load", "compile", "plan", "checks")
EFFECTS = [
    "asyncio",
    "click",
    "datetime",
    "fcntl",
    "http",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "podman",
    "pwd",
    "pystemd",
    "random",
    "rich",
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "uuid",
]
EFFECTIVE_CALLS = {"open", "print", "input", "exec", "eval", "breakpoint", "__import__"}
EFFECTIVE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "unlink", "iterdir", "glob"}

DOORS = {
    "subprocess": [
        "host/holder.py",
        "host/podman/seclusion.py",
        "host/process.py",
        "host/streams.py",
        "host/watched.py",
    ],
    "pystemd": ["host/systemd.py"],
    "fcntl": ["host/lock.py", "host/streams.py"],
    "podman": ["host/podman/api.py"],
    "socket": ["host/journal.py", "host/web.py"],
    "rich": ["cli/output.py"],
}
"""Who may start a process, speak to systemd, to Podman, and so on: one module each, and a program of its own."""


def tree_of(path):
    return ast.parse(path.read_text(), str(path))


def imports(path):
    """Return the dotted names that a module imports, wherever in it; of `from a import b` both a and a.b."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def package(path):
    first = path.relative_to(ROOT / "chainsaw").parts[0]
    return first.removesuffix(".py")


def own_modules(path):
    """Return the modules of chainsaw that a module imports, without `chainsaw.`."""
    known = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in NAMES}
    return {name.removeprefix("chainsaw.") for name in imports(path) if name in known and name.count(".")}


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_imports_only_from_lower_layers(path):
    allowed = MAY_IMPORT[package(path)]
    packages = {name for name in own_modules(path) if name in MAY_IMPORT and name != "errors"}
    beyond = {
        name
        for name in own_modules(path) - packages
        if not any(name == one or name.startswith(f"{one}.") for one in allowed)
    }
    assert not beyond
    for name in packages:
        assert any(one == name or one.startswith(f"{name}.") for one in allowed), name


@pytest.mark.parametrize(
    "path", [path for path in MODULES if package(path) == "work"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_room_of_work_imports_only_from_those_before_it(path):
    room = path.relative_to(ROOT / "chainsaw" / "work").parts[0].removesuffix(".py")
    if room == "__init__":
        return
    others = {name.split(".")[1] for name in own_modules(path) if name.startswith("work.")}
    assert {other for other in others if ROOMS.index(other) > ROOMS.index(room)} == set()


def test_every_room_of_work_has_its_place():
    rooms = {
        path.relative_to(ROOT / "chainsaw" / "work").parts[0].removesuffix(".py")
        for path in MODULES
        if package(path) == "work"
    }
    assert rooms == {*ROOMS, "__init__"}


LIMITS = ROOT / "chainsaw/compile/bounds.py"


def test_every_package_has_a_layer():
    assert {package(path) for path in MODULES} == set(MAY_IMPORT)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if package(path) in PURE], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_pure_core_has_no_effects(path):
    outside = {name for name in imports(path) if name in EFFECTS or name.split(".")[0] in EFFECTS}
    if path == LIMITS:
        # What a template may take is limited in this process alone, and given back.
        assert outside == {"signal", "threading"}
        return
    assert not outside
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in EFFECTIVE_CALLS, f"line {node.lineno}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in EFFECTIVE_METHODS | {"environ"}, f"line {node.lineno}"
    if "pathlib" in imports(path):
        assert imports(path) & {"pathlib.PurePosixPath"}
        assert "pathlib.Path" not in imports(path)


@pytest.mark.parametrize("library", DOORS)
def test_each_effect_library_is_imported_in_one_place(library):
    users = [
        str(path.relative_to(ROOT / "chainsaw"))
        for path in MODULES
        if any(name == library or name.startswith(f"{library}.") for name in imports(path))
    ]
    assert users == DOORS[library]


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_processes_are_started_in_host_alone(path):
    if package(path) != "host":
        assert not {"host.process", "host.streams"} & own_modules(path)


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_only_the_output_module_prints_and_nobody_uses_a_shell(path):
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called not in ("os.system", "os.popen"), f"line {node.lineno}"
        assert not any(keyword.arg == "shell" for keyword in node.keywords), f"line {node.lineno}"
        if path.relative_to(ROOT / "chainsaw").as_posix() != "cli/output.py":
            assert called not in ("print", "click.echo", "click.secho", "sys.stdout.write"), f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_only_the_command_line_ends_the_process(path):
    # These are programs of their own, which run in another user namespace.
    names = ("copier.py", "podman/seclusion.py", "bundle/program.py", "bundle/database.py", "restic/enclosure.py")
    programs = [ROOT / "chainsaw/host" / name for name in names]
    if package(path) != "cli" and path not in programs:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("sys.exit", "exit", "quit", "os._exit"), f"line {node.lineno}"


def test_there_are_no_modules_called_utils_or_helpers():
    assert not {path.stem for path in MODULES} & {"utils", "util", "helpers", "common", "manager", "core", "misc"}


def test_the_account_is_built_by_the_command_line_alone():
    users = {
        package(path)
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "this_account"
    }
    assert users == {"cli"}


def test_a_site_is_compiled_in_one_place():
    users = [name for path, name in zip(MODULES, NAMES, strict=True) if "chainsaw.compile.front.site" in imports(path)]
    assert users == ["chainsaw/compile/intent.py"]

"""What the tests share: a case is a directory of input files, compiled as apply compiles them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from chainsaw.compile.blocks import ranges_in
from chainsaw.compile.context import Host, Shared
from chainsaw.compile.intent import Inputs, bundles_of, compile_intent
from chainsaw.load.site import load_intent
from chainsaw.model.artifact import Artifact
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.shipped import shared_files

ROOT = Path(__file__).resolve().parent.parent

# A busy machine is no reason to fail.
settings.register_profile("chainsaw", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("chainsaw")

SHARED_OUT = ("test_faults", "test_kills")
EACH_ALONE = ("test_proofs",)
"""The modules of which each test, or each case of a test, has a machine of its own."""
TOGETHER = "tests/vm"
"""The directory whose modules have one machine, which takes minutes to boot."""
LONGEST = (
    "test_lifecycle",
    "test_applications",
    "test_power_cuts",
    "test_moves",
    "test_doctor",
    "test_proofs",
    "test_drill",
    "test_disaster",
    "test_trials",
    "test_sleep",
    "test_daily",
    "test_faults",
    "test_kills",
)
"""The modules that take longest, in that order."""

FACTS: dict[str, Any] = {
    "home": "/home/admin",
    "user": "admin",
    "uid": 1000,
    "podman": [5, 4],
    "processors": 2,
    "ipv6": True,
    "memory": 0,
    "subuid": ["admin:100000:65536", "admin:524288:4194304"],
    "subgid": ["admin:100000:65536", "admin:524288:4194304"],
    "recorded": {},
    "secrets": [],
    "users": {},
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write what is compiled over what is expected.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with an argument `golden` or `faulty` runs once for each directory of tests/golden or tests/errors."""
    for argument, directory in (("golden", "golden"), ("faulty", "errors")):
        if argument in metafunc.fixturenames:
            cases = sorted(path for path in (ROOT / "tests" / directory).iterdir() if path.is_dir())
            metafunc.parametrize(argument, cases, ids=[path.name for path in cases])


def group(nodeid: str) -> str:
    """Return what one worker runs in one go: a module, or one test of a module that is shared out."""
    path, _, test = nodeid.partition("::")
    module = path.rpartition("/")[2].removesuffix(".py")
    if path.startswith(f"{TOGETHER}/"):
        return TOGETHER
    return f"{path}::{test.partition('[')[0]}" if module in SHARED_OUT else nodeid if module in EACH_ALONE else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each group of tests to one worker."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Groups(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first.

    The others run the unit tests while the first may still make the stages of tests/system/stage.py.
    """

    def place(item: pytest.Item) -> tuple[int, int]:
        system, module = item.get_closest_marker("system") is not None, item.path.stem
        rank = LONGEST.index(module) if module in LONGEST else len(LONGEST)
        return (1, 0) if not system else (0 if rank == 0 else 2, rank)

    items.sort(key=place)


@dataclass(frozen=True, repr=False)
class Site:
    """A compiled case."""

    manifest: Manifest
    tree: Mapping[str, Artifact]
    paths: Paths
    blocks: Mapping[str, int]

    def text(self, path: str) -> str:
        return self.tree[path].content.decode()


def inputs_of_case(directory: Path) -> Inputs:
    """Return what config/, recipes/, quadlets/ and host.json of a case are; what is absent is shipped, or nothing."""
    facts = FACTS | (json.loads(_read(directory / "host.json") or "{}"))
    catalog = Catalog(str(directory / "recipes") if (directory / "recipes").is_dir() else None)
    files = {f"instances/{path.name}": path.read_text() for path in directory.glob("config/instances/*.yaml")}
    intent = load_intent(("site.yaml", _read(directory / "config/site.yaml")), files, catalog)
    return Inputs(
        intent=intent,
        bundles=bundles_of(intent, catalog),
        user=facts["user"],
        ranges=ranges_in(facts["user"], facts["uid"], "\n".join(facts["subuid"]), "\n".join(facts["subgid"])),
        recorded=facts["recorded"],
        host=Host(
            Paths.of(facts["home"], {}), tuple(facts["podman"]), facts["processors"], facts["ipv6"], facts["memory"]
        ),
        shared=_with_templates(shared_files(), directory / "quadlets"),
        secrets=frozenset(facts["secrets"]),
        users=facts["users"],
    )


def compile_case(directory: Path) -> Site:
    """Compile a case as apply would."""
    compiled = compile_intent(inputs_of_case(directory))
    manifest, tree = compiled.site(compiled.instances)
    blocks = {name: block.start for name, block in compiled.blocks.items()}
    return Site(manifest, tree, compiled.inputs.host.paths, blocks)


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _with_templates(shared: Shared, directory: Path) -> Shared:
    own = {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*.j2")}
    return Shared({**shared.templates, **own}, shared.images)


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether what is expected is to be replaced by what is found."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def compiled() -> Callable[[Path], Site]:
    """Return the function that compiles a case's directory."""
    return compile_case


@pytest.fixture(scope="session")
def inputs_of() -> Callable[[str], Inputs]:
    """Return the function that reads the inputs of a golden case."""
    return lambda name: inputs_of_case(ROOT / "tests/golden" / name)


@pytest.fixture(scope="session")
def goldens() -> dict[str, Site]:
    """All golden cases by name, compiled once."""
    return {path.name: compile_case(path) for path in sorted((ROOT / "tests/golden").iterdir())}

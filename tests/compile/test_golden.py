"""Each directory of tests/golden is a site: its input, and every byte, link and mode of what it compiles to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from chainsaw.host import files
from chainsaw.model.deployment import Manifest

ROOT = Path(__file__).parents[2]


def listing(directory: Path) -> dict[str, bytes | str]:
    """Return every file below a directory: its bytes, or `-> target` of a link."""
    found: dict[str, bytes | str] = {}
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(directory))] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[str(path.relative_to(directory))] = path.read_bytes()
    return found


def modes(directory: Path) -> str:
    """Return one line for each file below a directory: its mode and path, and where a link leads."""
    lines = []
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            lines.append(f"link {path.relative_to(directory)} -> {os.readlink(path)}")
        elif path.is_file():
            lines.append(f"{path.stat().st_mode & 0o7777:04o} {path.relative_to(directory)}")
    return "\n".join(lines) + "\n"


def asked_of_the_host(manifest: Manifest) -> str:
    """Return what a manifest holds besides the digests of files: what the instances ask of the host."""
    return manifest.model_dump_json(indent=2, exclude={"files", "owners"}, exclude_defaults=True) + "\n"


def test_a_site_compiles_to_what_is_expected(golden, compiled, update, tmp_path):
    site = compiled(golden)
    # Programs are shipped, and are the same for each site.
    programs = {path: site.tree[path] for path in site.tree if path.startswith("programs/")}
    assert programs
    for path, artifact in programs.items():
        assert artifact.content == (ROOT / "quadlets" / path).read_bytes()
    files.write_tree(str(tmp_path / "found"), {path: site.tree[path] for path in site.tree.keys() - programs.keys()})
    found = {"modes.txt": modes(tmp_path / "found"), "manifest.json": asked_of_the_host(site.manifest)}
    if update:
        shutil.rmtree(golden / "expected", ignore_errors=True)
        shutil.copytree(tmp_path / "found", golden / "expected", symlinks=True)
        for name, text in found.items():
            (golden / name).write_text(text)
    expected = listing(golden / "expected")
    actual = listing(tmp_path / "found")
    assert sorted(actual) == sorted(expected)
    for path, content in actual.items():
        assert content == expected[path], path
    for name, text in found.items():
        assert text == (golden / name).read_text(), name


def test_a_second_compile_gives_the_same_bytes(golden, compiled):
    first, second = compiled(golden), compiled(golden)
    assert list(first.tree.items()) == list(second.tree.items())
    assert first.manifest == second.manifest


def test_the_manifest_names_every_file_with_its_digest(golden, compiled):
    site = compiled(golden)
    assert site.manifest.files == {path: artifact.digest for path, artifact in site.tree.items()}
    assert site.manifest.owners == {path: item.owner for path, item in site.tree.items() if item.owner}


def test_a_later_podman_gets_the_same_files(golden, compiled, tmp_path):
    case = shutil.copytree(golden, tmp_path / "case", ignore=shutil.ignore_patterns("expected"))
    text = (case / "host.json").read_text()
    assert '"podman": [5, 4]' in text
    (case / "host.json").write_text(text.replace('"podman": [5, 4]', '"podman": [6, 1]'))
    assert compiled(case).tree == compiled(golden).tree

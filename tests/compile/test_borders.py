"""What an image is built from comes from its recipe, its base and the internet, and from nothing on this host."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainsaw.compile.borders import check_containerfile
from chainsaw.errors import ChainsawError

ROOT = Path(__file__).resolve().parent.parent.parent
BEGIN = "ARG BASE\nFROM ${BASE}\n"
CHECKSUM = f"--checksum=sha256:{'0' * 64}"


def problems(text: str) -> list[tuple[int, str]]:
    """Return line and message of each problem of a Containerfile."""
    try:
        check_containerfile("recipes/demo/images/app/Containerfile", text.encode())
    except ChainsawError as error:
        assert {item.code for item in error.diagnostics} == {"containerfile"}
        assert all(item.hint and item.source for item in error.diagnostics)
        return [(item.line, item.message) for item in error.diagnostics]
    return []


REFUSED = [
    ("RUN <<'EOF\\'\ntrue\nEOF\\\nCOPY --from=localhost/chainsaw/other:x / /stolen", "is no plain word"),
    ("RUN cat <<EOF>file\ntrue\nEOF", "is no plain word"),
    ("ADD http${C}//x/y /z", "ADD of a variable"),
    ("FROM docker-archive:/home/admin/private.tar", "an image reference names its registry"),
    ("from oci:/home/admin/x", "FROM oci:/home/admin/x: an image reference names its registry"),
    ("FROM containers-storage:localhost/private", "names its registry"),
    ("FROM dir:1/home", "names its registry"),
    ("FROM private AS base", "names its registry"),
    ("FROM localhost/chainsaw/blog-app:0", "this host is no registry for a recipe"),
    ("FROM 127.0.0.1:5000/a/b", "this host is no registry for a recipe"),
    ("FROM ${OTHER}", "names its registry"),
    ("FROM ${BASE:-private}", "names its registry"),
    ("FROM", "names its registry"),
    ("FROM --platform=$X ${BASE}", "FROM --platform=$X: an option with a quote, a backslash or a variable"),
    ("COPY --from=docker-archive:/home/admin/private.tar / /", "COPY --from docker-archive:/home/admin/private.tar"),
    ("COPY --from=private / /", "COPY --from private: an image reference names its registry"),
    ("COPY --fr'om'=private / /", "an option with a quote, a backslash or a variable"),
    ("COPY --from=$X / /", "an option with a quote, a backslash or a variable"),
    ("ADD --from=private / /", "ADD --from is not for a recipe's image"),
    ("RUN --network=host true", "a build has a network of its own, and this host is not in it"),
    ("RUN --security=insecure true", "RUN --security is not for a recipe's image"),
    ("RUN --device=/dev/fuse true", "RUN --device is not for a recipe's image"),
    ("RUN -- --network=host true", ""),
    ("RUN --mount=type=cache,id=pip,target=/root/.cache true", "a cache is shared by the builds of all recipes"),
    ("RUN --mount=target=/x,type=secret,id=x true", "a build has no secrets"),
    ("RUN --mount=type=ssh true", "a build has no keys of the admin"),
    ("RUN --mount=type=devpts true", "RUN --mount=type=devpts: no such type"),
    ("RUN --mount=type=bind,from=private,target=/x true", "RUN --mount, from private: an image reference"),
    ("RUN --mount=type=tmpfs,target=/x --mount=type=cache,target=/y true", "a cache is shared"),
    ("ADD http://127.0.0.1:8123/x /x", "ADD fetches it without a check of what it is"),
    ('ADD ["https://example.org/x", "/x"]', "ADD fetches it without a check of what it is"),
    ("ADD git@example.org:a/b.git /x", "ADD fetches it without a check of what it is"),
    ("ADD --checksum=sha256:1 https://example.org/x /x", "ADD fetches it without a check of what it is"),
    ("ADD ${WHERE} /x", "ADD of a variable, which may be an address"),
    ("ONBUILD RUN --network=host true", "ONBUILD would add instructions to the images of others"),
    ("# Escape = `", "another escape character"),
    ("RUN\u00a0--network=host true", "a control character, a space that is none of ASCII, or no UTF-8"),
    ("RUN true\x0b", "a control character"),
    ("\ufeffFROM private", "a control character"),
    ("R\\\nUN --net\\\nwork=host true", "a build has a network of its own"),
    ("RUN \\ \n\n# a comment\n  # another\n--network=host true", "a build has a network of its own"),
    ("COPY \\\n--from=private / /\\", "names its registry"),
]


@pytest.mark.parametrize(("lines", "message"), REFUSED, ids=[lines for lines, _ in REFUSED])
def test_what_reaches_beyond_a_build_is_refused_at_its_line(lines, message):
    found = problems(f"{BEGIN}{lines}\nRUN true\n")
    assert {line for line, _ in found} == {3}
    assert any(message in text for _, text in found)


ALLOWED = [
    "FROM docker.io/library/nginx:1.30 AS web\nCOPY --from=web /a /b\nFROM web",
    "FROM scratch AS empty\nRUN --mount=type=bind,from=empty,target=/x --mount=type=tmpfs,target=/y true",
    "COPY --from=0 --chown=1000:1000 --chmod=0755 a b /x/",
    "COPY --from=ghcr.io/club/tool:1 /tool /usr/bin/",
    "RUN --mount=type=bind,source=requirements.txt,target=/r.txt pip install -r /r.txt",
    "RUN --network=none true",
    f"ADD {CHECKSUM} https://example.org/x /x",
    "ADD data.tar.gz /srv/",
    "RUN python3 - <<EOF\nfrom os import path\nprint(path)\nEOF",
    "RUN echo --network=host",
    "RUN curl https://example.org/$X",
]


@pytest.mark.parametrize("lines", ALLOWED)
def test_what_comes_from_the_recipe_or_a_registry_is_built(lines):
    assert problems(f"{BEGIN}{lines}\n") == []


@pytest.mark.parametrize(
    "before",
    ["RUN echo ${x!} <<EOF", 'RUN ["true", "<<EOF"]', "RUN cat <<EOF", 'RUN echo " <<EOF "', "RUN true \\\n<<EOF"],
)
def test_a_line_of_a_script_is_read_as_an_instruction_too(before):
    """Podman may see no script there."""
    assert [text for _, text in problems(f"{BEGIN}{before}\nFROM private\nEOF\n")] != []
    named = problems(f"{BEGIN}{before}\nFROM scratch AS private\nEOF\nCOPY --from=private / /\n")
    assert "COPY --from private: an image reference names its registry" in named[-1][1]


def test_all_problems_are_said_at_once():
    text = f"{BEGIN}RUN --network=host true\nADD http://example.org/x /x\n"
    assert [line for line, _ in problems(text)] == [3, 4]


def test_all_that_is_shipped_stays_within_its_borders():
    files = [*ROOT.glob("recipes/*/images/*/Containerfile"), *ROOT.glob("quadlets/**/Containerfile")]
    assert len(files) > 15
    for file in files:
        assert problems(file.read_text()) == [], file

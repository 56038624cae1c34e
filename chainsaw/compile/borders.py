"""What a Containerfile may not take from elsewhere: from this host, from other images on it, or from other builds.

Every line is read as one that may begin an instruction, also inside of a script: so none is overlooked, whatever
Podman takes for the end of a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from chainsaw.compile.containerfile import Instruction
from chainsaw.errors import Diagnostic, invalid
from chainsaw.load.source import Source
from chainsaw.model.names import check_reference

FLAGS: Mapping[str, tuple[str, ...]] = {
    "FROM": ("platform",),
    "RUN": ("mount", "network"),
    "COPY": ("chmod", "chown", "exclude", "from", "link", "parents"),
    "ADD": ("checksum", "chmod", "chown", "exclude", "link", "unpack"),
}
MOUNTS = {
    "cache": "a cache is shared by the builds of all recipes: install and remove in the same RUN",
    "secret": "a build has no secrets; the instance has them at /run/secrets",
    "ssh": "a build has no keys of the admin",
}
DIRECTIVE = re.compile(r"#[ \t]*escape[ \t]*=", re.IGNORECASE)
STRANGE = re.compile(r"(?![ \t])[\s\x00-\x1f\x7f\ufeff\ufffd]")
CONTINUED = re.compile(r"\\[ \t]*$")
STAGE = re.compile(r"[a-z][a-z0-9_-]*")
SCRIPT = re.compile(r"(?:^|\s)[0-9]*<<-?(?!<)(\S+)")
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|'[A-Za-z_][A-Za-z0-9_]*'|\"[A-Za-z_][A-Za-z0-9_]*\"")
FETCHED = re.compile(r"://|\bgit@|^github\.com/")
SHA256 = re.compile(r"--checksum=sha256:[0-9a-f]{64}")
Problem = tuple[str, str]
"""A message, and what to do instead."""


@lru_cache(maxsize=256)
def check_containerfile(file: str, content: bytes) -> None:
    """Raise ChainsawError with everything in a Containerfile that reaches beyond its build."""
    source = Source(file, content.decode(errors="replace"))
    found = []
    for number, message, hint in _problems(source.text):
        shown = source.line(number)
        found.append(Diagnostic("containerfile", message, file, number, 1, source=shown, hint=hint))
    if found:
        raise invalid(found)


def _problems(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        plain = line.removesuffix("\r")
        if STRANGE.search(plain):
            yield number, "a control character, a space that is none of ASCII, or no UTF-8", "type the line again"
        if DIRECTIVE.match(plain.lstrip()):
            yield number, "another escape character", "use the backslash, and leave this line out"
        if any(not PLAIN.fullmatch(word) for word in SCRIPT.findall(plain)):
            yield number, "the end of a script is no plain word", "RUN <<EOF"
    stages, script = set[str](), text.partition("<<")[0].count("\n") + 1
    for item in _instructions(text):
        flags, words = _split(item.rest)
        for message, hint in (*_flag_problems(item, flags, stages), *_word_problems(item, flags, words, stages)):
            yield item.number, message, hint
        # From the first script on, a line may be of a script: what it names may be no stage, but an image of this host.
        if item.verb == "FROM" and len(words) == 3 and item.number < script and STAGE.fullmatch(words[2]):
            stages.add(words[2])


def _instructions(text: str) -> Iterator[Instruction]:
    """Yield each line with those that continue it, as Podman joins them (imagebuilder, dockerfile/parser)."""
    joined, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not first:
            line = line.lstrip()
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        first = first or number
        joined += CONTINUED.sub("", line)
        if not CONTINUED.search(line):
            verb, *rest = re.split(r"[ \t]+", joined.strip(), maxsplit=1)
            yield Instruction(first, verb.upper(), "".join(rest))
            joined, first = "", 0
    if joined.strip():
        verb, *rest = re.split(r"[ \t]+", joined.strip(), maxsplit=1)
        yield Instruction(first, verb.upper(), "".join(rest))


def _split(text: str) -> tuple[list[str], list[str]]:
    """Return the options before the first other word, and all words from there on."""
    words = text.split()
    count = next((index for index, word in enumerate(words) if not word.startswith("--")), len(words))
    return words[:count], words[count:]


def _flag_problems(item: Instruction, flags: list[str], stages: set[str]) -> Iterator[Problem]:
    known = FLAGS.get(item.verb)
    for flag in flags if known is not None else ():
        name, _, value = flag.removeprefix("--").partition("=")
        if set(flag) & set("\"'\\$"):
            yield f"{item.verb} {flag}: an option with a quote, a backslash or a variable", "write it out"
        elif name not in (known or ()):
            yield f"{item.verb} --{name} is not for a recipe's image", f"of {item.verb}: {_options(known or ())}"
        elif name == "network" and value not in ("none", "default"):
            yield "a build has a network of its own, and this host is not in it", "leave --network out"
        elif name == "mount":
            yield from _mount_problems(value, stages)
        elif name == "from":
            yield from _image_problems(f"{item.verb} --from", value, stages)


def _options(known: tuple[str, ...]) -> str:
    return ", ".join(f"--{name}" for name in known)


def _mount_problems(value: str, stages: set[str]) -> Iterator[Problem]:
    pairs = [pair.partition("=")[::2] for pair in value.split(",")]
    for kind in (given for name, given in pairs if name.strip().lower() == "type"):
        if kind not in ("bind", "tmpfs"):
            yield f"RUN --mount=type={kind}: {MOUNTS.get(kind, 'no such type')}", "possible are bind and tmpfs"
    for name, given in pairs:
        if name.strip().lower() == "from":
            yield from _image_problems("RUN --mount, from", given, stages)


def _word_problems(item: Instruction, flags: list[str], words: list[str], stages: set[str]) -> Iterator[Problem]:
    if item.verb == "ONBUILD":
        yield "ONBUILD would add instructions to the images of others", "write the instruction itself"
    # In a script of Python this is another word.
    if item.verb == "FROM" and words[1:2] != ["import"] and words[:1] not in (["${BASE}"], ["$BASE"], ["scratch"]):
        yield from _image_problems("FROM", words[0] if words else "", stages)
    if item.verb == "ADD":
        hint = "RUN curl … && echo SHA256 FILE | sha256sum --check"
        if any("$" in word for word in words[:-1]):
            yield "ADD of a variable, which may be an address", "write it out, or use COPY"
        elif any(FETCHED.search(word.lstrip('["')) for word in words) and not any(map(SHA256.fullmatch, flags)):
            yield "ADD fetches it without a check of what it is", f"--checksum=sha256:…, or {hint}"


def _image_problems(where: str, value: str, stages: set[str]) -> Iterator[Problem]:
    """Yield why an image is neither a stage of this file nor in a registry elsewhere."""
    if value in stages or (where != "FROM" and value.isdecimal()):
        return
    try:
        check_reference(value)
    except ValueError as error:
        yield (
            f"{where} {value}: {error}",
            "${BASE}, an earlier stage by name, or an image: docker.io/library/nginx:1.30",
        )

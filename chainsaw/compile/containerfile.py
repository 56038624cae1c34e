"""Review of what an image is built from: its Containerfile, and the files beside it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from chainsaw.compile.passwords import HINT, MESSAGE, gives_away
from chainsaw.errors import Diagnostic
from chainsaw.load.check import nearest
from chainsaw.load.recipe import Bundle
from chainsaw.load.source import Source

PIP = "pip installs whatever is newest: name==version"
NPM = "npm installs whatever is newest: name@version"
SCRIPT = re.compile(r"\b(curl|wget)\b[^|]*\|\s*(ba|da)?sh\b")
HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")
FLAG = re.compile(
    r"-[A-Zgqv]+|--no-(?!binary$).*|--(break-system-packages|disable-pip-version-check|force|force-reinstall|global"
    r"|ignore-installed|ignore-scripts|isolated|legacy-peer-deps|prefer-binary|pre|production|quiet|require-hashes"
    r"|save|save-dev|save-exact|silent|upgrade|user|verbose)"
)
"""Options of pip and npm without a value; behind any other, the next word is taken for its value."""
EXACT = {"pip": re.compile(r"[^=<>~!]+===?[^*,<>~!]+"), "npm": re.compile(r"@?[^@]+@v?\d+(\.\d+)*[\w.+-]*")}
ELSEWHERE = re.compile(r"[./$]|git\+|.*(://|\.whl$|\.tgz$|\.gz$|@ )")
"""What comes from a path, an address or a variable, and not from a registry under its name."""


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Containerfile in one line, with the number of its first line."""

    number: int
    verb: str
    rest: str


def containerfile_problems(bundle: Bundle, build: str, mounted: set[str]) -> Iterator[Diagnostic]:
    """Yield what is wrong with the image that is built from a directory; `mounted` are the paths of its mounts."""
    file = f"{build}/Containerfile"
    source = Source(f"recipes/{bundle.recipe.name}/{file}", bundle.files[file].decode(errors="replace"))
    if not re.search(r"^FROM \$\{?BASE\b", source.text, re.MULTILINE):
        message = "not based on a shared image, which would save disk: ARG BASE, FROM ${BASE}"
        yield _problem(source, 1, message, severity="warning")
    for item in instructions(source.text):
        if item.verb == "RUN":
            yield from _run(bundle, build, source, item)
        if item.verb in ("COPY", "ADD"):
            yield from _copied(bundle, build, source, item)
        if item.verb in ("ENV", "ARG"):
            yield from _variables(source, item)
        for path in re.findall(r"/[^\s\"',\]]+", item.rest) if item.verb == "VOLUME" else ():
            if path not in mounted:
                message = f"no component mounts {path}: what is written there is lost at every restart"
                yield _problem(source, item.number, message)


def _problem(source: Source, number: int, message: str, hint: str = "", severity: str = "error") -> Diagnostic:
    shown = source.line(number)
    return Diagnostic("lint", message, source.name, number, 1, source=shown, hint=hint, severity=severity)


def instructions(text: str) -> Iterator[Instruction]:
    """Yield each instruction, and each line of a script in a RUN; the lines of a file in a COPY are left out."""
    joined, first, ends, verb = "", 0, list[str](), ""
    for number, line in enumerate(text.splitlines(), 1):
        if ends:
            if line.strip() == ends[0]:
                ends.pop(0)
            elif verb == "RUN":
                yield Instruction(number, "RUN", line)
            continue
        if line.lstrip().startswith("#") or not (joined or line.strip()):
            continue
        first = first or number
        joined += line.removesuffix("\\") + " "
        if not line.endswith("\\"):
            verb, _, rest = joined.strip().partition(" ")
            verb = verb.upper()
            ends = HEREDOC.findall(rest) if verb in ("RUN", "COPY", "ADD") else []
            yield Instruction(first, verb, rest.strip())
            joined, first = "", 0


def _run(bundle: Bundle, build: str, source: Source, item: Instruction) -> Iterator[Diagnostic]:
    if SCRIPT.search(item.rest):
        message = "a downloaded script is run without a check"
        yield _problem(source, item.number, message, severity="warning")
    for words in _commands(item.rest):
        program, names = _installed(words)
        if not program:
            continue
        if any(not EXACT[program].fullmatch(name) and not ELSEWHERE.match(name) for name in names):
            message = PIP if program == "pip" else NPM
            yield _problem(source, item.number, message, severity="warning")
        if program == "pip":
            for file in _options(words, "-r", "--requirement"):
                yield from _requirements(bundle, build, PurePosixPath(file).name)
        elif not names:
            yield from _package(bundle, build)


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the commands of a script's line, each as its words."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="&|;()")
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        for word in lexer:
            if word and set(word) <= set("&|;()"):
                yield words
                words = []
            else:
                words.append(word)
    except ValueError:
        # A quote that another line closes.
        pass
    yield words


def _installed(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the program that installs packages by name, pip or npm, and the names; nothing for another command."""
    for index, word in enumerate(words[:-1]):
        program = {"pip": "pip", "pip3": "pip", "npm": "npm"}.get(PurePosixPath(word).name, "")
        verbs = ("install",) if program == "pip" else ("install", "i", "add")
        if program and words[index + 1] in verbs:
            rest, names = list(words[index + 2 :]), []
            while rest:
                item = rest.pop(0)
                if item.startswith("-"):
                    del rest[: not ("=" in item or FLAG.fullmatch(item))]
                else:
                    names.append(item)
            return program, names
    return "", []


def _options(words: Sequence[str], *names: str) -> Iterator[str]:
    for index, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in names and (equals or words[index + 1 :]):
            yield value if equals else words[index + 1]


def _requirements(bundle: Bundle, build: str, name: str) -> Iterator[Diagnostic]:
    """Yield the lines of a file of requirements that leave a version open (pip: Requirements File Format)."""
    for path, content in bundle.below(build).items():
        if PurePosixPath(path).name != name:
            continue
        source = Source(f"recipes/{bundle.recipe.name}/{build}/{path}", content.decode(errors="replace"))
        for number, line in enumerate(source.text.splitlines(), 1):
            wanted = re.split(r"\s#|;|\s--|\\$", line)[0].strip()
            if not wanted or wanted.startswith(("#", "-")) or ELSEWHERE.match(wanted):
                continue
            if not EXACT["pip"].fullmatch(wanted):
                yield _problem(source, number, PIP, severity="warning")


def _package(bundle: Bundle, build: str) -> Iterator[Diagnostic]:
    """Yield what a package.json leaves open, unless a lock file beside it says what is installed."""
    files = bundle.below(build)
    if {"package-lock.json", "npm-shrinkwrap.json"} & {PurePosixPath(path).name for path in files}:
        return
    for path, content in files.items():
        if PurePosixPath(path).name == "package.json":
            source = Source(f"recipes/{bundle.recipe.name}/{build}/{path}", content.decode(errors="replace"))
            try:
                package = json.loads(source.text)
                wanted = package.get("dependencies", {}).items()
            except (ValueError, AttributeError):
                continue
            for name, version in wanted:
                if not re.fullmatch(r"=?v?\d[\w.+-]*|.*[:/].*", str(version)):
                    lines = source.text.splitlines()
                    number = next((at for at, line in enumerate(lines, 1) if f'"{name}"' in line), 1)
                    yield _problem(source, number, NPM, "or a package-lock.json beside it", "warning")


def _copied(bundle: Bundle, build: str, source: Source, item: Instruction) -> Iterator[Diagnostic]:
    """Yield the files that are to be copied and are not there."""
    words = _arguments(item.rest)
    flags = [word for word in words if word.startswith("--")]
    names = [word for word in words if not word.startswith("--")][:-1]
    if any(flag.startswith("--from") for flag in flags) or HEREDOC.search(item.rest):
        return
    present = set(bundle.below(build))
    present |= {str(parent) for path in present for parent in PurePosixPath(path).parents}
    for name in names:
        wanted = str(PurePosixPath(name.lstrip("/") or "."))
        if "$" in name or "://" in name or any(fnmatchcase(path, wanted) for path in present):
            continue
        yield _problem(source, item.number, f"no file {name} in {build}{nearest(wanted, present)}")


def _arguments(text: str) -> list[str]:
    """Return the arguments of an instruction, which may be a list in JSON."""
    flags, _, rest = text.rpartition("[")
    try:
        return [*flags.split(), *map(str, json.loads(f"[{rest}"))] if text.endswith("]") else shlex.split(text)
    except ValueError:
        return text.split()


def _variables(source: Source, item: Instruction) -> Iterator[Diagnostic]:
    words = _arguments(item.rest)
    pairs = [word.partition("=")[::2] for word in words if "=" in word]
    if item.verb == "ENV" and len(words) > 1 and "=" not in words[0]:
        pairs = [(words[0], " ".join(words[1:]))]
    for name, value in pairs:
        if gives_away(name, value):
            yield _problem(source, item.number, f"{name}: {MESSAGE}", HINT)

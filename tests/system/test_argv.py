"""What systemd executes is what the recipe says, word for word, after Podman's generator has rewritten it."""

from __future__ import annotations

import base64
import io
import json
import random
import re
import tarfile
from dataclasses import dataclass
from itertools import pairwise

import pytest
from identity import IDENTITY

from chainsaw.compile.context import Host, Job
from chainsaw.compile.instance import compile_instance
from chainsaw.errors import ChainsawError
from chainsaw.load.recipe import load_recipe
from chainsaw.load.site import load_instance
from chainsaw.model.block import Block
from chainsaw.model.paths import Paths
from chainsaw.model.site import Site
from chainsaw.work.recipes.shipped import shared_files, shared_parts

from .machine import HOME, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

GENERATOR = "/usr/lib/systemd/user-generators/podman-user-generator"
PIECES = [
    *"%$\\\"' ;#=[]{}@-+!:,|&<>()*?~`^aä²\u00a0\u3000😀", "\\x41", "%h", "$HOME", "${HOME}", "\\;", ";;", "--rm", "-",
    "a b", " ; ", "\\n", "\\s", "%%", "$$", "';'", '";"', "\\", "\u00ad", "\ufeff",
]  # fmt: skip
HAND_PICKED = [
    ["true", "\\;", "/bin/sh"], ["-c", "a; b"], ["'", '"', "\\"], ["%t", "%%t", "$USER"], ["a\\", "b"],
    ["@x", "+x", "!x", "-x", ":x"], ["\u3000", "\u00a0", " "], ["#", "[Service]", "ExecStart=/bin/sh"],
]  # fmt: skip
PATHS = {"quadlets": "quadlets/app@one.container", "timers": "units/app@one.work.service"}
LOAD = """
set -e
rm -rf ~/argv ~/.config/systemd/user/argv-*; mkdir -p ~/argv/out ~/argv/timers ~/.config/systemd/user
cd ~/argv && base64 -d | tar -x
QUADLET_UNIT_DIRS=$PWD/quadlets GENERATOR out out out
mv out/argv-*.service timers/argv-*.service ~/.config/systemd/user/
systemctl --user daemon-reload
for unit in ~/.config/systemd/user/argv-*.service; do
    name=$(basename "$unit")
    path=$(busctl --user call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
        org.freedesktop.systemd1.Manager LoadUnit s "$name" | cut -d '"' -f 2)
    printf '%s ' "$name"
    busctl --user --json=short get-property org.freedesktop.systemd1 "$path" org.freedesktop.systemd1.Service \
        ExecStart ExecStop
done
""".replace("GENERATOR", GENERATOR)


@dataclass(frozen=True)
class Commands:
    """The command lines that systemd has of a container's unit and of its timer's, each as arguments."""

    start: list[list[str]]
    stop: list[list[str]]
    timer: list[list[str]]


@dataclass(frozen=True)
class Case:
    """The words of a recipe's command, program, variable, check, timer, and of the question when there is work."""

    words: list[str]
    once: bool
    entrypoint: str = ""

    @property
    def program(self) -> str:
        """The entry point: as it is given, or a word of which nothing is refused."""
        return self.entrypoint or self.words[0].strip().strip('"').rstrip("\\").strip().replace(";", "x") or "sh"

    def job(self) -> Job:
        """Return what is to be compiled."""
        component = {
            "image": "app", "memory": "64M", "command": self.words, "environment": {"A": self.words[0], "B": "b"},
            "entrypoint": self.program, "tmpfs": {"/run/a~b_c-d.e": "3M"}, "volumes": {"data": "/srv/a~b_c-d.e"},
            "files": {"a~b_c-d.e": "/etc/a~b_c-d.e"}, "secrets": ["key"],
            **({"once": True} if self.once else {"health": {"command": self.words, "timeout": "7s"}}),
        }  # fmt: skip
        recipe = f"{IDENTITY}images: {{app: {{shared: base}}}}\nserve: {{http: {{}}}}\nvolumes: {{data: {{}}}}\n"
        recipe += "secrets: {key: {help: A key.}}\n"
        recipe += f"components: {json.dumps({'app': component}, ensure_ascii=False)}\n"
        timer = {
            "component": "app", "command": self.words, "every": "1h", "due": self.words,
            "help": self.words[0].rstrip("\\") or "x",
        }  # fmt: skip
        recipe += f"timers: {json.dumps({'work': timer}, ensure_ascii=False)}\n"
        files = {"recipe.yaml": recipe.encode(), "a~b_c-d.e": b""}
        bundle = load_recipe("recipe.yaml", "demo", files, shared_parts())
        file = load_instance("instances/one.yaml", "recipe: demo\nroute: https://one.example.org/\nsleep: 15m\n")
        return Job(file, bundle, Site(), Block(524288), Host(Paths.of(HOME, {})), shared_files())

    def units(self) -> dict[str, str]:
        """Return the compiled quadlet, and the unit of the timer, each by its directory."""
        made = {file.path: file.content for file in compile_instance(self.job()).artifacts}
        return {directory: made[path].decode() for directory, path in PATHS.items()}

    def differences(self, commands: Commands) -> list[str]:
        """Return where the command lines that systemd has are not what the recipe says."""
        if (len(commands.start), len(commands.stop), len(commands.timer)) != (1, 2, 1):
            return [
                f"{len(commands.start)} commands to start, {len(commands.stop)} to stop, {len(commands.timer)} else"
            ]
        lines = {"question": commands.stop[0], "command": commands.start[0], "timer": commands.timer[0]}
        executed = {name: [_executed(word) for word in line] for name, line in lines.items()}
        found = [f"{name}: {line}" for name, line in executed.items() if line[-len(self.words) :] != self.words]
        argv = executed["command"]
        options = {"--entrypoint": self.program, "--tmpfs": "/run/a~b_c-d.e:size=3M,mode=1777"}
        options |= {} if self.once else {"--health-timeout": "7s"}
        found += [f"{pair}: {argv}" for pair in options.items() if pair not in pairwise(argv)]
        values = set(argv)
        found += [name for name in (f"A={self.words[0]}", "B=b") if name not in values]
        for mount in (
            "volumes/data:/srv/a~b_c-d.e",
            "config/one/app/a~b_c-d.e:/etc/a~b_c-d.e:ro",
            "/key:/run/secrets/key:ro",
        ):
            found += [] if any(mount in value for value in values) else [mount]
        if not self.once:
            check = argv[argv.index("--health-cmd") + 1]
            found += [] if json.loads(check) == self.words else [f"its check is {check}"]
        return found


def _executed(word: str) -> str:
    """Return a word as the program gets it: systemd makes one $ of two when it executes it, and no variable is left."""
    assert "$" not in word.replace("$$", ""), f"systemd would expand {word!r}"
    return word.replace("$$", "$")


def cases(seed: int) -> list[Case]:
    """Return the cases that were thought of, and others at random."""
    chance = random.Random(seed)
    made = [["".join(chance.choices(PIECES, k=chance.randint(1, 5))) for _ in range(4)] for _ in range(60)]
    every = [words for words in [*HAND_PICKED, *made] if not any(re.search("[{][{%#]", word) for word in words)]
    return [Case(words, once) for words in every for once in (True, False)]


def loaded(machine: Machine, cases: list[Case]) -> list[Commands]:
    """Return the command lines that systemd has of cases after Podman's generator made units of their quadlets."""
    packed = io.BytesIO()
    names = {"quadlets": "argv-{:03}.container", "timers": "argv-{:03}-work.service"}
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number, case in enumerate(cases):
            for directory, text in case.units().items():
                member = tarfile.TarInfo(f"{directory}/{names[directory].format(number)}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
    encoded = base64.b64encode(packed.getvalue()).decode()
    printed = machine.admin("sh", "-c", LOAD, stdin=encoded)
    machine.admin("sh", "-c", "rm -rf ~/argv ~/.config/systemd/user/argv-*; systemctl --user daemon-reload")
    properties = [json.loads(line[line.index("{") :])["data"] for line in printed.splitlines()]
    lines = [[command[1] for command in commands] for commands in properties]
    # A timer's unit is listed before its container's, and nothing is done when it stops.
    of_timers, of_containers = zip(lines[0::4], lines[1::4], strict=True), zip(lines[2::4], lines[3::4], strict=True)
    return [Commands(*unit, timer[0]) for timer, unit in zip(of_timers, of_containers, strict=True)]


def test_systemd_executes_the_words_of_the_recipe_and_nothing_else(machine: Machine) -> None:
    tried = cases(1)
    found = loaded(machine, tried)
    assert len(found) == len(tried) > 100
    for case, commands in zip(tried, found, strict=True):
        assert case.differences(commands) == [], case


@pytest.mark.parametrize("once", [True, False])
def test_a_word_that_would_end_the_command_is_refused(once: bool) -> None:
    """The generator writes it without quotes, and systemd would run the rest as the admin."""
    with pytest.raises(ChainsawError, match="only a semicolon"):
        Case(["true", ";", "/bin/sh", "-c", "id > ~/x"], once).units()
    with pytest.raises(ChainsawError, match="an empty word"):
        Case(["true", "", "x"], once).units()


@pytest.mark.parametrize("program", [";", '";"', '"a b"', 'a"', " sh", "sh\u00a0", "sh\\"])
def test_a_program_of_which_the_generator_would_take_something_off_is_refused(program: str) -> None:
    """It takes off quotes: what is left of `";"` ends the command."""
    with pytest.raises(ChainsawError, match="this cannot be passed to Podman"):
        Case(["true"], False, program).units()

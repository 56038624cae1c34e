"""What systemd executes is what the recipe says, word for word, after Podman's generator has rewritten it."""

from __future__ import annotations

import base64
import io
import json
import random
import re
import tarfile
from dataclasses import dataclass

import pytest
from identity import IDENTITY

from chainsaw.compile.component import component_quadlet
from chainsaw.compile.context import Host, Job
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
LOAD = """
set -e
rm -rf ~/argv ~/.config/systemd/user/argv-*; mkdir -p ~/argv/out ~/.config/systemd/user
cd ~/argv && base64 -d | tar -x
QUADLET_UNIT_DIRS=$PWD/quadlets GENERATOR out out out
mv out/argv-*.service ~/.config/systemd/user/
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
    """The command lines that systemd has of a unit, each as arguments."""

    start: list[list[str]]
    stop: list[list[str]]


@dataclass(frozen=True)
class Case:
    """The words of a recipe's command, variable, check, and of the question when there is work."""

    words: list[str]
    once: bool

    def quadlet(self) -> str:
        """Return the compiled quadlet."""
        check = {"command": self.words}
        component = {
            "image": "app", "memory": "64M", "command": self.words, "environment": {"A": self.words[0]},
            **({"once": True} if self.once else {"health": check}),
        }  # fmt: skip
        recipe = f"{IDENTITY}images: {{app: {{shared: base}}}}\nserve: {{http: {{}}}}\n"
        recipe += f"components: {json.dumps({'app': component}, ensure_ascii=False)}\n"
        timer = {"component": "app", "command": ["true"], "every": "1h", "due": self.words, "help": "Works."}
        recipe += f"timers: {json.dumps({'work': timer}, ensure_ascii=False)}\n"
        bundle = load_recipe("recipe.yaml", "demo", {"recipe.yaml": recipe.encode()}, shared_parts())
        file = load_instance("instances/one.yaml", "recipe: demo\nroute: https://one.example.org/\nsleep: 15m\n")
        job = Job(file, bundle, Site(), Block(524288), Host(Paths.of(HOME, {})), shared_files())
        return component_quadlet(job, "app", []).content.decode()

    def differences(self, commands: Commands) -> list[str]:
        """Return where the command lines that systemd has are not what the recipe says."""
        if (len(commands.start), len(commands.stop)) != (1, 2):
            return [f"{len(commands.start)} commands to start, and {len(commands.stop)} to stop"]
        question = [_executed(word) for word in commands.stop[0]]
        if question[-len(self.words) :] != self.words:
            return [f"its question is {question}"]
        argv = [_executed(word) for word in commands.start[0]]
        found = [] if argv[-len(self.words) :] == self.words else [f"its command is {argv[-len(self.words) :]}"]
        variable = argv[argv.index("--env") + 1]
        found += [] if variable == f"A={self.words[0]}" else [f"its variable is {variable!r}"]
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


def loaded(machine: Machine, quadlets: list[str]) -> list[Commands]:
    """Return the command lines that systemd has of quadlets after Podman's generator made units."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number, text in enumerate(quadlets):
            member = tarfile.TarInfo(f"quadlets/argv-{number:03}.container")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    encoded = base64.b64encode(packed.getvalue()).decode()
    printed = machine.admin("sh", "-c", LOAD, stdin=encoded)
    machine.admin("sh", "-c", "rm -rf ~/argv ~/.config/systemd/user/argv-*; systemctl --user daemon-reload")
    properties = [json.loads(line[line.index("{") :])["data"] for line in printed.splitlines()]
    lines = [[command[1] for command in commands] for commands in properties]
    return [Commands(*pair) for pair in zip(lines[::2], lines[1::2], strict=True)]


def test_systemd_executes_the_words_of_the_recipe_and_nothing_else(machine: Machine) -> None:
    tried = cases(1)
    found = loaded(machine, [case.quadlet() for case in tried])
    assert len(found) == len(tried) > 100
    for case, commands in zip(tried, found, strict=True):
        assert case.differences(commands) == [], case


@pytest.mark.parametrize("once", [True, False])
def test_a_word_that_would_end_the_command_is_refused(once: bool) -> None:
    """The generator writes it without quotes, and systemd would run the rest as the admin."""
    with pytest.raises(ChainsawError, match="only a semicolon"):
        Case(["true", ";", "/bin/sh", "-c", "id > ~/x"], once).quadlet()
    with pytest.raises(ChainsawError, match="an empty word"):
        Case(["true", "", "x"], once).quadlet()

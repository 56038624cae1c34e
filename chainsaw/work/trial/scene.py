"""What a level test works with: temporary instances of one recipe, and functions to examine them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chainsaw.compile.context import Host, Job
from chainsaw.compile.sample import sample_settings
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.mailbox import HOST, Mailbox
from chainsaw.host.observe import PATTERNS
from chainsaw.host.podman import Podman
from chainsaw.host.systemd import GRACE, UserManager
from chainsaw.host.web import Answer, Asked, Front, probe, request
from chainsaw.load.recipe import Bundle, chosen_options, instance_bundle, with_options
from chainsaw.load.settings import Value
from chainsaw.load.site import load_instance, load_site
from chainsaw.model.deployment import Deployment
from chainsaw.model.recipe import Recipe
from chainsaw.model.site import Site
from chainsaw.plan.state import State, instance_state
from chainsaw.work.apply.apply import apply
from chainsaw.work.config.names import instance_names
from chainsaw.work.config.new import instance_text
from chainsaw.work.lifecycle.remove import purge
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Reporter, Request
from chainsaw.work.trial.marker import Player

REQUEST_TIMEOUT = 60.0


def new_marker() -> str:
    """Return a word that no data holds yet."""
    return f"mark{secrets.token_hex(6)}"


@dataclass
class Scene:
    """One recipe under test; `first` and `second` are its temporary instances.

    `marker` is the word that the data written into the first one holds, once it `is_written`. One that does not work
    `keeps` what it is, to be looked at. In `place` is what another host has left for this one. Where a variant is
    tested, `subject` is in the place of the first, and what is `chosen` is set in each file.
    """

    bundle: Bundle
    catalog: Catalog
    report: Reporter
    account: Account
    mailbox: Mailbox
    measured: dict[str, Any] = field(default_factory=dict)
    idle_since: float = field(default_factory=time.monotonic)
    marker: str = field(default_factory=new_marker)
    is_written: bool = False
    keeps: bool = False
    subject: str = ""
    place: str = ""
    chosen: Mapping[str, Value] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.bundle.recipe.name

    @property
    def first(self) -> str:
        """The instance that most levels test."""
        return self.subject or f"try-{self.name}"

    def variant(self, chosen: Mapping[str, Value]) -> Scene:
        """Return the scene in which the second instance, with some options, is tested in the place of the first."""
        other = replace(self, subject=self.second, chosen=chosen)
        return replace(other, measured={}, marker=new_marker(), is_written=False)

    @property
    def second(self) -> str:
        """The second instance, for tests of isolation."""
        return f"try-{self.name}-2"

    @property
    def moved(self) -> str:
        """What the host of the first instance is called after it has moved."""
        return f"{self.first}-moved"

    def host(self, name: str) -> str:
        """Return the host of an instance."""
        return f"{name}.localhost"

    @property
    def site(self) -> Site:
        """The settings of site.yaml."""
        return load_site("site.yaml", files.read_text(self.account.paths.site_file))

    @property
    def front(self) -> Front:
        """The address of the front."""
        return Front(self.site.ports.https, f"{self.account.paths.authority}/ca.pem")

    @property
    def front_image(self) -> str:
        """The image of the front, which is on every host and has the tools that the tests need."""
        front = self.account.current().front
        assert front is not None
        return front.images[0].reference

    @property
    def podman(self) -> Podman:
        """Podman of the admin."""
        return self.account.podman

    def declare(
        self,
        name: str,
        route: str = "",
        settings: Mapping[str, Value] | None = None,
        keys: Mapping[str, object] | None = None,
    ) -> None:
        """Write the file of an instance with the recipe's defaults, but for some settings and other keys.

        Whatever the site says, it does not sleep, its mail stays here, and no backups of it are made by themselves.
        """
        recipe = self.bundle.recipe
        values = {**sample_settings(recipe), **self.chosen, **(settings or {})}
        everything = {setting: values.get(setting, item.default) for setting, item in recipe.settings.items()}
        variant = with_options(self.bundle, chosen_options(recipe, everything)).recipe
        fixed: dict[str, object] = {"sleep": "never"} if variant.primary else {}
        fixed |= {"mail": self.mail} if "mail" in variant.honours and self.site.mail else {}
        fixed |= {"backup": {"every": "never"}} if self.site.backup else {}
        text = instance_text(recipe, route or f"https://{self.host(name)}/", values)
        text += "".join(f"{key}: {json.dumps(value)}\n" for key, value in {**fixed, **(keys or {})}.items())
        files.write_atomic(f"{self.account.paths.instance_files}/{name}.yaml", text.encode(), 0o600)

    @property
    def mail(self) -> dict[str, object]:
        """The mail server of the test, as an instance's file names it."""
        return {"host": HOST, "port": self.mailbox.port, "tls": "none"}

    def apply(self, name: str) -> None:
        """Apply one instance; raise ChainsawError when it does not come up."""
        request = Request((name,), command="recipe test", recorded=False, keeps=self.keeps)
        result = apply(self.account, request, self.report, self.catalog)
        if problems := problems_of(name, result.diagnostics):
            raise ChainsawError(problems, result.exit)

    def purge(self, name: str) -> None:
        """Delete an instance with everything that belongs to it."""
        if name in instance_names(self.account) or files.exists(self.account.paths.instance(name)):
            purge(
                self.account,
                name,
                Request((name,), command="recipe test", recorded=False, prunes=False),
                self.report,
                self.catalog,
            )

    def deployment(self, name: str) -> Deployment:
        """Return the applied deployment of an instance."""
        return self.account.current().instances[name]

    def state(self, name: str) -> State:
        """Return the state of an instance."""
        with UserManager() as manager:
            return instance_state(self.deployment(name), manager.details(PATTERNS))

    def get(self, name: str, path: str) -> Answer:
        """Return the answer of an instance's host to a path."""
        return request(self.front, Asked(self.deployment(name).route.host, path), REQUEST_TIMEOUT)

    def secret(self, name: str, key: str) -> str:
        """Return a secret of an instance."""
        return self.podman.read_file(self.account.paths.secret(name, key)).decode()

    def units(self, name: str) -> list[str]:
        """Return the services of an instance, including its gate's."""
        found = self.deployment(name)
        return [service.unit for service in (*found.services, found.gate) if service]

    def processes(self, name: str) -> list[int]:
        """Return the ids of all processes of an instance."""
        with UserManager() as manager:
            return sorted({process for unit in self.units(name) for process in manager.processes(unit)})

    def restart(self, name: str) -> None:
        """Restart all services of an instance."""
        app = f"app@{name}.service"
        units = [app] if app in self.units(name) else self.units(name)
        with UserManager() as manager:
            states = manager.start([(unit, True) for unit in units], 300.0, self.units(name))
        down = [unit for unit, state in states.items() if state != "active" and not unit.endswith(".gate.service")]
        if down:
            raise ChainsawError(Diagnostic("not-started", f"{down[0]} is {states[down[0]]} after a restart"))

    def wait_until_up(self, name: str) -> None:
        """Wait until all components of an instance run and its page answers; raise ChainsawError if they do not.

        Nothing is started: after a reboot, all of it starts by itself.
        """
        found = self.deployment(name)
        units = [service.unit for service in found.services]
        with UserManager() as manager:
            states: dict[str, str] = {}

            def are_up() -> bool:
                states.update(manager.states(units))
                return all(states.get(unit) == "active" for unit in units)

            if units and not wait_until(are_up, found.start_timeout + GRACE):
                down = next(unit for unit in units if states.get(unit) != "active")
                raise ChainsawError(Diagnostic("not-started", f"{down} is {states.get(down, 'inactive')}"))
        problem = probe(found.route.host, self.front, found.probe, found.start_timeout)
        if problem:
            raise ChainsawError(Diagnostic("probe", problem))

    def player(self, name: str, secrets: Mapping[str, str] | None = None) -> Player:
        """Return a player of the recipe's marker against an instance; `secrets` are used in the place of its own."""
        known = secrets or {}
        return Player(
            self.deployment(name),
            self._job(name).context,
            self.front,
            self.podman,
            lambda key: known[key] if key in known else self.secret(name, key),
            self.front_image,
        )

    def recipe(self, name: str) -> Recipe:
        """Return the recipe with the variants that an instance has chosen."""
        return self._job(name).bundle.recipe

    def _job(self, name: str) -> Job:
        file = load_instance(
            f"instances/{name}.yaml", files.read_text(f"{self.account.paths.instance_files}/{name}.yaml") or ""
        )
        bundle = instance_bundle(self.bundle, file.instance)
        return Job(file, bundle, self.site, None, Host(self.account.paths), shared_files())


def problems_of(name: str, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the problems of one instance among those of an apply: before each note on a file are those of it."""
    found: list[Diagnostic] = []
    for item in diagnostics:
        if item.severity != "note":
            found.append(item)
        elif item.file == f"instances/{name}.yaml":
            return found
        else:
            found = []
    return []


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether a condition comes true within some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.2)
    return True

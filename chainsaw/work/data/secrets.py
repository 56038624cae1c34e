"""secret: list, show, rotate and set the secrets of instances and of the site."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.podman import Podman
from chainsaw.host.podman.placement import Placement
from chainsaw.host.step import Steps
from chainsaw.host.store import records
from chainsaw.host.systemd import GRACE, UserManager
from chainsaw.load.check import nearest
from chainsaw.model.deployment import Deployment, SecretFile
from chainsaw.model.names import check_instance, check_text, check_word
from chainsaw.model.paths import Paths
from chainsaw.model.recipe import Rotation, Secret
from chainsaw.work.config.names import applied_instance
from chainsaw.work.locks import holding, site
from chainsaw.work.recipes.installed import applied_bundle
from chainsaw.work.result import Reporter, Result, Table
from chainsaw.work.service.service import restart

NEXT = ".next"
"""The suffix of a new value that the application does not use yet."""
ROTATES = 600.0
"""Seconds that an application may take to change a secret."""
VARIABLES = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*=[^\n]*\n?)+")
"""Lines of NAME=VALUE, which a program gets as its environment."""


def secret_keys(account: Account, name: str, generated: bool = False) -> list[str]:
    """Return the secrets of an applied instance: all, or those that were `generated` and not copied from the site's.

    Raise ChainsawError when there is no instance of this name.
    """
    deployment = applied_instance(account.paths, account.current(), name)
    return [item.key for item in deployment.secrets if not (generated and item.source)]


def show_secret(account: Account, name: str, key: str) -> Result:
    """Return a secret of an instance; raise ChainsawError when there is none of this name."""
    try:
        check_instance(name), check_word(key)
    except ValueError as error:
        raise invalid(Diagnostic("name", str(error), key=f"{name} {key}")) from None
    directory = f"{account.paths.instance(name)}/secrets"
    if not files.exists(directory):
        applied_instance(account.paths, account.current(), name)
    known = [item for item in files.list_directory(directory) if not item.endswith((".partial", NEXT))]
    if key not in known:
        raise _no_secret(name, key, known)
    value = account.podman.read_file(f"{directory}/{key}").decode()
    return Result({"instance": name, "key": key, "value": value}, (value,))


def _no_secret(name: str, key: str, known: list[str]) -> ChainsawError:
    message = f"{name} has no secret {key!r}{nearest(key, known)}"
    hint = f"secrets of {name}: {', '.join(known)}" if known else f"chainsaw apply {name}"
    return ChainsawError(Diagnostic("no-secret", message, hint=hint), Exit.MISSING)


def declared_secrets(paths: Paths, deployment: Deployment) -> dict[str, Secret]:
    """Return the secrets that an applied instance's recipe declares, in the applied version and variant."""
    return dict(applied_bundle(paths, deployment).recipe.secrets)


def list_secrets(account: Account, name: str) -> Result:
    """Return the names of an instance's secrets, their purpose and how each is changed; never a value."""
    manifest = account.current()
    deployment = applied_instance(account.paths, manifest, name)
    known = declared_secrets(account.paths, deployment)
    rows = [{"key": key, "help": item.help, "rotate": _way(item.rotate)} for key, item in known.items()]
    shown = tuple((row["key"], row["help"], row["rotate"]) for row in rows)
    lines = () if rows else (f"{name} has no secrets",)
    return Result({"instance": name, "secrets": rows}, lines, table=Table(("key", "what it is for", "rotate"), shown))


def _way(rotation: Rotation | None) -> str:
    if rotation is None:
        return "in the application only"
    return f"by a command in {rotation.component}" if rotation.component else "by a restart"


def rotate_secret(account: Account, name: str, key: str, report: Reporter) -> Result:
    """Give an instance a new secret, in the application and in its file; raise ChainsawError when that fails.

    A value left by an interrupted attempt is used again, because the application may have it already.
    """
    with holding(account, (name,), f"chainsaw secret rotate {name}", report):
        deployment = applied_instance(account.paths, account.current(), name)
        known = declared_secrets(account.paths, deployment)
        place = next((item for item in deployment.secrets if item.key == key), None)
        if place is None or key not in known:
            raise _no_secret(name, key, list(known))
        rotation = known[key].rotate
        if rotation is None:
            message = f"{deployment.recipe} does not say how {key} is changed"
            hint = "change it in the application; chainsaw info shows what the recipe can do"
            raise ChainsawError(Diagnostic("no-rotation", message, hint=hint), Exit.INVALID)
        report.doing(f"changing {key} of {name}")
        if rotation.command:
            _start_service(account, deployment)
        rotate(account.podman, account.steps, deployment, place, rotation)
        if not rotation.command and deployment.serving != "stopped":
            restart(account, name, report)
    line = f"{key} of {name} is changed: chainsaw secret show {name} {key}"
    return Result({"instance": name, "key": key}, (line,))


def set_site_secret(account: Account, key: str, value: str, report: Reporter) -> Result:
    """Store a secret that the site's settings name, and copy it to the instances that use it.

    Raise ChainsawError for an invalid name, and for a value that is neither one line nor lines of NAME=VALUE.
    """
    try:
        check_word(key)
        for line in value.split("\n") if VARIABLES.fullmatch(value) else [value]:
            check_text(line)
    except ValueError as error:
        raise invalid(Diagnostic("name", str(error), key=key)) from None
    if not value:
        raise invalid(Diagnostic("name", "a secret must not be empty", key=key))
    command, users = f"chainsaw secret set {key}", _users_of(account, key)
    # An instance that starts to use it later gets the value from its own apply.
    with holding(account, users, command, report):
        # One that another command has removed or renamed meanwhile uses it no longer.
        users = [name for name in _users_of(account, key) if name in users]
        applied = _keep(account, key, value, users, command, report)
        for name in users:
            if applied[name].serving != "stopped":
                restart(account, name, report)
    lines = (f"{key} is stored", *(f"  {name} uses it now" for name in users))
    return Result({"key": key, "instances": sorted(users)}, lines)


def _users_of(account: Account, key: str) -> list[str]:
    """Return the instances that use a secret of the site."""
    source = account.paths.site_secret(key)
    applied = account.current().instances
    return [name for name, item in applied.items() if any(one.source == source for one in item.secrets)]


def _keep(
    account: Account, key: str, value: str, users: Sequence[str], command: str, report: Reporter
) -> Mapping[str, Deployment]:
    """Write a secret of the site and the copies of the instances that use it; return the instances."""
    paths, steps = account.paths, account.steps
    with site(account, command, report):
        with steps.step("make the state directory"):
            records.prepare(paths)
            files.make_directory(f"{paths.root}/secrets", 0o700)
        with steps.step(f"write {key}"):
            files.write_atomic(paths.site_secret(key), value.encode(), 0o600)
        applied = account.current().instances
        copied = [item for name in users for item in applied[name].secrets if item.source == paths.site_secret(key)]
        with steps.step(f"copy {key}"):
            account.podman.place([Placement(item.path, 0o400, item.ids, value.encode()) for item in copied])
    return applied


def _start_service(account: Account, deployment: Deployment) -> None:
    """Start an instance so that a command can run in it; raise ChainsawError when it is declared stopped."""
    if deployment.serving == "stopped":
        raise invalid(Diagnostic("stopped", f"{deployment.name} is stopped", hint=f"chainsaw start {deployment.name}"))
    unit = deployment.gate.unit if deployment.gate else f"app@{deployment.name}.service"
    with account.steps.step(f"start {unit}"), UserManager() as manager:
        manager.start([(unit, False)], deployment.start_timeout + GRACE)


def rotate(podman: Podman, steps: Steps, deployment: Deployment, place: SecretFile, rotation: Rotation) -> None:
    """Write a new value, change it in the application, and only then replace the old file."""
    coming = f"{place.path}{NEXT}"
    if not files.exists(coming):
        with steps.step(f"write a new {place.key}"):
            podman.place([Placement(coming, 0o400, place.ids, files.random_text(place.length).encode())])
    if rotation.command:
        container = f"{deployment.name}.{rotation.component}"
        with steps.step(f"change {place.key} in {container}"):
            outcome = podman.exec(container, rotation.command, stdin=podman.read_file(coming), patience=ROTATES)
        if outcome.code:
            message = f"{rotation.command[0]} in {container} ended with {outcome.code}: {outcome.complaint}"
            hint = f"chainsaw logs {deployment.name} {rotation.component}"
            raise ChainsawError(Diagnostic("not-rotated", message, hint=hint))
    with steps.step(f"put the new {place.key} in place"):
        files.rename(coming, place.path)

"""--explain: what a command stands for, in the words of podman, systemctl, journalctl, nginx and git."""

from __future__ import annotations

from typing import Any

import click

from chainsaw.cli.output import say

CONFIG = "~/.config/chainsaw"
DATA = "~/.local/share/chainsaw"
STATE = "~/.local/state/chainsaw"
ASKED = "chainsaw.explain"
MEANINGS: dict[str, tuple[str, ...]] = {
    "search": (f"grep -r summary: RECIPES/*/recipe.yaml {DATA}/sources/*.git",),
    "info": ("less RECIPES/{recipe}/recipe.yaml RECIPES/{recipe}/tested.json",),
    "source add": (
        f"git init --bare {DATA}/sources/{{name}}.git",
        f"git -C {DATA}/sources/{{name}}.git fetch {{url}} HEAD",
        f"editor {CONFIG}/sources.yaml",
    ),
    "source list": (f"less {CONFIG}/sources.yaml",),
    "source update": (f"git -C {DATA}/sources/NAME.git fetch", f"editor {CONFIG}/sources.yaml"),
    "source remove": (f"rm -r {DATA}/sources/{{name}}.git", f"editor {CONFIG}/sources.yaml"),
    "install": (f"cp -r RECIPES/{{recipe}} {DATA}/recipes/", "podman build --tag localhost/chainsaw/{recipe}-app …"),
    "uninstall": (f"rm -r {DATA}/recipes/SOURCE/{{recipe}}*", "podman rmi localhost/chainsaw/{recipe}-app:…"),
    "new": (f"editor {CONFIG}/instances/{{name}}.yaml", f"cp -r RECIPES/{{recipe}} {DATA}/recipes/"),
    "config set": (f"editor {CONFIG}/instances/NAME.yaml",),
    "config unset": (f"editor {CONFIG}/instances/NAME.yaml",),
    "config edit": (f"editor {CONFIG}/instances/NAME.yaml",),
    "list": (
        "systemctl --user list-units 'app@*' 'chainsaw-*'",
        "podman ps --all --filter label=chainsaw.instance",
        f"podman unshare du -sh {DATA}/instances/* {DATA}/public/*",
    ),
    "status": (
        "systemctl --user status 'app@{name}*'",
        "podman ps --all --filter label=chainsaw.instance={name}",
        "podman inspect {name}.app",
        f"podman unshare du -sh {DATA}/instances/{{name}}/volumes/* {DATA}/public/{{name}}/*",
        "journalctl --user --priority=warning --lines=5 CONTAINER_NAME={name}.app",
    ),
    "top": ("systemd-cgtop --depth=5 user.slice", "grep Pss: /proc/*/smaps_rollup"),
    "doctor": (
        "loginctl show-user $USER --property=Linger",
        "podman info",
        "systemctl --user --failed",
        "sysctl net.ipv4.ip_unprivileged_port_start",
        "journalctl --disk-usage",
        f"df -h {DATA}; df -i {DATA}",
    ),
    "start": (f"editor {CONFIG}/instances/{{name}}.yaml   # without serving:", "chainsaw apply {name}"),
    "stop": (
        f"editor {CONFIG}/instances/{{name}}.yaml   # serving: stopped",
        "systemctl --user stop app@{name}.socket app@{name}",
        "systemctl --user reload chainsaw-front",
    ),
    "restart": ("systemctl --user restart app@{name}",),
    "maintenance": (
        f"editor {CONFIG}/instances/{{name}}.yaml   # serving: maintenance",
        f"editor {STATE}/generations/current/nginx/locations/{{name}}.conf   # return 503;",
        "systemctl --user reload chainsaw-front",
    ),
    "inventory": (
        f"find {DATA}/instances/{{name}} {DATA}/public/{{name}} {STATE}/generations/current -name '*{{name}}*'",
        "podman images; podman ps --all; podman network ls",
    ),
    "history": (f"git -C {CONFIG} log -- instances/{{name}}.yaml notes/{{name}}.md",),
    "diff": (f"diff -ru {STATE}/generations/current/intent {CONFIG}",),
    "note": (f"editor {CONFIG}/notes/{{name}}.md", f"git -C {CONFIG} commit --all"),
    "rollback": (
        f"cp {STATE}/generations/NUMBER/intent/instances/{{name}}.yaml {CONFIG}/instances/",
        "chainsaw apply {name}",
    ),
    "remove": (
        f"mv {CONFIG}/instances/{{name}}.yaml {CONFIG}/removed/",
        "systemctl --user stop app@{name}.socket app@{name}",
        "systemctl --user reload chainsaw-front",
        f"podman unshare rm -r {DATA}/instances/{{name}} {DATA}/public/{{name}}   # with --purge",
    ),
    "rename": (
        "systemctl --user stop app@{name}.socket app@{name}",
        f"mv {DATA}/instances/{{name}} {DATA}/instances/{{new}}; mv {DATA}/public/{{name}} {DATA}/public/{{new}}",
        f"mv {CONFIG}/instances/{{name}}.yaml {CONFIG}/instances/{{new}}.yaml",
        "chainsaw apply {new}",
    ),
    "clone": (
        f"cp {CONFIG}/instances/{{name}}.yaml {CONFIG}/instances/{{new}}.yaml",
        "systemctl --user stop app@{name}.socket app@{name}",
        f"podman unshare cp -a {DATA}/instances/{{name}}/volumes {DATA}/instances/{{new}}/   # then chown to its block",
        "chainsaw apply {new}",
    ),
    "recipe new": ("cp -r QUADLETS/skeletons/{kind} {name}",),
    "recipe lint": ("podman-user-generator -dryrun -user", "less {directory}/recipe.yaml"),
    "recipe docs": ("less {directory}/recipe.yaml",),
    "recipe guide": ("less RECIPES/README.md",),
    "recipe test": ("chainsaw new …; chainsaw apply; curl …; chainsaw remove … --purge",),
    "render": ("chainsaw is the only one that does this; podman-user-generator -dryrun -user shows the units",),
    "eject": (f"cp -rL {STATE}/generations/current DIR",),
    "schema": ("chainsaw is the only one that knows this",),
    "ca": (f"cat {DATA}/front/authority/ca.pem",),
    "secret list": (f"ls {DATA}/instances/{{name}}/secrets",),
    "secret show": (f"podman unshare cat {DATA}/instances/{{name}}/secrets/{{key}}",),
    "secret set": (f"editor {DATA}/secrets/{{key}}", "chainsaw restart NAME"),
    "secret rotate": (
        "podman unshare sh -c 'tr -dc A-Za-z0-9 < /dev/urandom | head -c 24"
        f" > {DATA}/instances/{{name}}/secrets/{{key}}'",
        "podman exec -i {name}.app …   # as the recipe says, or: systemctl --user restart app@{name}",
    ),
    "setup": (
        "usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST $USER",
        "loginctl enable-linger $USER",
        "sysctl net.ipv4.ip_unprivileged_port_start=80",
        "mkdir /var/log/journal",
        "editor ~/.config/containers/storage.conf",
    ),
}
"""For each command without a plan of its own what it stands for; words in braces are its arguments."""


class _Names(dict[str, Any]):
    """The arguments of a command; one that was not given is its name in capitals."""

    def __missing__(self, key: str) -> str:
        return key.upper()


def explained(command: click.Command, path: str) -> click.Command:
    """Return a command with the option --explain, which prints what it stands for and does nothing."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            explained(inner, f"{path} {name}")
        return command
    if path not in MEANINGS or any("--explain" in item.opts for item in command.params):
        return command
    option = click.Option(
        ["--explain"], is_flag=True, expose_value=False, callback=_note, help="Print what it stands for."
    )
    command.params.append(option)
    original = command.invoke

    def invoke(ctx: click.Context) -> Any:
        if not ctx.meta.get(ASKED):
            return original(ctx)
        given = {key: value for key, value in ctx.params.items() if isinstance(value, str)}
        for line in MEANINGS[path]:
            say(line.format_map(_Names(given)))
        return None

    command.invoke = invoke  # type: ignore[method-assign]  # one option for all commands, whoever made them
    return command


def _note(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.meta[ASKED] = value

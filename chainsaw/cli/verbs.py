"""The verbs of the command line, by function, in the order in which an admin needs them."""

from __future__ import annotations

from chainsaw.cli.keeping import BACKUP, RESTORE
from chainsaw.cli.notifying import NOTIFY
from chainsaw.cli.publishing import PUBLISH
from chainsaw.cli.verb import Verb, group

TEN = (
    "Install",
    "Configure",
    "Publish",
    "Backup",
    "Restore",
    "Inspect",
    "Update",
    "Patch",
    "Migrate",
    "Decommission",
)
"""The functions that a tool for administrators has, with or without a verb."""

FUNCTIONS: dict[str, tuple[Verb, ...]] = {
    "Install": (
        Verb("search", "recipes:search", "List the recipes, and how well each is tested.").standing_for(
            "grep -r summary: RECIPES/*/recipe.yaml {DATA}/sources/*.git",
        ),
        Verb("info", "recipes:info", "Show what a recipe is, what it needs, and how it is tested.").standing_for(
            "less RECIPES/{recipe}/recipe.yaml RECIPES/{recipe}/tested.json",
        ),
        group("source", "Add, list, update and remove git repositories of recipes.").holding(
            Verb("add", "recipes:add", "Add a git repository of recipes.", changes=True).standing_for(
                "git init --bare {DATA}/sources/{name}.git",
                "git -C {DATA}/sources/{name}.git fetch {url} HEAD",
                "editor {CONFIG}/sources.yaml",
            ),
            Verb("list", "recipes:list_command", "List the repositories, each with the commit in use.").standing_for(
                "less {CONFIG}/sources.yaml",
            ),
            Verb("update", "recipes:update", "Fetch the newest commit of the repositories.", changes=True).standing_for(
                "git -C {DATA}/sources/NAME.git fetch",
                "editor {CONFIG}/sources.yaml",
            ),
            Verb("remove", "recipes:remove", "Remove a repository of recipes.", changes=True).standing_for(
                "rm -r {DATA}/sources/{name}.git",
                "editor {CONFIG}/sources.yaml",
            ),
        ),
        Verb(
            "install", "recipes:install", "Copy a recipe to this host, and build or pull its images.", changes=True
        ).standing_for(
            "cp -r RECIPES/{recipe} {DATA}/recipes/",
            "podman build --tag localhost/chainsaw/{recipe}-app …",
        ),
        Verb("new", "config:new", "Write the file of a new instance.", changes=True).standing_for(
            "editor {CONFIG}/instances/{name}.yaml",
            "cp -r RECIPES/{recipe} {DATA}/recipes/",
        ),
        Verb("clone", "lifecycle:clone", "Make a second instance with the data of another.", changes=True).standing_for(
            "cp {CONFIG}/instances/{name}.yaml {CONFIG}/instances/{new}.yaml",
            "systemctl --user stop app@{name}.socket app@{name}",
            "podman unshare cp -a {DATA}/instances/{name}/volumes {DATA}/instances/{new}/   # then chown to its block",
            "chainsaw apply {new}",
        ),
        Verb("plan", "apply:plan", "Show what apply would do."),
        Verb("apply", "apply:apply", "Bring this host to what your files declare.", changes=True),
    ),
    "Configure": (
        group("config", "Show and change the configuration of an instance.").holding(
            Verb("show", "config:show_command", "Show each key with its value and where that comes from."),
            Verb(
                "set", "config:set_command", "Set a key in the file of an instance.", changes=True, confidential=True
            ).standing_for("editor {CONFIG}/instances/NAME.yaml"),
            Verb(
                "unset", "config:unset_command", "Remove a key from the file of an instance.", changes=True
            ).standing_for("editor {CONFIG}/instances/NAME.yaml"),
            Verb("edit", "config:edit_command", "Edit the file of an instance.", changes=True).standing_for(
                "editor {CONFIG}/instances/NAME.yaml",
            ),
            default="show",
        ),
        group("secret", "List, show, set and change secrets.").holding(
            Verb("list", "data:list_command", "List the secrets of an instance, without their values.").standing_for(
                "ls {DATA}/instances/{name}/secrets",
            ),
            Verb("show", "data:show_command", "Print a secret of an instance.").standing_for(
                "podman unshare cat {DATA}/instances/{name}/secrets/{key}",
            ),
            Verb(
                "set", "data:set_command", "Store a secret that your files name.", changes=True, confidential=True
            ).standing_for("editor {DATA}/secrets/{key}", "chainsaw restart NAME"),
            Verb(
                "rotate",
                "data:rotate_command",
                "Replace a secret of an instance by a new one.",
                changes=True,
                confidential=True,
            ).standing_for(
                "podman unshare sh -c 'tr -dc A-Za-z0-9 < /dev/urandom | head -c 24"
                " > {DATA}/instances/{name}/secrets/{key}'",
                "podman exec -i {name}.app …   # as the recipe says, or: systemctl --user restart app@{name}",
            ),
        ),
        Verb("rename", "lifecycle:rename", "Rename an instance.", changes=True).standing_for(
            "systemctl --user stop app@{name}.socket app@{name}",
            "mv {DATA}/instances/{name} {DATA}/instances/{new}; mv {DATA}/public/{name} {DATA}/public/{new}",
            "mv {CONFIG}/instances/{name}.yaml {CONFIG}/instances/{new}.yaml",
            "chainsaw apply {new}",
        ),
        Verb(
            "rollback", "lifecycle:rollback", "Return an instance, or all, to an earlier generation.", changes=True
        ).standing_for(
            "cp {STATE}/generations/NUMBER/intent/instances/{name}.yaml {CONFIG}/instances/",
            "chainsaw apply {name}",
        ),
        Verb("schema", "config:schema", "Print the JSON Schema of a file, for editors.").standing_for(
            "no other command prints this",
        ),
    ),
    "Publish": PUBLISH,
    "Backup": BACKUP,
    "Restore": RESTORE,
    "Inspect": (
        Verb("list", "inspect:list_command", "List the instances, and what each is doing.").standing_for(
            "systemctl --user list-units 'app@*' 'chainsaw-*'",
            "podman ps --all --filter label=chainsaw.instance",
            "podman unshare du -sh {DATA}/instances/* {DATA}/public/*",
        ),
        Verb("status", "inspect:status", "Show one instance in detail, and what to do next.").standing_for(
            "systemctl --user status 'app@{name}*'",
            "podman ps --all --filter label=chainsaw.instance={name}",
            "podman inspect {name}.app",
            "podman unshare du -sh {DATA}/instances/{name}/volumes/* {DATA}/public/{name}/*",
            "journalctl --user --priority=warning --lines=5 CONTAINER_NAME={name}.app",
        ),
        Verb("logs", "inspect:logs", "Show the log of an instance, or the requests of its visitors."),
        Verb(
            "traffic",
            "inspect:traffic",
            "Show how many visitors come, what for, and how fast it is.",
            changes_with="html",
        ).standing_for(
            "journalctl --user --output=cat CONTAINER_NAME=chainsaw-front PRIORITY=6 --grep='^{name} '",
            "goaccess -   # of these lines",
        ),
        Verb("top", "inspect:top", "Show the memory, processor time and disk of each instance.").standing_for(
            "systemd-cgtop --depth=5 user.slice",
            "grep Pss: /proc/*/smaps_rollup",
        ),
        Verb("inventory", "inspect:inventory", "List what instances take, all of one, or what none uses.").standing_for(
            "find {DATA}/instances/{name} {DATA}/public/{name} {STATE}/generations/current -name '*{name}*'",
            "podman images; podman ps --all; podman network ls",
        ),
        Verb("history", "history:history", "Show what was applied when, by whom and why.").standing_for(
            "git -C {CONFIG} log -- instances/{name}.yaml notes/{name}.md",
        ),
        Verb("diff", "history:diff", "Show how your files differ from what is applied.").standing_for(
            "diff -ru {STATE}/generations/current/intent {CONFIG}",
        ),
        Verb("note", "history:note", "Write down a note about an instance.", changes=True).standing_for(
            "editor {CONFIG}/notes/{name}.md",
            "git -C {CONFIG} commit --all",
        ),
        Verb(
            "doctor", "system:doctor", "Check this host, and say how to fix what is wrong.", changes_with="fix"
        ).standing_for(
            "loginctl show-user $USER --property=Linger",
            "podman info",
            "systemctl --user --failed",
            "sysctl net.ipv4.ip_unprivileged_port_start",
            "journalctl --disk-usage",
            "df -h {DATA}; df -i {DATA}",
        ),
        NOTIFY,
    ),
    "Update": (
        Verb("update", "later:update", "Not yet: bring an instance to its newest version.").standing_for(
            "chainsaw source update",
            "chainsaw install RECIPE",
            "chainsaw apply {name}",
        ),
    ),
    "Decommission": (
        Verb(
            "remove", "lifecycle:remove", "Stop serving an instance, or delete it with its data.", changes=True
        ).standing_for(
            "mv {CONFIG}/instances/{name}.yaml {CONFIG}/removed/",
            "systemctl --user stop app@{name}.socket app@{name}",
            "systemctl --user reload chainsaw-front",
            "podman unshare rm -r {DATA}/instances/{name} {DATA}/public/{name}   # with --purge",
        ),
        Verb(
            "uninstall", "lifecycle:uninstall", "Remove a recipe and its images, or all of chainsaw.", changes=True
        ).standing_for(
            "rm -r {DATA}/recipes/SOURCE/{recipe}*",
            "podman rmi localhost/chainsaw/{recipe}-app:…",
            "systemctl --user stop chainsaw-front.socket chainsaw-front chainsaw.target   # with --all, also the rest",
            "find ~/.local/share/systemd/user ~/.config/containers/systemd -lname '{STATE}/*' -delete",
            "podman unshare rm -r {DATA} {STATE}",
        ),
        Verb("eject", "lifecycle:eject", "Write an instance as plain quadlets that run without chainsaw.").standing_for(
            "cp -rL {STATE}/generations/current DIR",
        ),
    ),
    "Host and more": (
        Verb("setup", "system:setup", "Prepare this host for a user; run as root, once.", changes=True).standing_for(
            "usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST $USER",
            "loginctl enable-linger $USER",
            "sysctl net.ipv4.ip_unprivileged_port_start=80",
            "mkdir /var/log/journal",
            "editor ~/.config/containers/storage.conf",
            "rm /etc/*/50-chainsaw.conf /etc/systemd/*/50-chainsaw.conf /etc/userdb/chainsaw-*   # with --undo",
        ),
        Verb("render", "apply:render", "Write the units and nginx files to a directory, nothing else.").standing_for(
            "no other command does this; podman-user-generator -dryrun -user shows the units",
        ),
        group("recipe", "Write, check and test recipes.").holding(
            Verb("guide", "recipes:guide", "Print the guide to writing recipes.").standing_for(
                "less RECIPES/README.md",
            ),
            Verb("new", "recipes:new", "Write a small recipe that works, to start from.").standing_for(
                "cp -r QUADLETS/skeletons/{kind} {name}",
            ),
            Verb("lint", "recipes:lint", "Check a recipe without running it.").standing_for(
                "podman-user-generator -dryrun -user",
                "less {directory}/recipe.yaml",
            ),
            Verb(
                "test", "recipes:test", "Run a recipe on this host, and record what works.", changes=True
            ).standing_for(
                "chainsaw new …; chainsaw apply; curl …; chainsaw remove … --purge",
            ),
            Verb("docs", "recipes:docs", "Print the page of a recipe in Markdown.").standing_for(
                "less {directory}/recipe.yaml",
            ),
        ),
    ),
}
"""The functions that have verbs, and the host; words in braces are arguments and directories."""

VERBS = {verb.name: verb for verbs in FUNCTIONS.values() for verb in verbs}

FIRST = {"What is running": (VERBS["status"], VERBS["list"])}
"""The verbs that --help also shows before all others, for who comes back after months."""


def verb_at(path: str) -> Verb:
    """Return the verb of a path: `apply`, or `source add`."""
    first, *rest = path.split()
    found = VERBS[first]
    for word in rest:
        found = {inner.name: inner for inner in found.verbs}[word]
    return found


def every_path() -> list[str]:
    """Return the path of each verb that is not a group, in the order of the table."""
    return [
        f"{verb.name} {inner.name}" if verb.verbs else verb.name
        for verb in VERBS.values()
        for inner in verb.verbs or (verb,)
    ]

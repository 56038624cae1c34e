"""What a shell offers when the tab key is pressed: names of instances, components, keys, and more.

Nothing is ever printed there: with files that cannot be read, nothing is offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from chainsaw.errors import ChainsawError

if TYPE_CHECKING:
    from chainsaw.host.account import Account

Find = Callable[["Account", click.Context], Iterable[str]]
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completing(find: Find) -> Complete:
    """Return the function that completes a parameter with the names that `find` returns for an account."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _offered(lambda account: find(account, ctx), incomplete)

    return complete


def _offered(find: Callable[[Account], Iterable[str]], incomplete: str) -> list[CompletionItem]:
    """Return the names that begin with what was typed; none when they cannot be read."""
    from chainsaw.host.account import this_account

    try:
        return [CompletionItem(name) for name in find(this_account()) if name.startswith(incomplete)]
    except (ChainsawError, OSError):
        return []


def _given(ctx: click.Context, *names: str) -> list[str]:
    """Return the words of some parameters that were typed before."""
    found: list[str] = []
    for name in names:
        value = ctx.params.get(name)
        found += value if isinstance(value, tuple) else [value] if isinstance(value, str) else []
    return found


@completing
def instances(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield the instances, without those that were typed already."""
    from chainsaw.work.config.names import instance_names

    typed = _given(ctx, "names")
    return [name for name in instance_names(account) if name not in typed]


def backups(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a backup: by the name of its instance, for the newest one, by its own name, or by its file."""
    files = [CompletionItem(incomplete, type="file")] if "/" in incomplete else []
    return [*_offered(_backups, incomplete), *files]


def _backups(account: Account) -> Iterable[str]:
    from chainsaw.work.backup.access import is_repository
    from chainsaw.work.backup.find import find_all, places_of

    # A repository may be far away.
    near = [place for place in places_of(account) if not is_repository(place)]
    found = [item for item in find_all(account, places=near).stored if not item.problem] if near else []
    return [*dict.fromkeys(item.index.backup.instance for item in found), *dict.fromkeys(item.id for item in found)]


@completing
def instances_with_removed(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield the instances, and those that were removed and not purged."""
    from chainsaw.work.config.names import instance_names, removed_names

    return [*instance_names(account), *removed_names(account.paths)]


@completing
def components(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield the components of the instance that was typed."""
    from chainsaw.work.inspect.logs import component_names

    return component_names(account, ctx.params.get("name") or "")


@completing
def secrets(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield the secrets of the instance that was typed."""
    from chainsaw.work.data.secrets import secret_keys

    return secret_keys(account, ctx.params.get("name") or "")


@completing
def generated_secrets(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield those secrets of the instance that was typed that may be replaced by new ones."""
    from chainsaw.work.data.secrets import secret_keys

    return secret_keys(account, ctx.params.get("name") or "", generated=True)


@completing
def site_secrets(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield the secrets that the files of the admin name."""
    from chainsaw.work.config.site_secrets import site_secret_keys

    return site_secret_keys(account)


@completing
def hosts(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield the host names that have a route, without those that were typed already."""
    typed = _given(ctx, "hosts")
    return [host for host in sorted(account.current().hosts) if host not in typed]


@completing
def users(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield the users of the site."""
    from chainsaw.work.users.users import user_names

    return user_names(account)


@completing
def recipes(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield all recipes."""
    from chainsaw.work.recipes.search import recipe_names

    return recipe_names(account)


@completing
def installed_recipes(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield the recipes that were installed by name."""
    from chainsaw.work.lifecycle.uninstall import installed

    return installed(account)


@completing
def sources(account: Account, ctx: click.Context) -> Iterable[str]:
    """Yield the sources of recipes, without those that were typed already."""
    from chainsaw.work.recipes.sources import source_names

    typed = _given(ctx, "names")
    return [name for name in source_names(account) if name not in typed]


def config_words(keys: str) -> Complete:
    """Return the function that completes the words of a config command: an instance, a key of it, and a value.

    `keys` is none, written (those that the file has) or all.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _offered(lambda account: _config_words(account, ctx, keys, incomplete), incomplete)

    return complete


def _config_words(account: Account, ctx: click.Context, keys: str, incomplete: str) -> Iterable[str]:
    from chainsaw.work.config import offered
    from chainsaw.work.config.names import instance_names

    # What was typed last is the value for click, even when the key is still missing.
    typed = _given(ctx, "words", "value")
    if not typed and not ctx.params.get("site"):
        return instance_names(account)
    name = None if ctx.params.get("site") else typed.pop(0)
    if not typed and keys == "written":
        return offered.keys_written(account, name)
    if not typed and keys == "all":
        return offered.keys_offered(account, name, short=bool(incomplete))
    is_value = len(typed) == 1 and "value" in ctx.params
    return offered.values_offered(account, name, typed[0]) if is_value else []

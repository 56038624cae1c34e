"""uninstall: deletes a recipe that was installed by name, and its images, as far as nothing uses them."""

from __future__ import annotations

from collections.abc import Sequence

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host.account import Account
from chainsaw.host.store import records
from chainsaw.load.check import nearest
from chainsaw.work.lifecycle.prune import prune_unused
from chainsaw.work.locks import preparing, site
from chainsaw.work.result import Reporter, Result


def installed(account: Account) -> list[str]:
    """Return the origins of the recipes that were installed by name."""
    return list(records.read_chosen(account.paths))


def uninstall(account: Account, name: str, report: Reporter) -> Result:
    """Uninstall a recipe: it and its images are deleted now, or with the last instance that uses them.

    Raise ChainsawError for a recipe that was not installed by name.
    """
    command = f"chainsaw uninstall {name}"
    with preparing(account, command, report), site(account, command, report):
        chosen = records.read_chosen(account.paths)
        meant = _chosen_as(name, chosen)
        report.doing(f"deleting what only {name} used")
        with account.steps.step(f"record that {meant} is not installed"):
            records.write_chosen(account.paths, [origin for origin in chosen if origin != meant])
        pruned = prune_unused(account, command, report)
    applied = account.current().instances
    users = sorted(one for one, item in applied.items() if item.origin == meant)
    lines = [f"{meant} is no longer installed by name", *(f"  deleted {item}" for item in pruned)]
    lines += [f"  {', '.join(users)} still use{'' if users[1:] else 's'} it"] if users else []
    return Result({"recipe": meant, "deleted": pruned, "used_by": users}, tuple(lines))


def _chosen_as(name: str, chosen: Sequence[str]) -> str:
    """Return the one recipe that was installed by a name; raise ChainsawError when there is none, or several."""
    meant = [origin for origin in chosen if name in (origin, origin.rpartition("/")[2])]
    if len(meant) == 1:
        return meant[0]
    near = nearest(name, [*chosen, *(origin.rpartition("/")[2] for origin in chosen)])
    message = f"{name} is from {' and '.join(meant)}" if meant else f"{name} was not installed{near}"
    hint = f"chainsaw uninstall {meant[0]}" if meant else f"installed: {', '.join(chosen) or 'none'}"
    raise ChainsawError(Diagnostic("not-installed", message, hint=hint), Exit.MISSING)

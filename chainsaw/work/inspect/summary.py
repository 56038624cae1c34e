"""inventory of all instances: what each takes on the disk, and what deleting it would free."""

from __future__ import annotations

from chainsaw.host.account import Account
from chainsaw.model.quantity import bytes_for_people
from chainsaw.work.config.on_disk import names_on_disk
from chainsaw.work.inspect.inventory import inventory
from chainsaw.work.result import Reporter, Result, Table

HEADING = ("name", "items", "size", "caches", "remove --purge frees")


def summarise(account: Account, report: Reporter) -> Result:
    """Return the totals of each instance that has anything on this host; `size` counts what others use, too."""
    rows, keys = [], ("size", "caches", "freed")
    for name in sorted(account.current().instances.keys() | names_on_disk(account.paths)):
        report.doing(f"counting what {name} takes")
        found = inventory(account, name).data
        totals = found["totals"]
        freed, size = totals["remove"] + totals["purge"], sum(totals.values())
        sizes = dict(zip(keys, (size, found["caches"], freed), strict=True))
        rows.append({"instance": name, "items": len(found["resources"]), **sizes})
    shown = tuple((row["instance"], str(row["items"]), *(bytes_for_people(row[key]) for key in keys)) for row in rows)
    lines = ("each item of one: chainsaw inventory NAME; what no instance uses: chainsaw inventory --orphans",)
    return Result({"instances": rows}, lines if rows else ("there is no instance",), table=Table(HEADING, shown))

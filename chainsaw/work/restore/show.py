"""show: what is in a backup, without unpacking it."""

from __future__ import annotations

import json
import time

from chainsaw.host.account import Account
from chainsaw.host.bundle.sealed import File
from chainsaw.model.backup import INDEX, Index
from chainsaw.model.quantity import bytes_for_people
from chainsaw.work.backup.find import find, source_of
from chainsaw.work.backup.make import HOW
from chainsaw.work.backup.stored import index_beside
from chainsaw.work.restore.read import read
from chainsaw.work.result import Result, Table


def show(account: Account, word: str, identity: str) -> Result:
    """Return what a backup says of itself: of an encrypted one without its key, what its index says."""
    source = source_of(account, word, identity)
    path = source.path
    index = index_beside(path) if isinstance(source, File) else find(account, path).index
    if path.endswith(".age") and not identity and index is not None:
        return _shown(path, index, {})
    kept = read(source)
    texts = {name: content.decode(errors="replace") for name, content in kept.files.items() if name.startswith("meta/")}
    own = {"instance": kept.text, "site": json.loads(texts.get("meta/site.json", "{}")), "files": sorted(texts)}
    if index is None:
        return _told(path, kept.backup.model_dump(mode="json"), own, [f"{kept.backup.id}, without {INDEX} beside it"])
    return _shown(path, index, own)


def _protection(index: Index) -> str:
    if not index.file:
        return "encrypted with the password of its repository"
    return "encrypted" if index.recipients else "not encrypted"


def _told(path: str, backup: dict[str, object], own: dict[str, object], lines: list[str]) -> Result:
    return Result({"path": path, "backup": backup, **own}, tuple(lines))


def _shown(path: str, index: Index, own: dict[str, object]) -> Result:
    backup, ending = index.backup, index.ending
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(backup.at))
    lines = (
        f"{backup.id}: {backup.instance}, {backup.recipe.title} {backup.recipe.version}, at {backup.url}",
        f"  made {made}; {HOW[ending.files]}; {ending.downtime:g} s of waiting",
        f"  {path}, {bytes_for_people(index.bytes)}, {_protection(index)}",
    )
    rows = [
        (f"volumes/{name}", f"{tree.members}", bytes_for_people(tree.bytes)) for name, tree in ending.volumes.items()
    ]
    rows += [
        (f"dumps/{name}", backup.dumps[name].engine, bytes_for_people(size)) for name, size in ending.dumps.items()
    ]
    rows += [(f"secrets/{name}", "", "") for name in backup.secrets]
    data = {"path": path, "backup": backup.model_dump(mode="json"), "ending": ending.model_dump(mode="json"), **own}
    return Result(data, lines, further=(Table(("what", "members", "size"), tuple(rows), numbers=(1, 2)),))

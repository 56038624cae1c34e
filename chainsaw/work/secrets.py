"""What only the admin may see: the authority's certificate, and an instance's secrets when asked for."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import facts, files
from chainsaw.host.podman import Podman
from chainsaw.load.check import nearest
from chainsaw.model.names import check_instance, check_word
from chainsaw.work.result import Result


def authority_certificate() -> Result:
    """Return the local authority's certificate, PEM; raise ChainsawError before the first apply."""
    file = f"{facts.account().paths.authority}/ca.pem"
    text = files.read_text(file)
    if text is None:
        problem = Diagnostic("no-authority", "there is no local authority yet", file, hint="chainsaw apply")
        raise ChainsawError(problem, Exit.MISSING)
    return Result({"certificate": text, "path": file}, (text.rstrip("\n"),))


def show_secret(name: str, key: str) -> Result:
    """Return a secret of an instance; raise ChainsawError when there is none of this name."""
    try:
        check_instance(name), check_word(key)
    except ValueError as error:
        raise invalid(Diagnostic("name", str(error), key=f"{name} {key}")) from None
    user = facts.account()
    directory = f"{user.paths.instance(name)}/secrets"
    known = [item for item in files.list_directory(directory) if not item.endswith(".partial")]
    if key not in known:
        message = f"{name} has no secret {key!r}{nearest(key, known)}"
        hint = f"secrets of {name}: {', '.join(known)}" if known else f"chainsaw apply {name}"
        raise ChainsawError(Diagnostic("no-secret", message, hint=hint), Exit.MISSING)
    ranges = facts.ranges_of(user.name, user.uid)
    value = Podman(user.runtime, ranges.uids, ranges.gids).read_file(f"{directory}/{key}").decode()
    return Result({"instance": name, "key": key, "value": value}, (value,))

"""The certificate of the local authority."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.work.result import Result


def authority_certificate(account: Account) -> Result:
    """Return the local authority's certificate, PEM; raise ChainsawError before the first apply."""
    file = f"{account.paths.authority}/ca.pem"
    text = files.read_text(file)
    if text is None:
        problem = Diagnostic("no-authority", "there is no local authority yet", file, hint="chainsaw apply")
        raise ChainsawError(problem, Exit.MISSING)
    return Result({"certificate": text, "path": file}, (text.rstrip("\n"),))

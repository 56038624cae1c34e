"""Rollback: the pieces of a former generation, applied anew."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import store
from chainsaw.model.paths import Paths
from chainsaw.work.apply import Session, applied, settle
from chainsaw.work.pieces import former_pieces
from chainsaw.work.result import Reporter, Request, Result


def rollback(number: int | None, request: Request, report: Reporter) -> Result:
    """Return to a generation, the one before the current by default; raise ChainsawError when it is not there."""

    def chosen(session: Session) -> Result:
        paths = session.user.paths
        wanted = _former_number(paths) if number is None else number
        if wanted not in store.numbers(paths):
            known = ", ".join(map(str, store.numbers(paths))) or "none"
            problem = Diagnostic("no-generation", f"there is no generation {wanted}; there are: {known}")
            raise ChainsawError(problem, Exit.MISSING)
        result = settle(session, former_pieces(paths, wanted), former_pieces(paths))
        hint = f"the files of generation {wanted} are current again; your own files are as they were"
        return Result(result.data, (*result.lines, hint), result.diagnostics, result.exit)

    return applied(request, report, chosen)


def _former_number(paths: Paths) -> int:
    """Return the newest generation before the current one; raise ChainsawError when there is none."""
    current = store.current_number(paths)
    earlier = [number for number in store.numbers(paths) if number < current]
    if not earlier:
        raise ChainsawError(Diagnostic("no-generation", "there is no earlier generation to return to"), Exit.MISSING)
    return earlier[-1]

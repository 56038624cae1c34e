"""What a level finds wrong, and what was tried when it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from chainsaw.errors import ChainsawError, Diagnostic


def wrong(message: str) -> ChainsawError:
    """Return the error of a level."""
    return ChainsawError(Diagnostic("level", message))


@contextmanager
def trying(what: str) -> Iterator[None]:
    """Say in each problem of the context what was tried; what the system refuses is a problem, too."""
    try:
        yield
    except ChainsawError as error:
        said = [replace(item, message=f"{what}: {item.message}") for item in error.diagnostics]
        raise ChainsawError(said, error.exit) from error
    except OSError as error:
        raise wrong(f"{what}: {error}") from error

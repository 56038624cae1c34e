"""The settings of the site: as they are applied, and as they stand in the admin's file."""

from __future__ import annotations

from chainsaw.host import files
from chainsaw.host.store import generations
from chainsaw.load.site import load_site
from chainsaw.model.paths import Paths
from chainsaw.model.site import Site


def applied_site(paths: Paths) -> Site:
    """Return the site as it was applied last."""
    text = files.read_text(f"{paths.generations}/{generations.current_number(paths)}/intent/site.yaml")
    return load_site("site.yaml", text)


def declared_site(paths: Paths) -> Site:
    """Return the site as it is declared; raise ChainsawError with the problems of its file."""
    return load_site("site.yaml", files.read_text(paths.site_file))

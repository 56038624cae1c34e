"""Checks of routes against one another: what two claim, and what they say of the same host name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.load.recipe import Bundle
from chainsaw.load.settings import InstanceFile
from chainsaw.load.source import KeyPath, Source
from chainsaw.model.publish import url_of

SITE = "site.yaml"


def _claimed(file: InstanceFile, recipes: Mapping[str, Bundle]) -> list[str]:
    """Return the URLs that belong to an instance: its routes, and below the first those of its public volumes."""
    routes = file.instance.routes
    try:
        bundle = recipes.get(file.instance.recipe)
    except ChainsawError:
        bundle = None
    volumes = bundle.recipe.volumes.values() if bundle and bundle.recipe.serve.fastcgi else ()
    return [*routes, *(routes[0] + item.public.lstrip("/") for item in volumes if item.public is not None)]


def route_collisions(
    instances: Mapping[str, InstanceFile],
    recipes: Mapping[str, Bundle],
    edited: str = "",
    site: Source | None = None,
) -> list[Diagnostic]:
    """Return one problem for each instance whose route is used by another one, too, with both places.

    It is reported in the later of the two files, or in the one that is edited; `site` is site.yaml, whose routes
    without an instance come first.
    """
    taken = {url: f"site.yaml, in {_in_site(site, url)}" for url in _of_site(site)} if site else {}
    problems = []
    for name, file in sorted(instances.items(), key=lambda item: (item[0] == edited, item[0])):
        found = False
        for url in _claimed(file, recipes):
            place = file.source.problem(_place(file, url), "", code="route-taken")
            if url not in taken:
                taken[url] = f"{name}, in {place.location()}"
            elif not taken[url].startswith(f"{name}, in ") and not found:
                found = True
                message, hint = f"also used by {taken[url]}", "change one of the two"
                problems.append(file.source.problem(_place(file, url), message, code="route-taken", hint=hint))
    return [*problems, *_differing(instances), *(_circles(instances, site) if site else ())]


def _differing(instances: Mapping[str, InstanceFile]) -> Iterator[Diagnostic]:
    """Yield a problem for each instance that tells browsers something else of a host name than an earlier one."""
    told: dict[str, tuple[str, str, str]] = {}
    for name, file in sorted(instances.items()):
        hsts = file.instance.published.hsts
        if hsts is None:
            continue
        path = _key_of_first(file, "hsts")
        for host in dict.fromkeys(url.split("/")[2] for url in file.instance.routes):
            place = file.source.problem(path, "", code="hsts-differs").location()
            owner, said, there = told.setdefault(host, (name, hsts, place))
            if said != hsts:
                message = f"{owner} has {said} for the same host name {host}, in {there}"
                yield file.source.problem(path, message, code="hsts-differs", hint="browsers keep one for a host name")
                break


def _circles(instances: Mapping[str, InstanceFile], site: Source) -> Iterator[Diagnostic]:
    """Yield a problem for each route of site.yaml that leads back to itself, by others or not."""
    routes = site.value.get("routes") if isinstance(site.value, dict) else None
    items = routes.items() if isinstance(routes, dict) else ()
    leads = {url: str(item["redirect"]) for url, item in items if isinstance(item, dict) and "redirect" in item}
    known = [*_of_site(site), *(url for file in instances.values() for url in file.instance.routes)]
    for url in leads:
        way = [url]
        while (place := _route_of(leads[way[-1]], known)) in leads and place not in way:
            way.append(place)
        if place == url:
            message = f"leads to itself: {' -> '.join([*way, leads[way[-1]]])}"
            yield site.problem(("routes", url), message, code="route-circle", at_key=True)


def _route_of(target: str, known: Iterable[str]) -> str:
    """Return the route to which an URL belongs, the one with the longest path; nothing for another host."""
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        return ""
    # Port 80 leads to the same place on 443.
    plain = f"https://{parts.hostname}{parts.path}"
    own = [url for url in known if f"{plain}/".startswith(url)] if port in (None, 80, 443) else []
    return max(own, key=len, default="")


def _of_site(site: Source) -> list[str]:
    value = site.value.get("routes") if isinstance(site.value, dict) else None
    return [url for url in value if isinstance(url, str)] if isinstance(value, dict) else []


def _in_site(site: Source, url: str) -> str:
    return site.problem(("routes", url), "", code="route-taken", at_key=True).location()


def _place(file: InstanceFile, url: str) -> KeyPath:
    """Return the key of the route to which an URL belongs."""
    route = file.instance.route
    number = file.instance.routes.index(url) if url in file.instance.routes else 0
    item = route[number] if isinstance(route, tuple) else route
    path: KeyPath = ("route", number) if isinstance(route, tuple) else ("route",)
    return path if url_of(item) is item else (*path, "url")


def _key_of_first(file: InstanceFile, key: str) -> KeyPath:
    return ("route", 0, key) if isinstance(file.instance.route, tuple) else ("route", key)

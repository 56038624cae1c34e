"""What the file of each host name says: which instances are there, and what only leads elsewhere or is gone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from chainsaw.compile.front.locations import variable
from chainsaw.model.deployment import Deployment
from chainsaw.model.names import FRONT
from chainsaw.model.route import Elsewhere, Route


def host_contexts(deployments: Mapping[str, Deployment], elsewhere: Iterable[Elsewhere]) -> dict[str, dict[str, Any]]:
    """Return the context of each host's template, by host name."""
    found: dict[str, dict[str, Any]] = {}

    def at(host: str) -> dict[str, Any]:
        blank = {
            "host": host,
            "names": [],
            "walls": [],
            "asked": "",
            "cookies": [],
            "paths": [],
            "leading": [],
            "gone": [],
        }
        return found.setdefault(host, {**blank, "hsts": None})

    for name, deployment in deployments.items():
        for number, route in enumerate(deployment.routes):
            context = at(route.host)
            context["paths"].append(route.path)
            context["hsts"] = deployment.hsts if deployment.hsts is not None else context["hsts"]
            if number:
                context["leading"].append(_leading(name, f"{variable(name)}_{number}", route, deployment.url))
                continue
            context["names"].append(name)
            if deployment.wall and deployment.serving == "normal":
                context["walls"].append(name)
                path = route.path.rstrip("/") or "/"
                context["cookies"] += [{"name": cookie, "path": path} for cookie in deployment.wall.cookies]
                context["asked"] = context["asked"] or (name if deployment.wall.allow else "")
    for number, item in enumerate(elsewhere):
        context = at(item.route.host)
        context["paths"].append(item.route.path)
        if item.redirect:
            context["leading"].append(_leading(FRONT, f"{FRONT}_{number}", item.route, item.redirect))
        else:
            path = item.route.path
            context["gone"] += [path] if path == "/" else [path, f"= {path[:-1]}"]
    return {host: _whole(context) for host, context in sorted(found.items())}


def _leading(name: str, variable_part: str, route: Route, url: str) -> dict[str, str]:
    """Return what a host's file says of a route that leads to a URL; of one that ends with /, the rest is kept."""
    rest = f"rest_of_{variable_part}" if url.endswith("/") else ""
    return {"name": name, "path": route.path, "rest": rest, "pattern": re.escape(route.path), "url": url}


def _whole(context: dict[str, Any]) -> dict[str, Any]:
    logged = [*context["names"], *(item["name"] for item in context["leading"]), FRONT][0]
    return {**context, "logged": logged, "rooted": "/" in context["paths"]}

"""Review of a valid recipe: errors where it breaks a promise of chainsaw, warnings where it may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from chainsaw.compile.context import Shared
from chainsaw.compile.instance import compile_instance
from chainsaw.compile.sample import sample_job
from chainsaw.errors import ChainsawError, Diagnostic, in_file_order
from chainsaw.load.recipe import Bundle, with_options
from chainsaw.load.source import Source
from chainsaw.model.recipe import Recipe

SPDX = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
CONTACT = re.compile(r"https://\S+|[^@\s]+@[^@\s]+")
UNPINNED = (
    (re.compile(r"\bpip3? install\b(?!.*(==|-r |--requirement))"), "pip installs whatever is newest: name==version"),
    (re.compile(r"\bnpm (install|i|add)\b(?=.*\s[^-\s])(?!.*@\d)"), "npm installs whatever is newest: name@version"),
    (re.compile(r"\b(curl|wget)\b.*\|\s*(ba|da)?sh\b"), "a downloaded script is run without a check"),
)
SUMMARY = 80


def lint(bundle: Bundle, shared: Shared) -> list[Diagnostic]:
    """Return the errors and warnings for a recipe, in file order."""
    found = [*_identity(bundle), *_proof(bundle)]
    for options in _all_options(bundle.recipe):
        try:
            variant = with_options(bundle, options)
        except ChainsawError as error:
            found += error.diagnostics
            continue
        found += [*_images(variant), *_privileges(variant), *_unused(variant), *_compiled(bundle, options, shared)]
    return in_file_order(found)


def _all_options(recipe: Recipe) -> list[tuple[tuple[str, str], ...]]:
    """Return no option, and each single option that changes the recipe."""
    return [(), *(((name, option),) for name, options in recipe.variants.items() for option in options)]


def _warning(
    bundle: Bundle, path: tuple[object, ...], message: str, hint: str = "", at_key: bool = False
) -> Diagnostic:
    found = bundle.source.problem(path, message, code="lint", hint=hint, at_key=at_key)
    return replace(found, severity="warning")


def _identity(bundle: Bundle) -> Iterator[Diagnostic]:
    recipe, source = bundle.recipe, bundle.source
    if not SPDX.fullmatch(recipe.license):
        yield source.problem(("license",), "should be an SPDX expression: MIT, GPL-2.0-or-later", code="lint")
    if len(recipe.summary) > SUMMARY or recipe.summary.endswith("."):
        yield _warning(bundle, ("summary",), f"should be a phrase of at most {SUMMARY} characters, without a full stop")
    for index, person in enumerate(recipe.maintainers):
        if not CONTACT.fullmatch(person.contact):
            message = "should be an e-mail address or a URL"
            yield source.problem(("maintainers", index, "contact"), message, code="lint")
    for name, setting in recipe.settings.items():
        if not setting.help.endswith("."):
            yield _warning(bundle, ("settings", name, "help"), "should be a sentence with a full stop")


def _proof(bundle: Bundle) -> Iterator[Diagnostic]:
    recipe = bundle.recipe
    if not recipe.probe.contains and not recipe.serve.files:
        message = "any page with this status would pass: add contains"
        yield _warning(bundle, ("probe",), message, at_key=True)
    if recipe.marker is None:
        yield _warning(bundle, (), "no marker: the test cannot check that data is kept", hint="level 3 needs one")
    elif not any((step.request or step.run) and _demands(step) for step in recipe.marker.read):
        message = "at least one step needs contains"
        yield bundle.source.problem(("marker", "read"), message, code="lint", at_key=True)
    for name, component in recipe.components.items():
        if component.ready == "healthy" and not component.once and component.health is None:
            yield bundle.source.problem(("components", name), "no health command", code="lint")


def _demands(step: object) -> bool:
    return any(getattr(getattr(step, kind), "contains", None) for kind in ("request", "run"))


def _images(bundle: Bundle) -> Iterator[Diagnostic]:
    for name, image in bundle.recipe.images.items():
        mounted = {
            path
            for item in bundle.recipe.components.values()
            if item.image == name
            for path in (*item.volumes.values(), *item.tmpfs)
        }
        if image.reference:
            tag = image.reference.rsplit("/", 1)[-1].partition("@")[0].partition(":")[2]
            if "@sha256:" not in image.reference and tag in ("", "latest"):
                message = "the image behind this name changes: add a version or a digest"
                yield bundle.source.problem(("images", name, "reference"), message, code="lint")
        if image.build:
            file = f"{image.build}/Containerfile"
            text = bundle.files[file].decode(errors="replace")
            place = f"recipes/{bundle.recipe.name}/{file}"
            if not re.search(r"^FROM \$\{?BASE\b", text, re.MULTILINE):
                message = "not based on a shared image, which would save disk: ARG BASE, FROM ${BASE}"
                yield Diagnostic("lint", message, place, 1, 1, source=text.partition("\n")[0], severity="warning")
            yield from _containerfile(place, text, mounted)


def _containerfile(name: str, text: str, mounted: set[str]) -> Iterator[Diagnostic]:
    source = Source(name, text)
    for number, line in _instructions(text):
        shown = source.line(number)
        for part in line.split("&&"):
            for pattern, message in UNPINNED:
                if pattern.search(part.strip()):
                    yield Diagnostic("lint", message, name, number, 1, source=shown, severity="warning")
        for path in re.findall(r"/[^\s\"',\]]+", line) if line.startswith("VOLUME") else ():
            if path not in mounted:
                message = f"no component mounts {path}: what is written there is lost at every restart"
                yield Diagnostic("lint", message, name, number, 1, source=shown)


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Yield each instruction of a Containerfile as one line, with the number of its first line."""
    joined, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        first = first or number
        joined += line.removesuffix("\\") + " "
        if not line.endswith("\\"):
            yield first, joined
            joined, first = "", 0


def _privileges(bundle: Bundle) -> Iterator[Diagnostic]:
    for name, component in bundle.recipe.components.items():
        place = ("components", name)
        if component.user == 0 and not component.capabilities:
            yield _warning(bundle, (*place, "user"), "root is not needed without a capability: use another user")
        for index, waiver in enumerate(component.capabilities):
            where = (*place, "capabilities", index)
            if component.user != 0:
                yield _warning(bundle, where, f"{waiver.name} has no effect for a user that is not root")
            if len(waiver.reason.split()) < 3:
                yield bundle.source.problem(where, "needs a reason of at least three words", code="lint")
        if component.egress and len(component.egress.reason.split()) < 3:
            message = "needs a reason of at least three words"
            yield bundle.source.problem((*place, "egress", "reason"), message, code="lint")


def _unused(bundle: Bundle) -> Iterator[Diagnostic]:
    recipe = bundle.recipe
    components = recipe.components.values()
    served = {recipe.serve.files.volume} if recipe.serve.files else set()
    kinds = (
        ("images", {item.image for item in components}),
        ("volumes", {volume for item in components for volume in item.volumes} | served),
        ("secrets", {secret for item in components for secret in item.secrets}),
    )
    for kind, used in kinds:
        for name in getattr(recipe, kind):
            if name not in used:
                yield _warning(bundle, (kind, name), "nothing uses it", at_key=True)
    texts = [content.decode(errors="replace") for path, content in bundle.files.items() if path != "tested.json"]
    for name in recipe.settings:
        if name not in recipe.variants and not any(f"settings.{name}" in text for text in texts):
            yield _warning(bundle, ("settings", name), "no template uses it", at_key=True)


def _compiled(bundle: Bundle, options: tuple[tuple[str, str], ...], shared: Shared) -> list[Diagnostic]:
    """Return the problems of compiling an instance with the recipe's defaults, awake and asleep."""
    found: list[Diagnostic] = []
    for sleep in (None, "15m"):
        try:
            compile_instance(sample_job(bundle, shared, options, sleep))
        except ChainsawError as error:
            found += error.diagnostics
    return found

"""Review of a valid recipe: errors where it breaks a promise of chainsaw, warnings where it may."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from chainsaw.compile.borders import check_containerfile
from chainsaw.compile.containerfile import containerfile_problems
from chainsaw.compile.context import Shared
from chainsaw.compile.front.pages import DIRECTORY
from chainsaw.compile.images import containerfile
from chainsaw.compile.instance import OFTEN, compile_instance
from chainsaw.compile.passwords import default_passwords
from chainsaw.compile.sample import options_of, sample_job
from chainsaw.errors import ChainsawError, Diagnostic, in_file_order
from chainsaw.load.recipe import Bundle, with_options
from chainsaw.model.names import span_in_seconds
from chainsaw.model.recipe import Recipe

SPDX = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
CONTACT = re.compile(r"https://\S+|[^@\s]+@[^@\s]+")
SUMMARY = 80
ENOUGH = 5
"""Words of a reason."""
MAIL = {"host": "smtp.example.org", "user": "kim", "password": {"secret": "smtp_password"}}
WITHOUT_PORT = re.compile(r"https?://[\"']?\s*(~|\{\{|\+)[\s(]*route\.host\b")
"""An address that a template makes of the host alone."""
DIRECTIVES: Mapping[str, Mapping[str, object]] = {
    "admin": {"admin": {"email": "kim@example.net"}},
    "timezone": {"timezone": "Asia/Kathmandu"},
    "language": {"language": "de_AT"},
    "upload_limit": {"upload_limit": "1G"},
    "mail": {"mail": MAIL},
}
"""For each common directive, a value that nobody has by default."""
Options = tuple[tuple[str, str], ...]
"""Variants that are chosen."""


def lint(bundle: Bundle, shared: Shared) -> list[Diagnostic]:
    """Return the errors and warnings for a recipe, in file order."""
    found = [*_identity(bundle), *_proof(bundle), *_directives(bundle, shared), *_addresses(bundle)]
    for options in _all_options(bundle.recipe):
        try:
            variant = with_options(bundle, options)
        except ChainsawError as error:
            found += error.diagnostics
            continue
        found += [*_images(variant), *_privileges(variant), *_unused(variant), *_mail(variant)]
        found += [*_timers(variant), *_backup(variant), *default_passwords(variant)]
        found += _compiled(bundle, options, shared)
    return in_file_order(found)


def _all_options(recipe: Recipe) -> list[Options]:
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
        if setting.type == "string" and setting.default is None and setting.example is None:
            message = "required, and a test cannot know a value for it: add example"
            yield _warning(bundle, ("settings", name), message, at_key=True)


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
            yield from containerfile_problems(bundle, image.build, mounted)
            yield from _borders(bundle, image.build)


def _borders(bundle: Bundle, build: str) -> Iterator[Diagnostic]:
    try:
        check_containerfile(containerfile(bundle.recipe.name, build), bundle.below(build)["Containerfile"])
    except ChainsawError as error:
        yield from error.diagnostics


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


def _timers(bundle: Bundle) -> Iterator[Diagnostic]:
    for name, timer in bundle.recipe.timers.items():
        if span_in_seconds(timer.every) < OFTEN and not timer.due:
            message = f"each {timer.every} it would wake an instance that sleeps: add due, or do it less often"
            yield _warning(bundle, ("timers", name), message, at_key=True)


def _backup(bundle: Bundle) -> Iterator[Diagnostic]:
    recipe, backup = bundle.recipe, bundle.recipe.backup
    if backup is None:
        if recipe.volumes:
            message = "no backup: nothing says how one is consistent, and the instance is stopped for a part of each"
            yield _warning(bundle, (), message, hint="backup: {files: running, why: …}, if that is true")
        return
    if len(backup.why.split()) < ENOUGH:
        message = f"at least {ENOUGH} words, for the person who wonders"
        yield _warning(bundle, ("backup", "why"), message)
    for kind, patterns in (("sqlite", backup.sqlite), ("excludes", backup.excludes)):
        for name in patterns.keys() & recipe.dumped_volumes.keys():
            message = f"{recipe.dumped_volumes[name]} dumps what is in it: no file of it is copied"
            yield bundle.source.problem(("backup", kind, name), message, code="lint", at_key=True)


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


def _mail(bundle: Bundle) -> Iterator[Diagnostic]:
    senders = [name for name, item in bundle.recipe.components.items() if item.mail]
    if "mail" in bundle.recipe.honours and not senders:
        message = "no component has mail: true, so there is no socket that would take mail"
        yield bundle.source.problem(("honours", "mail"), message, code="lint", at_key=True)
    if senders and "mail" not in bundle.recipe.honours:
        message = "without mail under honours nothing takes this mail"
        yield _warning(bundle, ("components", senders[0], "mail"), message, at_key=True)


def _addresses(bundle: Bundle) -> Iterator[Diagnostic]:
    """Yield the addresses that a template makes without the port of the front."""
    directory = bundle.source.name.removesuffix("recipe.yaml")
    for path, content in sorted(bundle.files.items()):
        lines = content.decode(errors="replace").splitlines() if path.endswith((".j2", "recipe.yaml")) else []
        for number, line in enumerate(lines, 1):
            if found := WITHOUT_PORT.search(line):
                message, hint = "this address has no port where the front's is not 443", "route.url, or route.origin"
                place = (f"{directory}{path}", number, found.start() + 1)
                yield Diagnostic("lint", message, *place, source=line, hint=hint, severity="warning")


def _directives(bundle: Bundle, shared: Shared) -> Iterator[Diagnostic]:
    """Yield the directives that change nothing although they are honoured, or change something although they are not.

    How much the front lets through depends on upload_limit in any case, and the language of its pages on language; a
    recipe of files alone has no others.
    """
    try:
        plain = _artifacts(bundle, shared, {})
        changes = {name: _artifacts(bundle, shared, fields) != plain for name, fields in DIRECTIVES.items()}
    except ChainsawError:
        return
    honoured: set[str] = set(bundle.recipe.honours)
    for name in sorted(honoured):
        if not changes[name]:
            message = "nothing depends on it: no template uses what it sets"
            yield bundle.source.problem(("honours", name), message, code="lint", at_key=True)
    for name in sorted(changes.keys() - honoured - {"upload_limit", "mail"}):
        if changes[name]:
            message = f"a template uses {name}, and it is missing here: no instance can set it"
            yield _warning(bundle, ("honours",), message, at_key=True)


def _artifacts(bundle: Bundle, shared: Shared, fields: Mapping[str, object]) -> dict[str, str]:
    found = compile_instance(sample_job(bundle, shared, fields=fields)).artifacts
    left_out = () if "language" in bundle.recipe.honours and bundle.recipe.serve.files else (f"{DIRECTORY}/",)
    return {item.path: item.digest for item in found if not item.path.startswith(left_out)}


def _compiled(bundle: Bundle, options: Options, shared: Shared) -> list[Diagnostic]:
    """Return the problems of compiling an instance: by default, asleep, with each option and with all directives."""
    recipe = bundle.recipe
    honoured = {key: value for name in recipe.honours for key, value in DIRECTIVES[name].items()}
    chosen = [{name: value} for name, value in options_of(recipe) if name not in recipe.variants] if not options else []
    samples: list[Mapping[str, object]] = [{}, honoured, *({"settings": values} for values in chosen)]
    if recipe.primary:
        samples.append({"sleep": "15m"})
    if recipe.subpath:
        samples.append({"route": "https://try.example.org/a/path/"})
    found: list[Diagnostic] = []
    for fields in samples:
        try:
            compile_instance(sample_job(bundle, shared, options, fields=fields))
        except ChainsawError as error:
            found += error.diagnostics
    return found

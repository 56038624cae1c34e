"""From the inputs to a compiled site: each instance gets a block and is compiled, and together they are the site."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from chainsaw.compile.blocks import allocate
from chainsaw.compile.context import Host, Job, Provider, Shared
from chainsaw.compile.front.site import compile_site
from chainsaw.compile.instance import CompiledInstance, compile_instance
from chainsaw.errors import ChainsawError, Diagnostic, in_file_order, invalid
from chainsaw.load.recipe import Bundle, instance_bundle
from chainsaw.load.site import Intent
from chainsaw.load.source import KeyPath, Source
from chainsaw.load.yaml import read_yaml
from chainsaw.model.access import ANYBODY, lets_in
from chainsaw.model.artifact import Artifact
from chainsaw.model.block import Block, Ranges
from chainsaw.model.deployment import Manifest
from chainsaw.model.names import FRONT, LOGINS, size_in_bytes
from chainsaw.model.paths import Paths
from chainsaw.model.quantity import bytes_for_people


@dataclass(frozen=True)
class Inputs:
    """All inputs of a compiled site.

    `bundles` are the recipes of the instances, with their variants, `recorded` the first ids of the blocks by name,
    `ranges` the user's subordinate ids. `secrets` are the names of the site's secrets that are set, `users`
    the site's users, each with groups. For each directory
    of the admin that a `once` component reads, `admin_files` has the SHA-256 of each file, and `watched` a digest of
    names, sizes and times of change.
    """

    intent: Intent
    bundles: Mapping[str, Bundle]
    user: str
    ranges: Ranges
    recorded: Mapping[str, int]
    host: Host
    shared: Shared
    secrets: frozenset[str] = frozenset()
    users: Mapping[str, Sequence[str]] = field(default_factory=dict)
    admin_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    watched: Mapping[str, str] = field(default_factory=dict)

    def job(self, name: str, block: Block | None) -> Job:
        """Return one instance to compile."""
        file, bundle = self.intent.instances[name], self.bundles[name]
        digests = {
            volume: _files_digest(bundle, volume, self.admin_files.get(place))
            for volume, place in admin_directories(self.host.paths, name, bundle).items()
        }
        site, host, shared = self.intent.site, self.host, self.shared
        return Job(file, bundle, site, block, host, shared, digests, dict(self._providers()))

    def _providers(self) -> Iterator[tuple[str, Provider]]:
        for name, bundle in self.bundles.items():
            answers, instance = bundle.recipe.serve.answers, self.intent.instances[name].instance
            if answers:
                headers = [item.lower().replace("-", "_") for item in (answers.user, answers.groups)]
                yield name, Provider(name, instance.host, instance.path + answers.check.lstrip("/"), *headers)


@dataclass(frozen=True)
class CompiledIntent:
    """The compiled instances that are declared, the block of each and of the front, and the inputs."""

    inputs: Inputs
    jobs: Mapping[str, Job]
    instances: Mapping[str, CompiledInstance]
    blocks: Mapping[str, Block]

    def site(self, instances: Mapping[str, CompiledInstance]) -> tuple[Manifest, dict[str, Artifact]]:
        """Return the manifest (number 0) and the tree of a site with these instances, former ones perhaps."""
        intent = self.inputs.intent
        return compile_site(instances, intent.site, self.blocks, self.inputs.host, self.inputs.shared, intent.site_text)


def bundles_of(intent: Intent, catalog: Mapping[str, Bundle]) -> dict[str, Bundle]:
    """Return the recipe of each instance, with the variants that it has chosen."""
    return {
        name: instance_bundle(catalog[file.instance.recipe], file.instance)
        for name, file in sorted(intent.instances.items())
    }


def admin_directories(paths: Paths, name: str, bundle: Bundle) -> dict[str, str]:
    """Return the directory of each volume of the admin that a `once` component reads."""
    recipe = bundle.recipe
    used = {volume for item in recipe.components.values() if item.once for volume in item.volumes}
    return {
        volume: paths.volume(name, volume, recipe.volumes[volume].public is not None)
        for volume in sorted(used)
        if recipe.volumes[volume].admin
    }


def _files_digest(bundle: Bundle, volume: str, found: Mapping[str, str] | None) -> str:
    """Return a digest of the files in a volume of the admin, or of those that it will have when it is created."""
    if found is None:
        seed = bundle.recipe.volumes[volume].seed
        found = {path: sha256(text).hexdigest() for path, text in bundle.below(seed).items()} if seed else {}
    return sha256(json.dumps(sorted(found.items())).encode()).hexdigest()


def compile_intent(inputs: Inputs) -> CompiledIntent:
    """Return the compiled intent; raise ChainsawError when ids run out or a template does not work."""
    needy = [name for name, bundle in inputs.bundles.items() if bundle.recipe.components]
    ranges = inputs.ranges
    own = [FRONT, *([LOGINS] if _wants_logins(inputs) else [])]
    blocks = allocate([*own, *needy], inputs.recorded, ranges.uids, ranges.gids, inputs.user)
    jobs = {name: inputs.job(name, blocks.get(name)) for name in sorted(inputs.intent.instances)}
    instances: dict[str, CompiledInstance] = {}
    problems: list[Diagnostic] = [*_limits_of_nothing(inputs), *_missing_secrets_of_notify(inputs)]
    for name, job in jobs.items():
        try:
            instances[name] = compile_instance(job)
        except ChainsawError as error:
            problems += error.diagnostics
            continue
        problems += _missing_secrets(job, instances[name], inputs)
        problems += _missing_users(job, instances[name], inputs)
    if problems:
        raise invalid(in_file_order(problems))
    return CompiledIntent(inputs, jobs, instances, blocks)


def _wants_logins(inputs: Inputs) -> bool:
    """Return whether an instance wants a login, or has wanted one: a former version of it may stay."""
    walls = (file.instance.access for file in inputs.intent.instances.values())
    return LOGINS in inputs.recorded or any(access and not access.forward for access in walls)


def _limits_of_nothing(inputs: Inputs) -> Iterator[Diagnostic]:
    """Yield a problem for each limit of memory that is more than twice what the host has."""
    there, intent = inputs.host.memory, inputs.intent
    site = read_yaml("site.yaml", intent.site_text or "") if intent.site.memory else None
    wanted: list[tuple[Source, KeyPath, str]] = []
    wanted += [(site, ("memory",), intent.site.memory)] if site and intent.site.memory else []
    for file in intent.instances.values():
        memory = file.instance.memory or {}
        sizes = memory.items() if isinstance(memory, dict) else [("", memory)]
        wanted += [(file.source, ("memory", part) if part else ("memory",), size) for part, size in sizes]
    for source, path, size in wanted:
        if 0 < 2 * there < size_in_bytes(size):
            message = f"{size} limits nothing: this host has {bytes_for_people(there)}, with its swap space"
            yield source.problem(path, message, code="no-limit")


def _missing_users(job: Job, instance: CompiledInstance, inputs: Inputs) -> Iterator[Diagnostic]:
    """Yield a problem for a login that nobody could pass, and for one that asks who is no provider."""
    wall = instance.deployment.wall
    if wall is None:
        return
    problem, words = job.file.source.problem, [word for word in wall.allow if not word.startswith("@")]
    if wall.forward and wall.forward not in job.providers:
        message = f"{wall.forward} is no instance that says who is logged in"
        hint = f"those that do: {', '.join(sorted(job.providers))}" if job.providers else ""
        yield problem(("auth", "forward"), message, code="no-provider", hint=hint)
    elif wall.allow and not lets_in(wall.allow, inputs.users):
        name = words[0] if words and words[0] != ANYBODY else "NAME"
        whom = (
            "there is no user" if not inputs.users else f"none of the users is {' or '.join(words)}, or in that group"
        )
        hint = f"chainsaw user add {name}" + (f", or chainsaw user add NAME --group {name}" if name != "NAME" else "")
        yield problem(("auth",), f"nobody could log in: {whom}", code="nobody", hint=hint)


def _missing_secrets_of_notify(inputs: Inputs) -> Iterator[Diagnostic]:
    """Yield a problem for each secret that is needed to tell the admin something, and that is not set."""
    site = inputs.intent.site
    if site.notify is None:
        return
    wanted: dict[KeyPath, str] = {("notify", *place): key for place, key in site.notify.secrets.items()}
    if site.notify.mail and site.mail and site.mail.password:
        wanted["mail", "password", "secret"] = site.mail.password.secret
    source = read_yaml("site.yaml", inputs.intent.site_text or "")
    for place, key in wanted.items():
        if key not in inputs.secrets:
            message = f"notify needs the secret {key}, which is not set"
            yield source.problem(place, message, code="no-site-secret", hint=f"chainsaw secret set {key}")


def _missing_secrets(job: Job, instance: CompiledInstance, inputs: Inputs) -> list[Diagnostic]:
    """Return a problem for each secret of the site that an instance needs and that is not set."""
    wanted = [item.key for item in instance.deployment.secrets if item.source and item.key not in inputs.secrets]
    own = job.file.instance.mail is not None
    source = job.file.source if own or not wanted else read_yaml("site.yaml", inputs.intent.site_text or "")
    return [
        source.problem(
            ("mail", "password", "secret"),
            f"{job.name} needs the secret {key}, which is not set",
            code="no-site-secret",
            hint=f"chainsaw secret set {key}",
        )
        for key in wanted
    ]

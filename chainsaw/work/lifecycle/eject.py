"""eject: writes an instance and its own front as plain quadlets that run without chainsaw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chainsaw.compile.context import Job
from chainsaw.compile.deployment import image_needs
from chainsaw.compile.front.access import wall_of
from chainsaw.compile.images import image_reference, recipe_build, shared_build
from chainsaw.compile.intent import CompiledIntent, compile_intent
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.model.deployment import Deployment
from chainsaw.plan.commands import BUILD_NETWORK
from chainsaw.work.config.inputs import read_inputs
from chainsaw.work.config.names import applied_instance, declared_text
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.result import Result


def eject(account: Account, name: str, out: str) -> Result:
    """Write the files of an instance and of a front for it below a directory, with a README.md that explains their use.

    Data stays where it is. Raise ChainsawError for a name that is not declared or not applied, and when the directory
    is not empty.
    """
    deployment = applied_instance(account.paths, account.current(), name)
    declared_text(account.paths, name)
    out = files.absolute_path(out)
    if files.list_directory(out):
        raise ChainsawError(Diagnostic("not-empty", "the directory is not empty", out, hint=f"rm -r {out}"))
    compiled = _compiled_for(account, out)
    job = compiled.jobs[name]
    _, tree = compiled.site({name: compiled.instances[name]})
    with account.steps.step("write the units and what they mount"):
        files.make_directory(out, 0o755)
        # Mounts name a generation, so the tree is written as generation 1.
        files.write_tree(f"{out}/1", tree)
        files.replace_link(f"{out}/current", "1")
    builds = list(_builds(job))
    with account.steps.step("write what images are built from"):
        for reference, context, _ in builds:
            for path, content in context.items():
                place = f"{out}/images/{_short(reference)}/{path}"
                files.write_atomic(place, content, 0o755 if content.startswith(b"#!") else 0o644)
    page = "\n".join(_page(job, deployment, out, [(reference, base) for reference, _, base in builds]))
    with account.steps.step("write the page"):
        files.write_atomic(f"{out}/README.md", f"{page}\n".encode())
    lines = (f"{name} is in {out}; how to use it: {out}/README.md", *_unknown(job))
    return Result({"instance": name, "out": out, "files": sorted(tree)}, lines)


def _compiled_for(account: Account, out: str) -> CompiledIntent:
    """Return what is declared, compiled for a directory, without the admin's site.yaml."""
    inputs = read_inputs(account, catalog_of(account.paths))
    host = replace(inputs.host, paths=replace(account.paths, ejected=out))
    return compile_intent(replace(inputs, host=host, intent=replace(inputs.intent, site_text=None)))


def _builds(job: Job) -> Iterator[tuple[str, dict[str, bytes], str]]:
    """Yield each image that is built here: its reference, its context and its base image; base images come first."""
    images = job.shared.images
    wall = wall_of(job)
    wanted = ["base", "nginx", *(["login"] if wall and not wall.forward else [])]
    own = []
    for need in image_needs(job):
        wanted += [need.base] if need.base else []
        if need.recipe:
            context = job.bundle.below(need.build)
            own.append(recipe_build(job.bundle.recipe.name, need.image, context, need.base, images))
            assert own[-1].reference == image_reference(job.bundle, need.image, images)
    for name in dict.fromkeys(wanted):
        build = shared_build(name, images)
        yield build.reference, dict(build.context), build.base
    for build in own:
        yield build.reference, dict(build.context), build.base


def _logins(job: Job) -> Iterator[str]:
    """Yield what becomes of the login in front of an instance."""
    wall, paths = wall_of(job), job.host.paths
    if wall and not wall.forward:
        yield f"- `{paths.logins}`: who may log in, which only chainsaw changes, and their sessions"


def _unknown(job: Job) -> Iterator[str]:
    """Yield what the admin has to know where another instance says who may visit."""
    wall = wall_of(job)
    if wall and wall.forward:
        yield f"nobody gets in there without {wall.forward}, which is not in it: change auth: first, and eject it then"


def _short(reference: str) -> str:
    return reference.rpartition("/")[2].partition(":")[0]


def _page(job: Job, deployment: Deployment, out: str, builds: list[tuple[str, str]]) -> Iterator[str]:
    paths, name = job.host.paths, job.name
    yield f"# {job.title}, without chainsaw\n"
    yield "These are plain files: quadlets for Podman, units for systemd, and the configuration of an nginx that serves"
    yield f"{deployment.url} on ports {job.site.ports.http} and {job.site.ports.https}. They need Podman 5.4, systemd"
    yield "254, nftables, Python, and the subordinate ids and the settings that this account has already. Other"
    yield "instances stop.\n"
    yield "## Put them in place\n"
    yield "    systemctl --user stop chainsaw.target 'app@*' 'chainsaw-*'"
    yield f"    find {paths.unit_links} -lname '{paths.current}/units/*' -delete"
    yield f"    ln -sfn {out}/current/quadlets {paths.quadlet_link}"
    yield f"    cp -rsf {out}/current/units/. {paths.unit_links}/"
    yield "    systemctl --user daemon-reload"
    yield "    systemctl --user start chainsaw.target\n"
    yield "It starts again after a reboot, as long as `chainsaw.target` is in"
    yield f"`{paths.unit_links}/default.target.wants` and `loginctl enable-linger` holds.\n"
    yield "## Its data\n"
    yield from (f"- `{item.path}`" for item in deployment.volumes)
    yield from (f"- `{item.path}` (secret)" for item in deployment.secrets)
    yield from (f"- `{paths.certificates}/{host}`: the certificate" for host in deployment.hosts)
    yield from _logins(job)
    yield "\nNothing renews certificates any more: `openssl x509 -noout -enddate -in certificate.pem` says until when"
    yield "one is valid. Put the key and the chain of a new one into its `pair.pem`, together, then"
    yield "`systemctl --user reload chainsaw-front`.\n"
    yield "## Its images\n"
    yield "They are in the store already. To build them again, in this order:\n"
    for reference, base in builds:
        options = f"{BUILD_NETWORK} --build-arg BASE={base} --tag {reference}"
        yield f"    podman build {options} {out}/images/{_short(reference)}"
    yield "\n## See what it does\n"
    yield f"    systemctl --user status 'app@{name}*' chainsaw-front"
    yield f"    journalctl --user -u 'app@{name}*'"

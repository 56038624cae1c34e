"""One action of a plan to its effect on the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files, journal, readings
from chainsaw.host.account import Account
from chainsaw.host.front import reload_front
from chainsaw.host.podman import Podman
from chainsaw.host.podman.placement import Placement
from chainsaw.host.step import Steps
from chainsaw.host.store import generations, operations, records
from chainsaw.host.store.users import read_probe
from chainsaw.host.stored import keep_former
from chainsaw.host.systemd import UserManager
from chainsaw.load.recipe import Bundle
from chainsaw.model.artifact import Artifact, Tree, as_tree
from chainsaw.model.certificate import LOCAL, Certificate, HostIssuer
from chainsaw.model.deployment import Deployment, Manifest
from chainsaw.model.volume import Volume
from chainsaw.plan import actions as act
from chainsaw.plan.observed import TARGET, UnitDetails
from chainsaw.work.apply import tried
from chainsaw.work.apply.validate import validate
from chainsaw.work.certificates.before import is_usable
from chainsaw.work.certificates.renew import Renewal, imported
from chainsaw.work.certificates.serve import (
    Fresh,
    issue_local,
    not_shown,
    placements,
    settle_certificates,
    tell_browsers,
)
from chainsaw.work.locks import tls
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.images import Images
from chainsaw.work.recipes.installed import store_recipe
from chainsaw.work.result import Reporter


@dataclass
class Worker:
    """Carries out the actions of one plan; `manifest` and `tree` are what is to be current afterwards.

    `touched` are the instances for which it does something, `is_switching` is whether a switch has started, here or in
    an interrupted command, that is not recorded as finished. While something waits in `unlocked`, other commands may
    switch to generations of their own. `warnings` are what went wrong without harm to any instance.
    """

    account: Account
    manager: UserManager
    podman: Podman
    catalog: Catalog
    images: Images
    steps: Steps
    report: Reporter
    node: str
    manifest: Manifest
    tree: Tree
    touched: frozenset[str] = frozenset()
    is_switching: bool = False
    unlocked: Callable[[], AbstractContextManager[None]] = nullcontext
    warnings: list[Diagnostic] = field(default_factory=list)
    pending: list[Placement] = field(default_factory=list)
    issued: list[Fresh] = field(default_factory=list)
    placed: list[Certificate] = field(default_factory=list)

    def record_block(self, action: act.RecordBlock) -> None:
        """Record a block before anything is made with it."""
        records.write_block(self.account.paths, action.name, action.start)

    def install_recipe(self, action: act.InstallRecipe) -> None:
        """Copy a recipe to where installed ones are."""
        store_recipe(self.account.paths, self.catalog.bundle(action.origin))

    def provide_image(self, action: act.ProvideImage) -> None:
        """Refuse an image that could not be had, or whose data would be lost."""
        self.images.check(action.need)

    def create_directory(self, action: act.CreateDirectory) -> None:
        """Make a directory; a new volume with a seed gets a copy of it. One of a block's is made with all others."""
        directory = action.directory
        seed: dict[str, bytes] = {}
        if isinstance(directory, Volume) and directory.seed:
            recipe, below = directory.seed
            seed = self._bundle_of(action.owner, recipe).below(below)
        if directory.ids is not None:
            self.pending.append(Placement(directory.path, directory.mode, directory.ids, seed=seed))
            return
        if not seed:
            files.make_directory(directory.path, directory.mode)
            return
        partial = f"{directory.path}.partial"
        files.remove_tree(partial)
        files.make_directory(partial, directory.mode)
        files.write_tree(partial, as_tree(Artifact(path, content) for path, content in seed.items()))
        files.publish((partial, directory.path))

    def _bundle_of(self, owner: str | None, recipe: str) -> Bundle:
        """Return an instance's recipe in the version that it runs, which need not be the installed one."""
        deployment = self.manifest.instances.get(owner or "")
        if deployment is None or not deployment.origin:
            return self.catalog.bundle(recipe)
        return self.catalog.version(deployment.origin, deployment.digest)

    def create_secret(self, action: act.CreateSecret) -> None:
        """Generate a secret of letters and digits, or copy the site's, readable by its component's user alone."""
        secret = action.secret
        value = (files.read_text(secret.source) or "") if secret.source else files.random_text(secret.length)
        self.pending.append(Placement(secret.path, 0o400, secret.ids, value.encode()))

    def export_static(self, action: act.ExportStatic) -> None:
        """Export static files beside their place, then rename them into it; several instances may ask for the same."""
        export = action.export
        assert action.owner is not None
        block = self.manifest.instances[action.owner].block
        assert block is not None
        target = f"{self.account.paths.static}/{export.key}"
        if files.exists(target):
            return
        self.podman.export_static(export.reference, export.root, export.scripts, f"{target}.partial", block)
        files.publish((f"{target}.partial", target))

    def issue_certificate(self, action: act.IssueCertificate) -> None:
        """Issue a certificate of this host's own authority."""
        self._take(issue_local(self.account, self.node, action.host))

    def import_certificate(self, action: act.ImportCertificate) -> None:
        """Take the certificate in the admin's files; while the one that is there can be used, problems are warnings."""
        wanted = HostIssuer(issuer="files", chain=action.chain, key=action.key)
        try:
            self._take(imported(action.host, wanted, time.time()))
        except ChainsawError as error:
            if not is_usable(self.account.paths, action.host, time.time()):
                raise
            self.warnings += [replace(item, severity="warning") for item in error.diagnostics]

    def _take(self, fresh: Fresh) -> None:
        self.issued.append(fresh)

    def place(self) -> None:
        """Make all that belongs to blocks and was asked for so far, in one process."""
        paths = self.account.paths
        with tls(self.account, "chainsaw apply", self.report):
            for fresh in self.issued:
                keep_former(paths, fresh.record.host)
                tell_browsers(paths, fresh.record)
                self.pending += placements(self.account, self.manifest, fresh)
            self.podman.place(self.pending)
        self.placed += [fresh.record for fresh in self.issued]
        self.pending, self.issued = [], []

    def settle(self) -> None:
        """Record the certificates that were placed, once the front shows them; otherwise put the former ones back."""
        unseen = settle_certificates(self.account, self.manager, self.placed) if self.placed else set()
        self.warnings += [not_shown(host) for host in sorted(unseen)]
        self.placed = []

    def write_generation(self, action: act.WriteGeneration) -> None:
        """Write all files of a generation, then let Podman's generator and nginx read them."""
        self.manifest = self.manifest.model_copy(update={"number": action.number})
        generations.write_generation(self.account.paths, self.manifest, self.tree)
        try:
            validate(self.account.paths, self.manifest, self.podman, self.manager)
        except BaseException:
            generations.discard_generation(self.account.paths, action.number)
            raise

    def activate(self, action: act.Activate) -> None:
        """Make the generation current."""
        paths = self.account.paths
        operations.write_begin(paths, action.number, generations.current_number(paths), self.touched)
        self.is_switching = True
        files.replace_link(paths.current, str(action.number))

    def record_switched(self) -> None:
        """Record that all is done that concerns the site."""
        operations.write_switched(self.account.paths, self.manifest.number)
        self.is_switching = False

    def link_quadlets(self, action: act.LinkQuadlets) -> None:
        """Link the directory of the current quadlets."""
        files.replace_link(self.account.paths.quadlet_link, f"{self.account.paths.current}/quadlets")

    def link(self, action: act.Link) -> None:
        """Link a unit; the target first into what a login or boot starts."""
        paths = self.account.paths
        if action.name == TARGET:
            files.replace_link(f"{paths.unit_links}/default.target.wants/{TARGET}", f"../{TARGET}")
        files.replace_link(f"{paths.unit_links}/{action.name}", f"{paths.current}/units/{action.name}")

    def unlink(self, action: act.Unlink) -> None:
        """Take the link of a unit away."""
        files.remove(f"{self.account.paths.unit_links}/{action.name}")

    def reload_front(self, action: act.ReloadFront) -> None:
        """Let the front read its files, and wait until no worker answers from the former ones."""
        reload_front(self.manager)

    def obtain_certificates(self, hosts: Sequence[str]) -> None:
        """Ask ACME authorities for certificates; what goes wrong is a warning, as the sites are up without them."""
        renewed = Renewal(self.account, self.manager, self.report).run(hosts)
        self.warnings += renewed.problems

    def probe_instance(self, action: act.ProbeInstance) -> None:
        """Ask for the instance's page; raise ChainsawError when it is not as it should be."""
        # HTTP takes 20 ms to import, and the instances need not wait for it.
        from chainsaw.host.web import Front
        from chainsaw.work.apply.proof import proof

        assert action.owner is not None
        deployment = self.manifest.instances[action.owner]
        ports = readings.front_ports(self.account.paths)
        assert ports
        # A certificate that others issue may still be on its way; it is looked at by itself.
        is_local = self.manifest.issuer(deployment.route.host).issuer == LOCAL
        front = Front(ports[1], f"{self.account.paths.authority}/ca.pem" if is_local else "")
        patience = min(60, deployment.start_timeout) if deployment.services else 15
        began, before = time.time(), self._components(deployment)
        crashed: list[str] = []

        def is_lost() -> bool:
            now = self._components(deployment)
            crashed[:] = [unit for unit in now if _has_crashed(now[unit], before.get(unit))]
            return bool(crashed)

        problem = proof(deployment, front, patience, is_lost, read_probe(self.account.paths))
        hint = f"journalctl --user -u 'app@{action.owner}*' -n 30"
        causes = [f"{unit} has crashed{said(self.last_lines(unit, began))}" for unit in crashed]
        if problem:
            raise ChainsawError([Diagnostic("probe", message, hint=hint) for message in (*causes, problem)])
        if deployment.kept:
            # What a former version has made is of no more use.
            self.podman.empty_directory(deployment.kept)
            tried.end(self.account, self.manager, deployment.name)

    def _components(self, deployment: Deployment) -> dict[str, UnitDetails]:
        return self.manager.details([service.unit for service in deployment.services])

    @property
    def is_overtaken(self) -> bool:
        """Whether another command has switched since."""
        return generations.current_number(self.account.paths) != self.manifest.number

    def last_lines(self, unit: str, since: float) -> list[str]:
        """Return what a unit's container said last, since a time."""
        every = [*self.manifest.instances.values(), *self.manifest.own]
        own = [service for item in every for service in (*item.services, item.gate) if service]
        container = next((service.container for service in own if service.unit == unit), "")
        return journal.last_lines(unit, container, since)

    def record_stopped(self, names: Collection[str]) -> None:
        """Forget what the named units were started from."""
        kept = {unit: digest for unit, digest in records.read_applied(self.account.paths).items() if unit not in names}
        records.write_applied(self.account.paths, kept)


def _has_crashed(now: UnitDetails, before: UnitDetails | None) -> bool:
    """Return whether a unit has failed, or systemd has started it again meanwhile, or is about to."""
    return now.active == "failed" or now.sub.startswith("auto-restart") or now.restarts > (before or now).restarts


def said(words: Sequence[str]) -> str:
    """Return the end of a message with the last lines of a log, or nothing where there are none."""
    lines = [line for line in words if line.strip()]
    return "; its log:" + "".join(f"\n  {line}" for line in lines) if lines else ""

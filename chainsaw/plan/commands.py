"""The command for each action, with which an admin would do the same by hand."""

from __future__ import annotations

from dataclasses import replace
from shlex import quote
from typing import assert_never

from chainsaw.model.paths import Paths
from chainsaw.model.volume import Ids, Volume
from chainsaw.plan import actions as act

BUILD_NETWORK = "--network=pasta:--map-guest-addr,none"
"""For a build by hand: a network of its own, without the address that stands for this host (podman-build(1)).

What chainsaw builds reaches no other address of this host either, see host/podman/seclusion.py."""


def command_of(action: act.Step, paths: Paths) -> str:
    """Return a shell command, with podman, systemctl and common programs, that does the same as an action."""
    quoted = _quoted(paths)
    match action:
        case act.RecordBlock():
            return _record_block(action, quoted)
        case act.InstallRecipe():
            return _install_recipe(action, quoted)
        case act.ProvideImage():
            return _provide_image(action, quoted)
        case act.CreateDirectory():
            return _create_directory(action, quoted)
        case act.CreateSecret():
            return _create_secret(action, quoted)
        case act.ExportStatic():
            return _export_static(action, quoted)
        case act.IssueCertificate() | act.ImportCertificate() | act.ObtainCertificate():
            return _certificate(action, quoted)
        case act.WriteGeneration():
            return _write_generation(action, quoted)
        case act.Activate():
            return _activate(action, quoted)
        case act.Link():
            return _link(action, quoted)
        case act.LinkQuadlets():
            return _link_quadlets(action, quoted)
        case act.Unlink():
            return _unlink(action, quoted)
        case act.ReloadSystemd():
            return _reload_systemd(action, quoted)
        case act.StopUnit():
            return _stop_unit(action, quoted)
        case act.StartUnit():
            return _start_unit(action, quoted)
        case act.ReloadFront():
            return _reload_front(action, quoted)
        case act.ProbeInstance():
            return _probe(action, quoted)
        case _:
            assert_never(action)


def _quoted(paths: Paths) -> Paths:
    """Return paths quoted for a shell; names below them need no quotes."""
    places = {name: quote(value) for name, value in vars(paths).items() if value}
    return replace(paths, **places)


def _owner(ids: Ids) -> str:
    return f"-o {ids.uid} -g {ids.gid}"


def _record_block(action: act.RecordBlock, paths: Paths) -> str:
    record = f'{{"format": 1, "name": "{action.name}", "block": {action.start}}}'
    return f"mkdir -p {paths.instance(action.name)}; echo '{record}' > {paths.record(action.name)}"


def _install_recipe(action: act.InstallRecipe, paths: Paths) -> str:
    return f"cp -r RECIPE {quote(action.path)}"


def _provide_image(action: act.ProvideImage, paths: Paths) -> str:
    need = action.need
    if not need.base:
        return f"podman pull {need.reference}"
    options = f"--squash {BUILD_NETWORK} --build-arg BASE=localhost/chainsaw/{need.base}"
    return f"podman build {options} --tag {need.reference} CONTEXT"


def _create_directory(action: act.CreateDirectory, paths: Paths) -> str:
    item, place = action.directory, quote(action.directory.path)
    if not item.ids:
        return f"install -d -m {item.mode:04o} {place}"
    made = f"sudo install -d -m {item.mode:04o} {_owner(item.ids)} {place}"
    if not isinstance(item, Volume) or not item.seed:
        return made
    owner = f"{item.ids.uid}:{item.ids.gid}"
    return f"{made}; sudo cp -r RECIPE/{item.seed[1]}/. {place}; sudo chown -R {owner} {place}"


def _create_secret(action: act.CreateSecret, paths: Paths) -> str:
    item = action.secret
    if item.source:
        return f"sudo install -m 0400 {_owner(item.ids)} {quote(item.source)} {quote(item.path)}"
    value = f"tr -dc A-Za-z0-9 < /dev/urandom | head -c {item.length}"
    return f"{value} | sudo install -m 0400 {_owner(item.ids)} /dev/stdin {quote(item.path)}"


def _export_static(action: act.ExportStatic, paths: Paths) -> str:
    item = action.export
    root = f"podman run --rm --entrypoint tar {item.reference} -C {quote(item.root)} -chf - ."
    return f"mkdir {paths.static}/{item.key}; {root} | tar -C {paths.static}/{item.key} -xf -"


def _certificate(action: act.IssueCertificate | act.ImportCertificate | act.ObtainCertificate, paths: Paths) -> str:
    if isinstance(action, act.ObtainCertificate):
        return f"chainsaw cert renew {action.host}"
    if isinstance(action, act.ImportCertificate):
        return _import_certificate(action, paths)
    place, host = f"{paths.certificates}/{action.host}", action.host
    signer = f"-CA {paths.authority}/ca.pem -CAkey {paths.authority}/ca.key"
    key = f"-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {place}/pair.pem"
    names = f"-subj /CN={host} -addext subjectAltName=DNS:{host}"
    made = f"openssl req -x509 {signer} {key} {names} -out {place}/certificate.pem"
    return f"mkdir {place}; {made}; cat {place}/certificate.pem >> {place}/pair.pem"


def _import_certificate(action: act.ImportCertificate, paths: Paths) -> str:
    place = f"{paths.certificates}/{action.host}"
    chain, key = quote(action.chain), quote(action.key)
    return f"mkdir {place}; cat {key} {chain} > {place}/pair.pem; cp {chain} {place}/certificate.pem"


def _write_generation(action: act.WriteGeneration, paths: Paths) -> str:
    return f"chainsaw render --out {paths.generations}/{action.number}"


def _activate(action: act.Activate, paths: Paths) -> str:
    return f"ln -sfn {action.number} {paths.current}"


def _link(action: act.Link, paths: Paths) -> str:
    return f"ln -sf {paths.current}/units/{action.name} {paths.unit_links}/{action.name}"


def _link_quadlets(action: act.LinkQuadlets, paths: Paths) -> str:
    return f"ln -sfn {paths.current}/quadlets {paths.quadlet_link}"


def _unlink(action: act.Unlink, paths: Paths) -> str:
    return f"rm {paths.unit_links}/{action.name}"


def _reload_systemd(action: act.ReloadSystemd, paths: Paths) -> str:
    return "systemctl --user daemon-reload"


def _stop_unit(action: act.StopUnit, paths: Paths) -> str:
    return f"systemctl --user stop {action.subject()}"


def _start_unit(action: act.StartUnit, paths: Paths) -> str:
    return f"systemctl --user {'restart' if action.again else 'start'} {action.subject()}"


def _reload_front(action: act.ReloadFront, paths: Paths) -> str:
    return "systemctl --user reload chainsaw-front"


def _probe(action: act.ProbeInstance, paths: Paths) -> str:
    return f"curl --cacert {paths.authority}/ca.pem URL-OF-{action.owner}"

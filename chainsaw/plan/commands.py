"""What an action stands for: the command with which somebody would do the same by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainsaw.model.paths import Paths
from chainsaw.plan import actions as act


def command_of(action: act.Action, paths: Paths) -> str:
    """Return a command of podman, systemctl, or of everyday, that does what an action does."""
    return _COMMANDS[type(action)](action, paths)


def _record_block(action: act.RecordBlock, paths: Paths) -> str:
    return f'echo \'{{"format": 1, "block": {action.start}}}\' > {paths.record(action.owner)}'


def _install_recipe(action: act.InstallRecipe, paths: Paths) -> str:
    return f"cp -r RECIPE {action.path}"


def _provide_image(action: act.ProvideImage, paths: Paths) -> str:
    need = action.need
    if not need.base:
        return f"podman pull {need.reference}"
    return f"podman build --squash --build-arg BASE=localhost/chainsaw/{need.base} --tag {need.reference} CONTEXT"


def _create_directory(action: act.CreateDirectory, paths: Paths) -> str:
    item = action.directory
    owner = f" -o {item.ids.uid} -g {item.ids.gid}" if item.ids else ""
    return f"install -d -m {item.mode:04o}{owner} {item.path}"


def _create_secret(action: act.CreateSecret, paths: Paths) -> str:
    item = action.secret
    return f"tr -dc A-Za-z0-9 < /dev/urandom | head -c {item.length} > {item.path}; chmod 0400 {item.path}"


def _export_static(action: act.ExportStatic, paths: Paths) -> str:
    item = action.export
    root = f"podman run --rm --entrypoint tar {item.reference} -C {item.root} -chf - ."
    return f"{root} | tar -C {paths.static}/{item.key} -xf -"


def _issue_certificate(action: act.IssueCertificate, paths: Paths) -> str:
    keys = f"-CA {paths.authority}/ca.pem -CAkey {paths.authority}/ca.key"
    return f"openssl req -x509 {keys} -subj /CN={action.host} -out {paths.certificates}/{action.host}/chain.pem"


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


_COMMANDS: dict[type[act.Action], Callable[[Any, Paths], str]] = {
    act.RecordBlock: _record_block,
    act.InstallRecipe: _install_recipe,
    act.ProvideImage: _provide_image,
    act.CreateDirectory: _create_directory,
    act.CreateSecret: _create_secret,
    act.ExportStatic: _export_static,
    act.IssueCertificate: _issue_certificate,
    act.WriteGeneration: _write_generation,
    act.Activate: _activate,
    act.Link: _link,
    act.LinkQuadlets: _link_quadlets,
    act.Unlink: _unlink,
    act.ReloadSystemd: _reload_systemd,
    act.StopUnit: _stop_unit,
    act.StartUnit: _start_unit,
    act.ReloadFront: _reload_front,
    act.ProbeInstance: _probe,
}

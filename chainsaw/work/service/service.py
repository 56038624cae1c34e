"""start, stop, restart, maintenance: whether an instance is open to visitors, now and after a reboot."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.systemd import GRACE, UserManager
from chainsaw.load.edit import with_key, without_key
from chainsaw.load.yaml import read_yaml
from chainsaw.plan.state import processes_of
from chainsaw.work.apply.apply import apply, command_line
from chainsaw.work.config.names import applied_instance, declared_text
from chainsaw.work.locks import holding
from chainsaw.work.result import Reporter, Request, Result

KEY = ("serving",)
MESSAGES = {
    "normal": "{} is open to visitors",
    "maintenance": "{} is running, and visitors see the maintenance page",
    "stopped": "{} is stopped, and stays stopped after a reboot; to start it: chainsaw start {}",
}


def serve(account: Account, name: str, serving: str, request: Request, report: Reporter) -> Result:
    """Set `serving` in an instance's file, and apply it; raise ChainsawError for an unknown name.

    `serving` is normal, maintenance or stopped. It stays in force after a reboot and for later applies.
    """
    with holding(account, (name,), command_line(request), report, wait=request.wait):
        return _serve(account, name, serving, request, report)


def _serve(account: Account, name: str, serving: str, request: Request, report: Reporter) -> Result:
    paths = account.paths
    file, text = paths.instance_file(name), declared_text(paths, name)
    read_yaml(f"instances/{name}.yaml", text)
    changed = without_key(text, KEY) if serving == "normal" else with_key(text, KEY, serving)
    if changed != text:
        with account.steps.step(f"write {file}"):
            files.write_atomic(file, changed.encode(), 0o600)
    try:
        result = apply(account, request, report)
    except BaseException:
        with account.steps.step(f"write {file}"):
            files.write_atomic(file, text.encode(), 0o600)
        raise
    if result.exit is not Exit.OK:
        return result
    message = MESSAGES[serving].format(name, name)
    lines = [line for line in result.lines if line.startswith(" ")]
    return Result({"instance": name, "serving": serving, **result.data}, (message, *lines), result.diagnostics)


def restart(account: Account, name: str, report: Reporter) -> Result:
    """Restart the processes of an instance; raise ChainsawError when it has none, or does not start again."""
    with holding(account, (name,), f"chainsaw restart {name}", report):
        return _restart(account, name, report)


def _restart(account: Account, name: str, report: Reporter) -> Result:
    deployment = applied_instance(account.paths, account.current(), name)
    if deployment.serving == "stopped":
        raise invalid(Diagnostic("stopped", f"{name} is stopped", hint=f"chainsaw start {name}"))
    units = [item.unit for item in processes_of(deployment)]
    if not units:
        return Result({"instance": name, "units": []}, (f"{name} has no processes: it is static files only",))
    app = f"app@{name}.service"
    report.doing(f"restarting {name}")
    with UserManager() as manager:
        awake = [unit for unit, state in manager.states(units).items() if state not in ("inactive", "failed")]
        if deployment.sleep is not None and not awake:
            return Result({"instance": name, "units": []}, (f"{name} is asleep: the next request starts it",))
        chosen = [app] if app in units else units
        along = units if deployment.sleep is None else awake
        with account.steps.step(f"restart {name}"):
            states = manager.start([(unit, True) for unit in chosen], deployment.start_timeout + GRACE, along)
    down = sorted(unit for unit, state in states.items() if state != "active")
    if down:
        message = f"{name} did not start again: {', '.join(down)}"
        raise ChainsawError(Diagnostic("not-started", message, hint=f"chainsaw logs {name}"), Exit.DEGRADED)
    return Result({"instance": name, "units": sorted(units)}, (f"{name} is restarted",))

"""No secret value is readable by anybody else."""

from __future__ import annotations

import pytest

from .machine import CONFIG, DATA, HOME, STATE, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]


@pytest.fixture(scope="module")
def values(machine: Machine, blog: str) -> dict[str, str]:
    """Return the secrets of the blog, after running every command that might reveal one."""
    machine.admin("systemctl", "--user", "restart", "app@blog")
    machine.chainsaw("apply")
    found = {name: machine.root("cat", f"{DATA}/instances/blog/secrets/{name}") for name in ("admin_password", "salt")}
    key = machine.root("cat", f"{DATA}/front/authority/ca.key").splitlines()[1]
    leaf = machine.root("cat", f"{DATA}/front/certificates/blog.localhost/pair.pem").splitlines()[1]
    return {**found, "key of the authority": key, "key of the site": leaf}


def leaks(text: str, values: dict[str, str]) -> list[str]:
    """Return the names of the secrets that occur in a text."""
    assert all(len(value) > 20 for value in values.values())
    return [name for name, value in values.items() if value in text]


def test_not_in_process_arguments_or_environments(machine: Machine, values: dict[str, str]) -> None:
    assert leaks(machine.root("ps", "-eww", "-o", "args"), values) == []
    assert leaks(machine.root("sh", "-c", "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"), values) == []


def test_not_in_units(machine: Machine, values: dict[str, str]) -> None:
    every = machine.admin("systemctl", "--user", "show", "--all", "app@*", "chainsaw-*", "chainsaw.target")
    assert "app@blog.service" in every
    assert leaks(every, values) == []
    written = machine.root("sh", "-c", 'find "$@" -type f -exec cat {} +', "sh", STATE, f"{HOME}/.config")
    assert "app@blog" in written
    assert leaks(written, values) == []
    generated = machine.root("sh", "-c", "cat /run/user/1000/systemd/generator/*.service")
    assert "podman" in generated
    assert leaks(generated, values) == []


def test_not_in_any_journal(machine: Machine, values: dict[str, str]) -> None:
    text = machine.root("journalctl", "--no-pager", "-o", "export")
    assert "installing WordPress" in text
    assert leaks(text, values) == []


def test_not_in_podman_inspect(machine: Machine, values: dict[str, str]) -> None:
    text = machine.admin(
        "sh",
        "-c",
        "podman inspect $(podman ps -qa) $(podman images -q); podman history --no-trunc $(podman images -q | head -1)",
    )
    assert "blog.app" in text
    assert leaks(text, values) == []


def test_not_in_files_that_others_may_read(machine: Machine, values: dict[str, str]) -> None:
    script = """
        cat > /root/patterns
        # What is older than the first of the secrets cannot hold one.
        find /home /tmp /var/tmp /run /etc /var/lib /dev/shm -xdev \
            -type f -newercm "$0" -perm -o=r -size -20000k -print0 | xargs -0 -r grep -lFs -f /root/patterns
        rm /root/patterns
    """
    assert (
        machine.root("sh", "-c", script, f"{DATA}/instances/front/record.json", stdin="\n".join(values.values())) == ""
    )


def test_secrets_belong_to_the_component_alone(machine: Machine, values: dict[str, str]) -> None:
    block, front = machine.block("blog"), machine.block("front")
    expected = {
        f"{DATA}/instances/blog/secrets/salt": f"400 {block + 1000} {block + 1000}",
        f"{DATA}/instances/blog/secrets/admin_password": f"400 {block + 1000} {block + 1000}",
        f"{DATA}/front/certificates/blog.localhost/pair.pem": f"400 {front} {front}",
        f"{DATA}/front/authority/ca.key": "600 1000 1000",
    }
    for place, wanted in expected.items():
        assert machine.root("stat", "-c", "%a %u %g", place).strip() == wanted, place


def test_the_database_component_does_not_have_them(machine: Machine, values: dict[str, str]) -> None:
    assert machine.try_admin("podman", "exec", "blog.db", "ls", "/run/secrets/salt").code != 0


def test_a_secret_is_shown_only_when_asked(machine: Machine, values: dict[str, str]) -> None:
    assert machine.chainsaw("secret", "show", "blog", "salt").out.strip() == values["salt"]
    assert leaks(machine.chainsaw("plan", "--json").out + machine.chainsaw("apply", "--json").out, values) == []
    machine.chainsaw("render", "--out", f"{HOME}/rendered")
    assert leaks(machine.root("sh", "-c", f"find {HOME}/rendered -type f -exec cat {{}} +"), values) == []
    machine.admin("rm", "-rf", f"{HOME}/rendered")


def test_the_admins_files_hold_none(machine: Machine, values: dict[str, str]) -> None:
    assert leaks(machine.root("sh", "-c", f"cat {CONFIG}/instances/*"), values) == []

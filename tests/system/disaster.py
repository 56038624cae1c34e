"""A host with five applications and what is in them, and another host with another user, which has none of it."""

from __future__ import annotations

import base64
import re
import shutil
from functools import cached_property
from pathlib import Path

from .browser import Browser
from .machine import DATA, HOME, Machine
from .web import ask

KEEPER, KEEPER_ID = "keeper", 1001
PASSWORD = "correct horse battery"
MARKER = "heron-by-the-lake"
HOSTS = ("www", "cal", "wiki", "blog", "feeds")
FILES = ("www", "feeds")
EVENT = f"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//chainsaw//EN\r
BEGIN:VEVENT\r
UID:{MARKER}\r
DTSTAMP:20260101T000000Z\r
DTSTART:20260101T100000Z\r
SUMMARY:{MARKER}\r
END:VEVENT\r
END:VCALENDAR\r
"""
PAGE = f'echo "{MARKER}" > /tmp/page && php /usr/share/dokuwiki/bin/dwpage.php commit -m x /tmp/page {MARKER}'
POST = f"""
    require '/usr/share/wordpress/wp-load.php';
    wp_insert_post(['post_title' => '{MARKER}', 'post_status' => 'publish'], true);
    file_put_contents(wp_upload_dir()['path'] . '/{MARKER}.bin', random_bytes(3000000));
"""
UPLOAD = "require '/usr/share/wordpress/wp-load.php'; echo hash_file('sha256', wp_upload_dir()['path'] . '/%s.bin');"


class Keeper(Machine):
    """A machine whose admin has another name than everywhere else."""

    @property
    def _into_admin(self) -> list[str]:
        within = ["systemd-run", f"--machine={KEEPER}@.host", "--user", "--quiet", "--pipe", "--wait", "--collect"]
        return [*self._into_root, *within, f"--working-directory=/home/{KEEPER}", "--"]

    @cached_property
    def authority(self) -> str:
        """Return the certificate of the local authority."""
        return self.read(self.data("front/authority/ca.pem"))

    def data(self, path: str) -> str:
        """Return where a part of chainsaw's data is."""
        return f"/home/{KEEPER}/.local/share/chainsaw/{path}"


def new_keeper(machine: Keeper, images: Path, *options: str) -> None:
    """Have a user of another name on an empty host, with the images that it would build with the network."""
    machine.root("useradd", "--create-home", "--shell=/bin/bash", f"--uid={KEEPER_ID}", KEEPER)
    machine.root("chainsaw", "setup", "--user", KEEPER, *options)
    shutil.copyfile(images, machine.seen(f"/home/{KEEPER}/images.tar"))
    machine.root("chown", KEEPER, f"/home/{KEEPER}/images.tar")
    machine.admin("podman", "load", "--quiet", "--input", f"/home/{KEEPER}/images.tar")


def keep_images(machine: Machine, place: Path) -> None:
    """Copy the images, in the place of a registry and of a mirror of Debian's."""
    names = machine.admin("sh", "-c", "podman images --format '{{.Repository}}:{{.Tag}}' | grep ^localhost/chainsaw/")
    machine.admin("podman", "save", "--quiet", "--multi-image-archive", "-o", f"{HOME}/images.tar", *names.split())
    shutil.copyfile(machine.seen(f"{HOME}/images.tar"), place)


def fill(machine: Machine, disk: str) -> None:
    """Declare five applications, one of them for those who log in, and write something into each.

    Two of them are backed up as files on a disk, the others as the site says.
    """
    machine.admin("chainsaw", "user", "add", "ann", stdin=f"{PASSWORD}\n")
    for name, recipe in zip(HOSTS, ("static", "radicale", "dokuwiki", "wordpress", "miniflux"), strict=True):
        machine.declare(name, recipe, **({"title": "Walks by the sea"} if recipe == "wordpress" else {}))
    machine.append("wiki", "auth: {login: [ann]}")
    for name in FILES:
        machine.append(name, f"backup: {{to: [{disk}]}}")
    machine.chainsaw("apply")
    write(machine)


def write(machine: Machine) -> None:
    """Write something into each of the five."""
    machine.write(f"{DATA}/public/www/site/marker.txt", MARKER)
    machine.chainsaw("note", "blog", MARKER)
    calendar, ours = f"https://cal.localhost/admin/{MARKER}/", basic(machine, "cal")
    assert ask(machine.address, machine.authority, "MKCALENDAR", calendar, headers=ours).status == 201
    kind = {"Content-Type": "text/calendar"}
    sent = ask(machine.address, machine.authority, "PUT", f"{calendar}event.ics", body=EVENT, headers=ours | kind)
    assert sent.status == 201
    machine.inside("wiki.app", "sh", "-c", PAGE)
    machine.inside("blog.app", "php", "-r", POST)
    body, kind = f'{{"title": "{MARKER}"}}', {"Content-Type": "application/json"}
    sent = machine.post("https://feeds.localhost/v1/categories", body, headers={**basic(machine, "feeds"), **kind})
    assert sent.status == 201


def basic(machine: Machine, name: str) -> dict[str, str]:
    """Return the header of an application's admin."""
    password = machine.chainsaw("secret", "show", name, "admin_password").out.strip()
    return {"Authorization": f"Basic {base64.b64encode(f'admin:{password}'.encode()).decode()}"}


def content(machine: Machine, browser: Browser) -> dict[str, str]:
    """Return what stands in each of the five, as a visitor sees it; the browser is logged in."""
    categories = machine.get("https://feeds.localhost/v1/categories", headers=basic(machine, "feeds")).body
    posts = machine.get(f"https://blog.localhost/index.php?rest_route=/wp/v2/posts&search={MARKER}").body
    event = machine.get(f"https://cal.localhost/admin/{MARKER}/event.ics", headers=basic(machine, "cal")).body
    return {
        "www": machine.get("https://www.localhost/marker.txt").body,
        "cal": event,
        "wiki": browser.get(f"https://wiki.localhost/_export/raw/{MARKER}").body,
        "blog": " ".join(re.findall(r'"rendered":"([^"]*)"', posts)),
        "upload": machine.inside("blog.app", "php", "-r", UPLOAD % MARKER),
        "feeds": categories,
        "secrets": " ".join(basic(machine, name)["Authorization"] for name in ("cal", "blog", "feeds")),
        "note": machine.admin("sh", "-c", "cat ~/.config/chainsaw/notes/blog.md"),
        "authority": machine.authority,
    }

"""The paths of all files and directories that chainsaw uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from chainsaw.model.frontpaths import FrontPaths


@dataclass(frozen=True)
class Paths(FrontPaths):
    """The directories of one admin; `home`, `config`, `data` and `state` are absolute.

    `ejected` is the target directory of `eject`, whose files must work without generations and without chainsaw.
    """

    home: str
    config: str
    data: str
    state: str
    ejected: str = ""

    @classmethod
    def of(cls, home: str, environ: dict[str, str]) -> Paths:
        """Return the paths below home, moved by the XDG variables of the Base Directory Specification."""

        def base(variable: str, default: str) -> str:
            value = environ.get(variable, "")
            return value if PurePosixPath(value).is_absolute() else f"{home}/{default}"

        return cls(
            home=home,
            config=base("XDG_CONFIG_HOME", ".config"),
            data=base("XDG_DATA_HOME", ".local/share"),
            state=base("XDG_STATE_HOME", ".local/state"),
        )

    @property
    def own_files(self) -> str:
        """The directory of the admin's files, a git repository."""
        return f"{self.config}/chainsaw"

    @property
    def site_file(self) -> str:
        """The site's settings."""
        return f"{self.config}/chainsaw/site.yaml"

    @property
    def instance_files(self) -> str:
        """The directory of the instances' files."""
        return f"{self.config}/chainsaw/instances"

    @property
    def sources_file(self) -> str:
        """The sources of recipes."""
        return f"{self.config}/chainsaw/sources.yaml"

    @property
    def root(self) -> str:
        """The directory of all data that must not be lost."""
        return f"{self.data}/chainsaw"

    @property
    def recipes(self) -> str:
        """Installed recipes, one directory for each source."""
        return f"{self.root}/recipes"

    @property
    def chosen_file(self) -> str:
        """The record of the recipes that were installed with `chainsaw install`."""
        return f"{self.root}/chosen.json"

    @property
    def generations(self) -> str:
        """The applied states, and `current`."""
        return self.ejected or f"{self.state}/chainsaw/generations"

    @property
    def stamps(self) -> str:
        """Where systemd keeps when a timer last ran (systemd.timer(5), Persistent=)."""
        return f"{self.data}/systemd/timers"

    @property
    def logs(self) -> str:
        """The sockets to which containers log, and the commands of timers."""
        return f"{self.state}/chainsaw/logs"

    @property
    def current(self) -> str:
        """The link to the current generation."""
        return f"{self.generations}/current"

    def program(self, name: str) -> str:
        """Return one of the programs that systemd starts beside containers."""
        return f"{self.current}/programs/{name}.py"

    def due(self, name: str, timer: str) -> str:
        """Return the file that keeps when work of a sleeping instance is due."""
        return f"{self.instance(name)}/{timer}.due"

    @property
    def journal(self) -> str:
        """The journal of operations."""
        return f"{self.state}/chainsaw/journal"

    @property
    def notified(self) -> str:
        """The record of what was told to the admin."""
        return f"{self.state}/chainsaw/notified.json"

    @property
    def backups(self) -> str:
        """Where backups go by default, one directory for each instance."""
        return f"{self.root}/backups"

    def backups_of(self, name: str) -> str:
        """Return where backups of an instance go when nothing else is said."""
        return f"{self.backups}/{name}"

    @property
    def site_backups(self) -> str:
        """Where backups of the site itself go by default."""
        return f"{self.backups}/site"

    @property
    def rebuilding(self) -> str:
        """What a backup of the site holds, while a host is rebuilt from it."""
        return f"{self.root}/rebuilding"

    @property
    def site_id(self) -> str:
        """The name of this site among others that use the same place for backups, made with its first backup."""
        return f"{self.root}/site.json"

    def listings(self, name: str) -> str:
        """Return the directory with what was last listed of volumes, for an instance's next backup in a repository."""
        return f"{self.state}/chainsaw/listings/{name}"

    def sets(self, place: str) -> str:
        """Return the directory with the indices of backups in a repository that were read; `place` names it."""
        return f"{self.state}/chainsaw/sets/{place}"

    @property
    def restic(self) -> str:
        """What restic remembers of repositories."""
        return f"{self.state}/chainsaw/restic"

    def backup_record(self, name: str) -> str:
        """Return the record of an instance's backups: the last good ones, what was verified, and the last drill."""
        return f"{self.state}/chainsaw/backups/{name}.json"

    @property
    def trials(self) -> str:
        """The recipe tests in progress, one file for each."""
        return f"{self.state}/chainsaw/trials"

    @property
    def locks(self) -> str:
        """The lock files; locks are taken in the order of their names."""
        return f"{self.state}/chainsaw/locks"

    @property
    def site_lock(self) -> str:
        """The lock for changing the current generation."""
        return f"{self.locks}/site"

    @property
    def preparing_lock(self) -> str:
        """The lock for fetching, building or deleting images and other shared files."""
        return f"{self.locks}/preparing"

    @property
    def sockets(self) -> str:
        """Sockets made by systemd."""
        return f"{self.root}/sockets"

    @property
    def static(self) -> str:
        """Static files exported from images."""
        return f"{self.root}/static"

    @property
    def public(self) -> str:
        """Volumes that the front may serve."""
        return f"{self.root}/public"

    def up_file(self, name: str) -> str:
        """Return the file that is there while an instance's app is up; the front looks at it."""
        return f"{self.sockets}/{name}.up"

    def tried_file(self, name: str, runtime: str = "$XDG_RUNTIME_DIR") -> str:
        """Return the file that is there while a version of an instance has not shown its page yet.

        No power cut leaves it behind, where it is.
        """
        return f"{runtime}/chainsaw-{name}.tried"

    @property
    def challenges(self) -> str:
        """Where the front finds what an ACME authority asks for on port 80, in a directory that it has already."""
        return f"{self.public}/.challenges"

    @property
    def quadlet_link(self) -> str:
        """Where Podman's generator finds the current quadlets."""
        return f"{self.config}/containers/systemd/chainsaw"

    @property
    def unit_links(self) -> str:
        """Where systemd finds the current sockets, timers and targets."""
        return f"{self.data}/systemd/user"

    def instance_lock(self, name: str) -> str:
        """Return the lock for changing an instance."""
        return f"{self.locks}/instance.{name}"

    def instance_file(self, name: str) -> str:
        """Return the file of an instance."""
        return f"{self.instance_files}/{name}.yaml"

    def removed_file(self, name: str) -> str:
        """Return where the file of a removed instance is kept."""
        return f"{self.own_files}/removed/{name}.yaml"

    def notes_file(self, name: str) -> str:
        """Return the notes on an instance."""
        return f"{self.own_files}/notes/{name}.md"

    def source_key(self, name: str) -> str:
        """Return the file of the key that a source's commits must be signed with."""
        return f"{self.config}/chainsaw/sources/{name}.key"

    def source(self, name: str) -> str:
        """Return the bare repository of a source."""
        return f"{self.root}/sources/{name}.git"

    def recipe_link(self, source: str, recipe: str) -> str:
        """Return the link to the installed version of a recipe."""
        return f"{self.recipes}/{source}/{recipe}"

    def installed(self, origin: str, digest: str) -> str:
        """Return the directory of an installed recipe at one version; `origin` is its source and name."""
        return f"{self.recipes}/{origin}@{digest[:16]}"

    def instance(self, name: str) -> str:
        """Return the directory of an instance's data."""
        return f"{self.root}/instances/{name}"

    def record(self, name: str) -> str:
        """Return the record of an instance's block."""
        return f"{self.instance(name)}/record.json"

    def volume(self, name: str, volume: str, public: bool) -> str:
        """Return the directory of one volume."""
        return f"{self.public}/{name}/{volume}" if public else f"{self.instance(name)}/volumes/{volume}"

    def secret(self, name: str, key: str) -> str:
        """Return the file of one secret."""
        return f"{self.instance(name)}/secrets/{key}"

    @property
    def site_secrets(self) -> str:
        """The secrets that the site's settings name, one file for each."""
        return f"{self.root}/secrets"

    def site_secret(self, key: str) -> str:
        """Return the file of a secret that the site's settings name."""
        return f"{self.site_secrets}/{key}"

    def socket(self, name: str) -> str:
        """Return the socket through which the front reaches an instance."""
        return f"{self.sockets}/{name}.sock"

    @property
    def login_socket(self) -> str:
        """The socket through which the front reaches the login service; no instance has a name with a dot."""
        return f"{self.sockets}/.logins.sock"

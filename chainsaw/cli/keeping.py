"""The verbs with which an admin makes backups, and brings instances back from them."""

from __future__ import annotations

from chainsaw.cli.verb import Verb, group

BACKUP = (
    group("backup", "Make, verify and rehearse backups.").holding(
        Verb(
            "make",
            "backup:make",
            "Back up instances, with all it takes to bring them back.",
            changes=True,
        ).standing_for(
            "mkdir -m 700 COPY; cp {CONFIG}/instances/NAME.yaml COPY/",
            "podman exec NAME.db mariadb-dump --single-transaction app > COPY/app.sql   # where there is a database",
            "chainsaw stop NAME   # unless its files are only added",
            "podman unshare tar -c --numeric-owner -f COPY/data.tar -C {DATA} instances/NAME public/NAME"
            "   # without public/ where there is none",
            "chainsaw start NAME",
        ),
        Verb(
            "verify", "backup:verify", "Read a backup as a whole, and compare it with what it lists.", changes=True
        ).standing_for(
            "age --decrypt --identity KEY FILE | zstd --decompress | tar -t > /dev/null",
        ),
        Verb(
            "drill",
            "backup:drill",
            "Rehearse a restore, in an instance that is thrown away.",
            changes=True,
        ).standing_for(
            "chainsaw restore NAME --as drill-NAME   # without timers, mail and network, for this host alone",
            "curl -sSf https://drill-NAME.localhost/",
            "chainsaw remove drill-NAME --purge --no-backup",
        ),
        Verb("key", "backup:key", "Make a key for encrypted backups, and print it once.", changes=True).standing_for(
            "age-keygen",
            "editor {CONFIG}/site.yaml   # backup: recipients: the public key",
        ),
        default="make",
    ),
    Verb("backups", "backup:backups", "List the backups of an instance, or all.").standing_for(
        "ls -l {DATA}/backups/{name}",
    ),
)
RESTORE = (
    Verb("restore", "restore:restore", "Bring an instance back from a backup.", changes=True).standing_for(
        "chainsaw stop NAME   # if it is there",
        "podman unshare rm -rf {DATA}/instances/NAME {DATA}/public/NAME",
        "zstd --decompress < FILE | podman unshare tar -x --numeric-owner -C {DATA}   # ids as in the backup",
        "cp COPY/NAME.yaml {CONFIG}/instances/",
        "chainsaw apply NAME",
    ),
    Verb("show", "restore:show_command", "Show what is in a backup, without unpacking it.").standing_for(
        "zstd --decompress < FILE | tar -t",
    ),
)

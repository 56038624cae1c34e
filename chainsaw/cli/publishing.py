"""The verbs with which an admin publishes instances, and looks after their certificates."""

from __future__ import annotations

from chainsaw.cli.verb import Verb, group

PUBLISH = (
    Verb("start", "service:start", "Start an instance, now and after each reboot.", changes=True).standing_for(
        "editor {CONFIG}/instances/{name}.yaml   # without serving:",
        "chainsaw apply {name}",
    ),
    Verb("stop", "service:stop", "Stop an instance, until you start it again.", changes=True).standing_for(
        "editor {CONFIG}/instances/{name}.yaml   # serving: stopped",
        "systemctl --user stop app@{name}.socket app@{name}",
        "systemctl --user reload chainsaw-front",
    ),
    Verb("restart", "service:restart", "Restart the processes of an instance.", changes=True).standing_for(
        "systemctl --user restart app@{name}",
    ),
    Verb(
        "maintenance", "service:maintenance", "Turn the maintenance page of an instance on or off.", changes=True
    ).standing_for(
        "editor {CONFIG}/instances/{name}.yaml   # serving: maintenance",
        "editor {STATE}/generations/current/nginx/locations/{name}.conf   # return 503;",
        "systemctl --user reload chainsaw-front",
    ),
    Verb("routes", "publish:routes", "List what is published where, and with which certificate.").standing_for(
        "grep -r '^route' {CONFIG}/instances",
        "grep -r server_name {STATE}/generations/current/nginx/hosts",
    ),
    group("cert", "List, show, renew, import and export certificates.").holding(
        Verb("list", "certificates:list_command", "List all certificates.").standing_for(
            "openssl x509 -noout -issuer -dates -in {DATA}/front/certificates/HOST/certificate.pem",
        ),
        Verb("show", "certificates:show_command", "Show one certificate.").standing_for(
            "openssl x509 -noout -text -in {DATA}/front/certificates/{host}/certificate.pem",
            "openssl s_client -connect localhost:443 -servername {host}",
        ),
        Verb(
            "renew",
            "certificates:renew_command",
            "Renew the certificates that are due.",
            changes=True,
            tells_with="changes",
        ).standing_for("systemctl --user start chainsaw-certificates.service"),
        Verb(
            "import", "certificates:import_command", "Take a certificate and key of your own.", changes=True
        ).standing_for(
            "openssl verify -untrusted {chain} {chain}",
            "cat {key} {chain} | podman unshare sh -c 'cat > {DATA}/front/certificates/{host}/pair.pem'",
            "systemctl --user reload chainsaw-front",
        ),
        Verb("export", "certificates:export_command", "Write a certificate and its key to files.").standing_for(
            "podman unshare cat {DATA}/front/certificates/{host}/pair.pem",
        ),
    ),
    group("user", "Add, list and remove the users who log in at the front.").holding(
        Verb("add", "users:add_command", "Add a user.", changes=True, confidential=True).standing_for(
            "editor {DATA}/logins/users.json   # with a hash of login-hash",
            "podman unshare sh -c 'cp {DATA}/logins/users.json {DATA}/logins/users/'   # then chown to its block",
        ),
        Verb("list", "users:list_command", "List the users, and where each may log in.").standing_for(
            "less {DATA}/logins/users.json",
        ),
        Verb(
            "passwd", "users:passwd_command", "Change the password of a user.", changes=True, confidential=True
        ).standing_for("editor {DATA}/logins/users.json   # with a hash of login-hash"),
        Verb("groups", "users:groups_command", "Set the groups of a user.", changes=True).standing_for(
            "editor {DATA}/logins/users.json",
        ),
        Verb("remove", "users:remove_command", "Remove a user.", changes=True).standing_for(
            "editor {DATA}/logins/users.json",
        ),
    ),
    Verb("ca", "publish:authority", "Print the certificate of this host's own authority.").standing_for(
        "cat {DATA}/front/authority/ca.pem",
    ),
)
"""In the order in which an admin needs them."""

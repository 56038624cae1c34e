"""What holds for every site that is compiled, seen in all golden cases."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest
from systemd_syntax import argument, arguments, read, setting

from chainsaw.compile.header import is_intact, marked

ROOT = Path(__file__).resolve().parent.parent.parent
CONTAINERS = re.compile(r"quadlets/.*\.container")
UNITS = re.compile(r"(quadlets|units)/.*")
NGINX = re.compile(r"nginx/.*\.(conf|params)")


@pytest.fixture(scope="module")
def files(goldens):
    """Return what yields (case, path, text) of every generated file whose path matches a pattern."""

    def matching(pattern):
        return [
            (f"{case}/{path}", artifact.content.decode())
            for case, site in goldens.items()
            for path, artifact in site.tree.items()
            if pattern.fullmatch(path) and not artifact.link
        ]

    return matching


def values(text, key):
    return [argument(value) for _, name, value in read(text) if name == key]


@pytest.mark.parametrize("pattern", [UNITS, NGINX], ids=["units", "nginx"])
def test_a_generated_file_has_a_header_that_shows_edits(files, pattern):
    assert files(pattern)
    for path, text in files(pattern):
        assert text.startswith("# Made by chainsaw from "), path
        assert is_intact(text), path
        assert not is_intact(text + "#\n"), path


def test_the_header_is_invalid_after_one_changed_byte():
    text = marked("instances/blog.yaml", "[Unit]\nDescription=a\n")
    assert is_intact(text)
    assert not is_intact(text.replace("=a", "=b"))
    assert not is_intact("[Unit]\nDescription=a\n")


def test_a_container_runs_in_its_own_block_with_minimal_privileges(files):
    for path, text in files(CONTAINERS):
        assert values(text, "DropCapability") == ["all"], path
        assert values(text, "NoNewPrivileges") == values(text, "ReadOnly") == ["true"], path
        assert values(text, "Pull") == ["never"], path
        assert values(text, "DefaultDependencies") == ["false"], path
        assert values(text, "UIDMap") == values(text, "GIDMap"), path
        shares = values(text, "UserNS")
        (space,) = shares or values(text, "UIDMap")
        assert re.fullmatch(r"0:@[0-9]+:65536" if not shares else r"container:[a-z0-9-]+\.app", space), path
        assert not (shares and values(text, "UIDMap")), path
        assert values(text, "MemoryMax"), path
        assert values(text, "TasksMax"), path
        assert values(text, "ContainerName"), path


def test_no_two_instances_share_a_block(goldens):
    for site in goldens.values():
        blocks = [item.block for item in site.manifest.instances.values() if item.block is not None]
        blocks.append(site.manifest.front.block)
        assert len(set(blocks)) == len(blocks)


def test_a_capability_is_added_only_where_a_recipe_gives_a_reason(files):
    waived = {
        "chainsaw-front.container": ["CHOWN", "SETUID", "SETGID"],
        "app@album.worker.container": ["DAC_OVERRIDE"],
    }
    for path, text in files(CONTAINERS):
        assert values(text, "AddCapability") == waived.get(path.rsplit("/", 1)[-1], []), path


def test_nothing_publishes_a_port(files):
    for path, text in files(UNITS):
        assert not values(text, "PublishPort"), path
        listening = values(text, "ListenStream")
        if not path.endswith("/chainsaw-front.socket"):
            assert all(PurePosixPath(address).is_absolute() for address in listening), path


NETWORKS = {
    "egress/quadlets/app@blog.container": "chainsaw-blog.network",
    "logins/quadlets/app@feeds.container": "chainsaw-feeds.network",
    "own-recipes/quadlets/app@album.worker.container": "chainsaw-album.network",
    "other-ports/quadlets/app@feeds.container": "chainsaw-feeds.network",
    "other-ports/quadlets/app@news.container": "chainsaw-news.network",
}


def test_a_component_has_a_network_only_where_it_was_allowed(files):
    for path, text in files(CONTAINERS):
        if not values(text, "UserNS"):
            assert values(text, "Network") == [NETWORKS.get(path, "none")], path


def test_a_network_is_isolated_from_all_others(files):
    networks = files(re.compile(r"quadlets/.*\.network"))
    assert sorted(path.rsplit("/", 1)[-1] for path, _ in networks) == sorted(NETWORKS.values())
    for _, text in networks:
        assert values(text, "Options") == ["isolate=strict"]


def test_a_container_mounts_only_files_of_its_instance(goldens, files):
    for path, text in files(CONTAINERS):
        name = path.rsplit("/", 1)[-1].removesuffix(".container").removeprefix("app@").split(".")[0]
        data, state = "/home/admin/.local/share/chainsaw", "/home/admin/.local/state/chainsaw/generations"
        own = (f"{data}/instances/{name}/", f"{data}/public/{name}/", f"{state}/current/config/{name}/")
        shared = (state, *(f"{data}/{place}" for place in ("front/certificates", "sockets", "static", "public")))
        buffers = f"{data}/front/buffers"
        for mount in values(text, "Volume"):
            source, _, options = mount.split(":")[0], mount.split(":")[1], mount.split(":")[2:]
            if name == "chainsaw-logins":
                assert source.startswith(f"{data}/logins/"), path
                assert options == ["noexec,nosuid,nodev" if source.endswith("/sessions") else "ro"], path
            elif name == "chainsaw-front":
                assert source in shared or source == buffers, path
                assert options == ["noexec" if source == buffers else "ro"], path
            else:
                assert source.startswith(own), (path, mount)
                assert options == ["ro"] or options[0].endswith("nosuid,nodev"), (path, mount)
                assert options == ["ro"] or not source.startswith(own[2]), path


def test_a_secret_is_a_file_and_never_a_value(goldens):
    for case, site in goldens.items():
        for deployment in site.manifest.instances.values():
            for secret in deployment.secrets:
                assert secret.path.startswith(f"{site.paths.instance(deployment.name)}/secrets/"), case
                assert set(type(secret).model_fields) == {"path", "key", "length", "ids", "source"}


def test_a_database_listens_on_no_network(files):
    configs = files(re.compile(r"config/.*/my\.cnf"))
    assert configs
    for path, text in configs:
        assert "skip-networking" in text or "skip_networking" in text, path


def test_everything_that_runs_is_wanted_by_the_target(goldens):
    for case, site in goldens.items():
        wanted = {setting(value) for _, key, value in read(site.text("units/chainsaw.target")) if key == "Wants"}
        open_ones = [one for one in site.manifest.instances.values() if one.serving != "stopped"]
        deployments = [*site.manifest.own, *open_ones]
        units = {item.unit for one in deployments for item in (one.socket, one.relay, *one.timers) if item}
        awake = [one for one in deployments if one.sleep is None]
        units |= {item.unit for one in site.manifest.instances.values() for item in one.scheduled.timers}
        assert wanted == units | {item.unit for one in awake for item in (*one.services, one.gate) if item}, case


def test_every_unit_that_is_named_exists_or_is_generated_by_podman(goldens):
    for case, site in goldens.items():
        names = {path.rsplit("/", 1)[-1] for path in site.tree if path.startswith(("units/", "quadlets/"))}
        made = {name.replace(".container", ".service").replace(".network", "-network.service") for name in names}
        for path, artifact in site.tree.items():
            if UNITS.fullmatch(path):
                for _, key, value in read(artifact.content.decode()):
                    if key in ("Requires", "After", "Wants", "PartOf", "BindsTo", "Requisite", "Service", "Unit"):
                        assert setting(value) in names | made, (case, path, key)


def test_a_command_starts_with_an_absolute_path(files):
    for path, text in files(UNITS):
        for _, key, value in read(text):
            # An empty value forgets the commands that stand before it.
            if key.startswith("Exec") and key != "Exec" and value:
                assert arguments(value.removeprefix("-").partition(" ")[0])[0].startswith("/"), path


def test_the_front_listens_on_every_socket_passed_to_it(goldens):
    for case, site in goldens.items():
        addresses = values(site.text("units/chainsaw-front.socket"), "ListenStream")
        environment = [
            arguments(value)[0]
            for _, key, value in read(site.text("quadlets/chainsaw-front.container"))
            if key == "Environment"
        ]
        descriptors = ":".join(str(number + 3) for number in range(len(addresses)))
        assert [word for word in environment if word.startswith("NGINX")] == [f"NGINX={descriptors};"], case
        listening = re.findall(r"listen (\S+?)(?: ssl)? default_server;", site.text("nginx/nginx.conf"))
        assert listening == addresses, case


def test_nginx_files_have_no_value_that_could_be_misread(files):
    for path, text in files(NGINX):
        directives = {line.split()[0].rstrip(";") for line in text.splitlines() if line.strip()}
        assert not directives & {"rewrite", "alias", "auth_basic"}, path
        # Only a return is safe in an if of a location.
        asked = (
            r"\$\w+(?: !?= \"\")?|\$ssl_server_name !~\* \"[^\"]+\"|!-f (?:/srv/sockets/[\w-]+\.up|\$request_filename)"
        )
        done = r"return \d+|return 302 (?:/\.chainsaw/login\?to=\$request_uri|\$leads_\w+)"
        safe = re.findall(rf"^ +if \((?:{asked})\) \{{\n +(?:{done});\n +\}}$", text, re.MULTILINE)
        assert text.count("if (") == len(safe), path
        # What a visitor wrote would be decoded, but in a variable; the question who somebody is has nothing of it.
        assert not re.search(r"proxy_pass http://unix:[^;]*\.sock:(?!\$plain_uri;)", text) or path.endswith(
            ".access"
        ), path
        assert "$1" not in text, path


ZONES = {
    "requests_from": "$binary_remote_addr",
    "requests_of": "$from",
    "requests": "$server_name",
    "uploads_from": "$large_from",
    "uploads_to": "$large_to",
    "uploads": "$large",
    "login_forms": "$binary_remote_addr",
    "forms_of_login": "$from",
    "asked": "$asks_from",
    "checked": "$asks_from",
}
"""The key of each zone that there is or was: nginx refuses a reload that gives a zone another."""


def test_a_zone_keeps_its_key_for_ever(files):
    for path, text in files(NGINX):
        for key, zone in re.findall(r"limit_(?:conn|req)_zone (\S+) zone=(\w+):", text):
            assert ZONES[zone] == key, path


def test_port_80_only_redirects_to_the_literal_name(files):
    for path, text in files(re.compile(r"nginx/hosts/.*\.conf")):
        plain, host = text.split("server {")[1], PurePosixPath(path).stem
        challenges, rest = plain.split("location / {")
        assert re.search(rf"return 301 https://{re.escape(host)}(:8443)?\$request_uri;", rest), path
        assert challenges.count("location") == 1, path
        assert "location ^~ /.well-known/acme-challenge/ {\n        root /srv/public/.challenges;" in challenges, path
        assert "location" not in rest, path
        assert not re.search(r"ssl|proxy_|fastcgi_|auth_|cookie", plain), path


def test_an_unknown_host_name_gets_no_answer(goldens):
    for site in goldens.values():
        text = site.text("nginx/nginx.conf")
        assert "return 444;" in text
        assert "ssl_reject_handshake on;" in text


def test_headers_about_the_client_are_never_passed_on_from_the_client(files):
    dropped = files(re.compile(r"nginx/dropped-headers\.conf"))
    assert dropped
    for path, text in dropped:
        for name in ("Proxy", "X-Forwarded-*", "X-Real-IP", "X-Remote-*", "Remote-*", "Forwarded", "CF-Connecting-*"):
            assert f'"{name}"' in text, path
    # A list of a location's own would replace that of all: nothing clears headers without both.
    for path, text in files(NGINX):
        if "more_clear_input_headers" in text and not path.endswith("dropped-headers.conf"):
            assert "include dropped-headers.conf;\nmore_clear_input_headers" in text, path
    for path, text in files(re.compile(r"nginx/locations/.*\.params")):
        assert re.search(r"(fastcgi_param HTTP_HOST|proxy_set_header Host) [a-z0-9.-]+(:8443)?;", text), path


def test_a_document_root_is_a_link_below_roots_to_a_mount_of_the_front(goldens):
    for case, site in goldens.items():
        links = {path: artifact.content.decode() for path, artifact in site.tree.items() if artifact.link}
        for path, target in links.items():
            assert path.startswith("nginx/roots/"), case
            assert target.startswith(("/srv/static/", "/srv/public/")), case
        for path, artifact in site.tree.items():
            if NGINX.fullmatch(path):
                for root in re.findall(r"root (roots/[^;]+);", artifact.content.decode()):
                    assert any(f"{link}/".startswith(f"nginx/{root}/") for link in links), (case, path, root)


def test_an_address_that_an_application_makes_has_the_port_of_the_front(goldens):
    """Every recipe that is told its address is among the instances of this case."""
    site = goldens["other-ports"]
    hosts = {item.route.host for item in site.manifest.instances.values()}
    made = 0
    for path, artifact in site.tree.items():
        if path.startswith(("config/", "quadlets/", "units/")) and not artifact.link:
            for host, port in re.findall(r"https?:\\?/\\?/([a-z]+\.example\.org)(:[0-9]+)?", artifact.content.decode()):
                assert (host in hosts, port) == (True, ":8443"), path
                made += 1
    assert made >= len(hosts)
    used = {item.recipe for item in site.manifest.instances.values()}
    for recipe in (ROOT / "recipes").iterdir():
        texts = [path.read_text() for path in recipe.glob("*") if path.suffix in (".j2", ".yaml")]
        assert recipe.name in used or not any(re.search(r"route\.(url|origin)", text) for text in texts), recipe


def test_what_is_kept_in_another_place_has_another_name(files):
    """Nginx refuses a reload in which a zone has another directory than before."""
    found = 0
    for path, text in files(re.compile(r"nginx/caches/.*\.conf")):
        for directory, zone in re.findall(r"_cache_path (\S+) keys_zone=([^:]+):", text):
            assert zone == PurePosixPath(directory).name, path
            found += 1
    assert found

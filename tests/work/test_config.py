"""config: effective values and their origin, and changing the admin's files key by key."""

from __future__ import annotations

import json

import pytest
from acting import acting

from chainsaw.errors import ChainsawError, Exit
from chainsaw.work.config import edit as editing
from chainsaw.work.config import effective
from chainsaw.work.result import Quiet

target_of = acting(editing.target_of)


def told_of(verb):
    """Return a function that also passes a reporter."""
    return lambda *arguments: acting(verb)(*arguments, Quiet())


edit, set_key, unset_key = told_of(editing.edit), told_of(editing.set_key), told_of(editing.unset_key)
explain, show = acting(effective.explain), acting(effective.show)

BLOG = """\
# Ours since 2019.
recipe: wordpress   # the blog
route: https://blog.example.org/
settings:
  # What stands above.
  title: "Walks by the sea"  # since the summer
memory:
  db: 256M
"""
SITE = """\
# Shared by all.
admin: {email: kim@example.org}
timezone: Europe/Vienna   # where we are
sleep: 15m
ports:
  https: 8443
"""


@pytest.fixture
def blog(admin):
    """An admin with a blog and settings for the site."""
    admin.write("site.yaml", SITE)
    admin.write("instances/blog.yaml", BLOG)
    return admin


def held(name, key):
    (one,) = show(name, key).data["keys"]
    return one["value"], one["origin"]


def refused(function, *arguments):
    """Return the problems with which something is refused, and the exit code."""
    with pytest.raises(ChainsawError) as caught:
        function(*arguments)
    return caught.value.diagnostics, caught.value.exit


def test_a_list_is_shown_as_one_writes_it(blog):
    blog.write("instances/blog.yaml", f"{BLOG}egress: internet\nhost_ports: [993, 25]\n")
    rows = {key: value for key, value, _ in show("blog", None).table.rows}
    assert rows["host_ports"] == "[993, 25]"


def test_every_key_has_its_value_and_where_it_comes_from(blog):
    shown = show("blog", None)
    rows = {key: (value, origin) for key, value, origin in shown.table.rows}
    assert shown.table.heading == ("key", "value", "from")
    assert rows == {
        "recipe": ("wordpress", "instances/blog.yaml:2"),
        "route": ("https://blog.example.org/", "instances/blog.yaml:3"),
        "admin": ("email: kim@example.org", "site.yaml"),
        "timezone": ("Europe/Vienna", "site.yaml"),
        "language": ("en", "default"),
        "upload_limit": ("64M", "default"),
        "mail": ("", "default"),
        "sleep": ("15m", "site.yaml"),
        "memory": ("db: 256M", "instances/blog.yaml:7"),
        "disk": ("2G", "recipe default"),
        "backup": ("", "default"),
        "serving": ("normal", "default"),
        "auth": ("", "default"),
        "cache": ("", "default"),
        "egress": ("", "default"),
        "host_ports": ("", "default"),
        "settings.title": ("Walks by the sea", "instances/blog.yaml:6"),
        "settings.tagline": ("", "recipe default"),
        "settings.debug": ("false", "recipe default"),
    }
    keys = {item["key"]: item for item in json.loads(json.dumps(shown.data))["keys"]}
    assert list(keys) == list(rows)
    assert keys["recipe"] == {
        "key": "recipe",
        "value": "wordpress",
        "origin": "instances/blog.yaml:2",
        "help": "The recipe's name, with its source if two have it: club/wiki; wiki@VERSION stays at one version.",
        "kind": "",
        "documentation": "",
    }


def test_the_disk_that_is_expected_is_the_instances_the_sites_or_the_recipes(blog):
    assert held("blog", "disk") == ("2G", "recipe default")
    site = blog.read("site.yaml")
    blog.write("site.yaml", f"{site}disk: 5G\n")
    assert held("blog", "disk") == ("5G", "site.yaml")
    blog.write("instances/blog.yaml", f"{BLOG}disk: 200G\n")
    assert held("blog", "disk")[0] == "200G"


def test_a_directive_that_the_recipe_does_not_honour_is_not_shown(blog):
    blog.write("instances/www.yaml", "recipe: static\nroute: https://www.example.org/\n")
    keys = [item["key"] for item in show("www", None).data["keys"]]
    assert "timezone" not in keys
    assert held("www", "timezone") == (None, "not set")


@pytest.mark.parametrize(
    ("key", "value", "origin"),
    [
        ("title", "Walks by the sea", "instances/blog.yaml:6"),
        ("settings.title", "Walks by the sea", "instances/blog.yaml:6"),
        ("debug", False, "recipe default"),
        ("timezone", "Europe/Vienna", "site.yaml"),
        ("admin.email", "kim@example.org", "site.yaml"),
        ("memory.db", "256M", "instances/blog.yaml:8"),
        ("memory.app", None, "not set"),
        ("memory", {"db": "256M"}, "instances/blog.yaml:7"),
        ("language", "en", "default"),
    ],
)
def test_one_key_is_shown_alone(blog, key, value, origin):
    assert held("blog", key) == (value, origin)
    assert len(show("blog", key).lines) == 1


def test_the_settings_of_the_site_are_shown_likewise(blog):
    assert held(None, "timezone") == ("Europe/Vienna", "site.yaml:3")
    assert held(None, "ports.https") == (8443, "site.yaml:6")
    assert held(None, "ports.http") == (80, "default")
    assert held(None, "ports") == ({"http": 80, "https": 8443}, "site.yaml:5")
    tls, origin = held(None, "tls")
    assert (tls["issuer"], tls["hosts"], origin) == ("local", {}, "default")
    assert show(None, None).data["instance"] is None
    assert show(None, "timezone").lines == ("Europe/Vienna",)


def test_a_site_without_a_file_has_defaults(admin):
    assert held(None, "ports") == ({"http": 80, "https": 443}, "default")
    assert {origin for _, _, origin in show(None, None).table.rows} == {"default"}


def test_a_key_is_explained(blog):
    assert explain("blog", "title").lines == (
        "settings.title: The name of the site. What is edited in WordPress stays until this value changes.",
        "  value          Walks by the sea",
        "  from           instances/blog.yaml:6",
        "  kind           string, default 'A new site'",
        "  documentation  https://wordpress.org/documentation/article/settings-general-screen/",
    )
    first = explain("blog", "upload_limit").lines[0]
    assert first == "upload_limit: upload_max_filesize and post_max_size of PHP."


def test_a_key_that_there_is_not_is_refused_with_a_suggestion(blog):
    for function in (show, explain, unset_key, lambda name, key: set_key(name, key, "x")):
        for key, suggestion in (
            ("titel", "; did you mean title?"),
            ("settings.titel", "; did you mean title?"),
            ("admin.emial", "; did you mean admin.email?"),
            ("settings", ""),
            ("tls.issuer", ""),
        ):
            (problem,), code = refused(function, "blog", key)
            assert (problem.code, code) == ("no-key", Exit.MISSING)
            assert problem.message.startswith(f"no key {key!r}{suggestion}")
            assert "admin" in problem.hint
        assert refused(function, None, "title")[0][0].code == "no-key", "the site has no settings of recipes"
    assert blog.read("instances/blog.yaml") == BLOG


@pytest.mark.parametrize("name", ["blgo", "../site", "blog/../blog", ""])
def test_a_name_of_no_instance_is_refused(blog, name):
    for function in (show, lambda name, key: set_key(name, key, "x"), unset_key):
        (problem,), code = refused(function, name, "serving")
        assert (problem.code, code) == ("no-instance", Exit.MISSING)
    assert blog.read("site.yaml") == SITE


def changed_line(before, after):
    """Return the lines that differ between two texts."""
    kept = set(before.splitlines()) & set(after.splitlines())
    return [[line for line in text.splitlines() if line not in kept] for text in (before, after)]


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("title", "Walks by the lake", "  title: Walks by the lake  # since the summer"),
        ("settings.title", "12", '  title: "12"  # since the summer'),
        ("title", "true", '  title: "true"  # since the summer'),
        ("title", "²", '  title: "²"  # since the summer'),
        ("debug", "true", "  debug: true"),
        ("language", "de", "language: de"),
        ("memory.db", "512M", '  db: "512M"'),
        ("memory.app", "64M", '  app: "64M"'),
        ("sleep", "never", "sleep: never"),
        ("serving", "maintenance", "serving: maintenance"),
        ("route", "https://www.example.org/", "route: https://www.example.org/"),
    ],
)
def test_a_key_gets_its_value_and_nothing_else_is_touched(blog, key, value, line):
    done = set_key("blog", key, value)
    text = blog.read("instances/blog.yaml")
    assert changed_line(BLOG, text)[1] == [line]
    assert "# Ours since 2019." in text
    assert "# What stands above." in text
    assert done.lines[1] == "next: chainsaw apply blog"
    assert done.data == {"instance": "blog", "path": str(blog.own / "instances/blog.yaml"), "changed": True}
    assert held("blog", key)[0] in (value, value == "true")
    assert oct((blog.own / "instances/blog.yaml").stat().st_mode)[-3:] == "600"


def test_the_site_is_changed_likewise(blog):
    assert set_key(None, "ports.https", "443").lines == ("ports.https is 443", "next: chainsaw apply")
    set_key(None, "admin.email", "lee@example.org")
    set_key(None, "language", "de")
    assert blog.read("site.yaml") == (
        "# Shared by all.\n"
        "admin: {email: lee@example.org}\n"
        "timezone: Europe/Vienna   # where we are\n"
        "sleep: 15m\n"
        "ports:\n"
        "  https: 443\n"
        "language: de\n"
    )


def test_a_site_without_a_file_gets_one(admin):
    set_key(None, "admin.email", "kim@example.org")
    assert admin.read("site.yaml") == "admin:\n  email: kim@example.org\n"


@pytest.mark.parametrize(
    ("name", "key", "value", "code", "words"),
    [
        ("blog", "debug", "maybe", "setting-value", "should be true or false"),
        ("blog", "sleep", "15", "value-error", "a time span is"),
        ("blog", "upload_limit", "64X", "value-error", "a size is a whole number with K, M or G"),
        ("blog", "serving", "stoped", "literal-error", "'normal', 'maintenance' or 'stopped'"),
        ("blog", "route", "http://blog.example.org/", "value-error", "a route starts with https://"),
        ("blog", "recipe", "wordpess", "no-recipe", "did you mean wordpress?"),
        ("blog", "memory.dbb", "64M", "unknown-component", "did you mean db?"),
        ("blog", "title", "two\nlines", "setting-value", "one line"),
        ("blog", "admin", "kim@example.org", "model-type", "should be a mapping"),
        ("blog", "route.hsts", "1d", "no-key", "not a mapping"),
        (None, "ports.http", "99999", "less-than-equal", "less than or equal to 65535"),
        (None, "ports.http", "http", "int-type", "should be a whole number"),
        (None, "timezone", "Vienna", "value-error", "a time zone is written"),
    ],
)
def test_a_value_that_apply_would_refuse_is_refused_and_nothing_is_changed(blog, name, key, value, code, words):
    problems, exit_code = refused(set_key, name, key, value)
    assert exit_code is Exit.INVALID
    assert [problem.code for problem in problems] == [code]
    assert words in problems[0].message
    assert problems[0].file == ("instances/blog.yaml" if name else "site.yaml")
    assert blog.read("instances/blog.yaml") == BLOG
    assert blog.read("site.yaml") == SITE


def test_a_route_that_another_instance_has_is_refused(blog):
    blog.declare("club")
    blog.write("instances/half.yaml", "recipe: [")
    (problem,), code = refused(set_key, "club", "route", "https://blog.example.org/")
    assert (problem.code, code) == ("route-taken", Exit.INVALID)
    assert refused(set_key, "blog", "route", "https://club.example.org/")[0][0].code == "route-taken"
    assert blog.read("instances/blog.yaml") == BLOG
    set_key("blog", "title", "What others have wrong is no reason")


def test_all_errors_are_reported_at_once(blog):
    blog.write("instances/blog.yaml", f"{BLOG}timezone: Vienna\n")
    problems, _ = refused(set_key, "blog", "sleep", "15")
    assert [(problem.line, problem.key) for problem in problems] == [(9, "timezone"), (10, "sleep")]


def test_a_faulty_file_can_be_fixed_with_config_set(blog):
    blog.write("instances/blog.yaml", "recipe: wordpress\n")
    set_key("blog", "route", "https://blog.example.org/")
    blog.write("instances/blog.yaml", "recipe: wordpess\nroute: https://blog.example.org/\n")
    set_key("blog", "recipe", "wordpress")
    assert blog.read("instances/blog.yaml") == "recipe: wordpress\nroute: https://blog.example.org/\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("# nothing yet\nroute: https://blog.example.org/\n", "missing"),
        ("- a\n", "type"),
        ("recipe: wordpress\n", "missing"),
        ("recipe: wordpress\nroute: https://blog.example.org/\nsettings: text\n", "dict-type"),
        ("recipe: wordpess\nroute: https://blog.example.org/\n", "no-recipe"),
        ("recipe: [\n", "yaml-syntax"),
    ],
)
def test_a_faulty_file_shows_its_problems_and_no_values(blog, text, code):
    blog.write("instances/blog.yaml", text)
    assert [problem.code for problem in refused(show, "blog", None)[0]] == [code]
    assert [problem.code for problem in refused(explain, "blog", "route")[0]] == [code]


def test_a_file_that_is_no_yaml_is_named(blog):
    blog.write("instances/blog.yaml", "recipe: [\n")
    for function in (lambda: set_key("blog", "title", "x"), lambda: unset_key("blog", "title")):
        assert refused(function)[0][0].file == "instances/blog.yaml"
    blog.write("instances/blog.yaml", BLOG)
    blog.write("site.yaml", "timezone: Vienna\n")
    assert refused(show, "blog", None)[0][0].file == "site.yaml"


def test_a_key_that_is_unset_is_inherited_again(blog):
    blog.write("instances/blog.yaml", f"{BLOG}timezone: Europe/Oslo\n")
    assert unset_key("blog", "timezone").lines == ("timezone is no longer set here", "next: chainsaw apply blog")
    assert blog.read("instances/blog.yaml") == BLOG
    assert held("blog", "timezone") == ("Europe/Vienna", "site.yaml")
    unset_key("blog", "memory.db")
    unset_key("blog", "title")
    commented = BLOG.partition("memory:")[0].replace("settings:", "# settings:").replace("  title", "  # title")
    assert blog.read("instances/blog.yaml") == commented


def test_what_is_not_set_cannot_be_unset(blog):
    done = unset_key("blog", "language")
    assert (done.lines, done.data["changed"]) == (("language is not set here",), False)


def test_what_must_be_there_is_not_unset(blog):
    (problem,), code = refused(unset_key, "blog", "route")
    assert (problem.code, code) == ("missing", Exit.INVALID)
    assert blog.read("instances/blog.yaml") == BLOG


def answers(*texts):
    """Return an editor that writes one text after the other, and a list of what it is shown each time."""
    rounds = iter(texts)
    shown = []

    def change(text, problems):
        shown.append((text, problems))
        return next(rounds)

    return change, shown


def test_a_whole_file_is_edited(blog):
    change, shown = answers(BLOG.replace("sea", "lake"))
    assert edit("blog", change).lines == ("instances/blog.yaml is changed", "next: chainsaw apply blog")
    assert shown == [(BLOG, [])]
    assert "lake" in blog.read("instances/blog.yaml")


def test_a_faulty_edit_comes_back_with_all_that_is_wrong_and_with_what_was_written(blog):
    faulty = BLOG.replace("title", "tilte") + "sleep: 15\n"
    change, shown = answers(faulty, BLOG.replace("sea", "lake"))
    edit("blog", change)
    assert shown[1][0] == faulty
    assert [problem.splitlines()[0] for problem in shown[1][1]] == [
        "instances/blog.yaml:6:3: settings.tilte: unknown setting; did you mean title?",
        "instances/blog.yaml:9:8: sleep: a time span is a whole number with s, m, h or d: 15m, or never",
    ]
    assert "lake" in blog.read("instances/blog.yaml")


def test_what_another_command_changed_during_an_edit_is_not_overwritten_unseen(blog):
    mine, other = BLOG.replace("sea", "lake"), BLOG.replace("sea", "river")
    rounds, shown = iter((mine, None)), []

    def change(text, problems):
        shown.append((text, problems))
        if not problems:
            blog.write("instances/blog.yaml", other)
        return next(rounds)

    assert edit("blog", change).lines == ("nothing was changed",)
    text, (problem,) = shown[1]
    assert text == mine
    assert problem.splitlines()[0] == "instances/blog.yaml: another command has changed the file since you opened it"
    assert blog.read("instances/blog.yaml") == other


@pytest.mark.parametrize("text", [None, BLOG])
def test_an_edit_without_a_change_changes_nothing(blog, text):
    change, _ = answers(text)
    done = edit("blog", change)
    assert (done.lines, done.data["changed"]) == (("nothing was changed",), False)


def test_a_file_that_is_broken_can_be_edited_all_the_more(blog):
    for text in ("recipe: [", "", "recipe: wordpess\n"):
        blog.write("instances/blog.yaml", text)
        change, shown = answers(BLOG)
        edit("blog", change)
        assert shown[0][0] == text
        assert blog.read("instances/blog.yaml") == BLOG


def test_the_site_is_edited_likewise_also_when_it_has_no_file(admin):
    change, shown = answers("timezone: Vienna\n", "timezone: Europe/Vienna\n")
    assert edit(None, change).lines == ("site.yaml is changed", "next: chainsaw apply")
    assert shown[0] == ("", [])
    assert shown[1][1][0].startswith("site.yaml:1:11: timezone: a time zone is written")
    assert admin.read("site.yaml") == "timezone: Europe/Vienna\n"


def test_a_file_may_be_asked_for_whatever_is_in_it(blog):
    blog.write("instances/blog.yaml", "recipe: [")
    assert target_of("blog").recipe is None
    assert target_of("blog").shown == "instances/blog.yaml"
    assert target_of(None).shown == "site.yaml"

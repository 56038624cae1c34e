"""`chainsaw new` writes a readable file that apply accepts."""

from __future__ import annotations

import pytest

from chainsaw.errors import Exit

FILE = """\
# yaml-language-server: $schema=../schema/instance.json
# Static site 1: Plain files, as they are or built by Hugo. Documentation: https://nginx.org/en/docs/
recipe: static
route: "https://www.example.org/"
# settings:
#   # What makes the pages: none serves the volume site as it is, hugo builds from the volume source at apply.
#   # one of none, hugo; https://gohugo.io/getting-started/usage/
#   generator: "none"
#   # What answers where there is no file: page is 404.html, or else a page of the front; index is index.html with the \
status 200, for an application that runs in the browser.
#   # one of page, index; https://nginx.org/en/docs/http/ngx_http_core_module.html#try_files
#   not_found: "page"
# Common directives, inherited from site.yaml unless set here:
# language: de                       # The front's own pages, for what is missing and for maintenance.
"""


def test_it_writes_the_file_and_says_what_comes_next(chainsaw, home):
    done = chainsaw("new", "static", "www", "--route", "https://www.example.org/")
    file = home / ".config/chainsaw/instances/www.yaml"
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [f"wrote {file}", "next: chainsaw apply"]
    assert file.read_text() == FILE
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_route_is_a_name_of_this_host_when_none_is_given(chainsaw, home):
    assert chainsaw("new", "wordpress", "blog").code == 0
    assert 'route: "https://blog.localhost/"' in (home / ".config/chainsaw/instances/blog.yaml").read_text()


def test_it_explains_every_setting_and_directive_of_the_recipe(chainsaw, home):
    done = chainsaw("new", "wordpress", "blog")
    assert "the password of admin: chainsaw secret show blog admin_password" in done.out
    text = (home / ".config/chainsaw/instances/blog.yaml").read_text()
    for line in ("#   title: ", "#   debug: false", "# timezone: Europe/Vienna", "# upload_limit: 64M"):
        assert line in text


def test_set_is_typed_by_the_recipe(chainsaw, home):
    done = chainsaw("new", "wordpress", "club", "--set", 'title=Chess "Club": 5 = V', "--set", "debug=true")
    assert done.code == 0
    text = (home / ".config/chainsaw/instances/club.yaml").read_text()
    assert '\n  title: "Chess \\"Club\\": 5 = V"\n' in text
    assert "\n  debug: true\n" in text
    assert '\n  # tagline: ""\n' in text


def test_it_never_overwrites(chainsaw, home):
    chainsaw("new", "static", "www")
    file = home / ".config/chainsaw/instances/www.yaml"
    file.write_text("mine")
    done = chainsaw("new", "static", "www", "--route", "https://other.example.org/")
    assert done.code == Exit.FAILED
    assert "exists already" in done.err
    assert file.read_text() == "mine"
    assert [path.name for path in file.parent.iterdir()] == ["www.yaml"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("wordpess", "blog"), "no recipe 'wordpess'; did you mean wordpress?"),
        (("wordpress", "Blog"), "a name is a lower-case letter"),
        (("wordpress", "front"), "'front' is reserved"),
        (("wordpress", "../blog"), "a name is a lower-case letter"),
        (("wordpress", "blog", "--route", "http://blog.example.org/"), "route: a route starts with https://"),
        (("wordpress", "blog", "--route", "https://example.org/blog/"), "wordpress works only at the root"),
        (("wordpress", "blog", "--set", "titel=Walks"), "--set titel: unknown setting; did you mean title?"),
        (("wordpress", "blog", "--set", "title"), "--set title: should be key=value"),
        (("wordpress", "blog", "--set", "debug=yes"), "settings.debug: should be true or false"),
        (("wordpress", "blog", "--set", "title=two\nlines"), "settings.title: a value is one line"),
        (("static", "www", "--set", "title=Walks"), "settings of static: generator"),
    ],
)
def test_what_apply_would_refuse_is_not_written(chainsaw, home, words, complaint):
    done = chainsaw("new", *words)
    assert done.code == Exit.INVALID
    assert complaint in done.err
    assert done.out == ""
    assert not list(home.rglob("*.yaml"))


def test_a_route_that_is_taken_is_refused(chainsaw, home):
    chainsaw("new", "static", "www", "--route", "https://example.org/")
    done = chainsaw("new", "wordpress", "blog", "--route", "https://example.org/")
    assert done.code == Exit.INVALID
    assert "also used by www, in instances/www.yaml:" in done.err


def test_what_it_writes_is_what_render_takes(chainsaw, home):
    chainsaw("new", "static", "www")
    chainsaw("new", "wordpress", "blog", "--set", "title=100% of $HOME")
    done = chainsaw("render", "--json")
    assert done.code == 0
    assert {"quadlets/app@blog.container", "nginx/locations/www.conf"} <= {
        item["path"] for item in done.json["data"]["files"]
    }


def test_the_schemas_that_its_first_line_names_are_there(chainsaw, home):
    chainsaw("new", "static", "www")
    for kind in ("instance", "site"):
        assert (home / f".config/chainsaw/schema/{kind}.json").read_text() == chainsaw("schema", kind).out


def test_who_shares_an_origin_is_told_so(chainsaw):
    assert chainsaw("new", "dokuwiki", "wiki", "--route", "https://example.org/wiki/").err == ""
    done = chainsaw("new", "static", "www", "--route", "https://example.org/")
    assert done.code == 0
    assert "note: wiki, www share the origin https://example.org" in done.err

"""A crowd: the front keeps pages that are the same for all, and nobody's own; what is known needs no application."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest

from .machine import CONFIG, DATA, STATE, Machine, wait
from .web import Answer
from .wordpress import Visitor

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

PLUGIN = """<?php
add_action('send_headers', function () {
    $works = get_option('blogname') !== 'In vain';
    header('X-Made: ' . uniqid($works ? '' : 'in-vain-'));
    header('X-Body: ' . strlen(file_get_contents('php://input')));
    header('X-Cookies: ' . count($_COOKIE));
    header('X-Asked: ' . $_SERVER['REQUEST_URI'] . ' ' . ($_GET['fbclid'] ?? 'nobody'));
    if (isset($_GET['cookie'])) { setcookie('seen', '1'); }
    if (isset($_GET['says'])) { header('Cache-Control: ' . $_GET['says']); }
    if (isset($_GET['expires'])) { header('Expires: ' . $_GET['expires']); }
    if (isset($_GET['vary'])) { header('Vary: ' . $_GET['vary']); }
    if (isset($_GET['add-to-cart'])) { setcookie('woocommerce_cart_hash', $_GET['add-to-cart']); }
    $works || exit('In vain');
});
add_action('wp_footer', function () { echo 'In the cart: ', $_COOKIE['woocommerce_cart_hash'] ?? 'nothing'; });
add_filter('rest_post_dispatch', function ($answer) { $answer->header('X-Made', uniqid()); return $answer; });
"""
UNIT = "app@blog.service"


@pytest.fixture(scope="module", autouse=True)
def plugin(machine: Machine, blog: str) -> Iterator[None]:
    """Let each page of WordPress say when it was made."""
    put = 'mkdir -p "$(dirname "$0")" && cat > "$0"'
    machine.inside("blog.app", "sh", "-c", put, "/srv/content/mu-plugins/made.php", stdin=PLUGIN)
    yield
    machine.inside("blog.app", "rm", "/srv/content/mu-plugins/made.php")


@pytest.fixture(scope="module")
def admin(machine: Machine, blog: str) -> Visitor:
    return Visitor(machine, blog, machine.chainsaw("secret", "show", "blog", "admin_password").out.strip())


def made(answer: Answer) -> str:
    return answer.headers["x-made"]


def is_shared(machine: Machine, url: str, **headers: str) -> bool:
    """Return whether two visitors get the same copy of a page that nobody has asked for before."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return made(machine.get(url, headers=named)) == made(machine.get(url, headers=named))


@contextmanager
def crowd(machine: Machine, url: str) -> Iterator[list[str]]:
    """Ask for a page all the time; in the end the list says of each answer its status and when it was made."""
    script = f"while :; do curl -sko /dev/null -m 1 -w '%{{http_code}} %header{{x-made}}\\n' '{url}'; done"
    asking = machine.begin("timeout", "300", "sh", "-c", script)
    answers: list[str] = []
    try:
        yield answers
    finally:
        asking.terminate()
        answers += (asking.communicate()[0] or "").splitlines()[:-1]


def statuses(answers: list[str]) -> set[str]:
    assert len(answers) > 10
    return {answer.split()[0] for answer in answers}


def test_a_page_is_made_once_for_all_and_again_after_a_moment(machine: Machine, blog: str) -> None:
    first = machine.get(f"{blog}?a=1")
    assert made(machine.get(f"{blog}?a=1", headers={"Cookie": "theme=dark", "User-Agent": "other"})) == made(first)
    assert machine.get(f"{blog}?a=1").body == first.body
    deadline = time.monotonic() + 30
    while made(machine.get(f"{blog}?a=1")) == made(first):
        assert time.monotonic() < deadline
        time.sleep(1)


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "wordpress_logged_in_0123=kim"},
        {"Cookie": "a=b; comment_author_0123=kim"},
        {"Cookie": "wp-postpass_0123=x;theme=dark"},
        {"Cookie": "woocommerce_items_in_cart=1"},
        {"Cookie": "comment.author_email_0123=kim"},
        {"Cookie": "comment[author_email_0123=kim"},
        {"Authorization": "Basic a2ltOng="},
        {"X_HTTP_Method_Override": "HEAD"},
        {"X_WP_Nonce": "x"},
    ],
    ids=lambda headers: next(iter(headers.items()))[1],
)
def test_who_is_known_gets_a_page_of_his_own_and_leaves_none(
    machine: Machine, blog: str, headers: dict[str, str]
) -> None:
    url = f"{blog}?known={abs(hash(tuple(headers.items())))}"
    assert not is_shared(machine, url, **headers)
    stranger = made(machine.get(url))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    assert made(machine.get(url, headers=named)) != stranger
    assert made(machine.get(url)) == stranger


@pytest.mark.parametrize(
    "said",
    [
        "cookie=1",
        "says=private",
        "says=no-store",
        "says=no-cache,+must-revalidate",
        "says=max-age=0",
        "says=public,+max-age=0,+must-revalidate",
        "says=s-maxage=0,+max-age=600",
        "expires=Thu,+19+Nov+1981+08:52:00+GMT",
        "vary=*",
    ],
)
def test_what_an_application_does_not_give_to_all_is_not_kept(machine: Machine, blog: str, said: str) -> None:
    assert not is_shared(machine, f"{blog}?{said}")


def test_a_body_that_comes_with_a_question_changes_nothing_for_others(machine: Machine, blog: str) -> None:
    words = ["curl", "-sik", "--http2", "-X", "GET", "-T", "-", "-H", "Content-Type: application/json"]
    assert "x-body: 0\n" in machine.admin(*words, f"{blog}?body=1", stdin='{"id": 2}').replace("\r", "")
    assert machine.get(f"{blog}?body=1").headers["x-body"] == "0"
    assert "x-body: 9\n" in machine.admin(*words, f"{blog}?preview=1", stdin='{"id": 2}').replace("\r", "")


def test_a_cookie_that_nobody_named_leaves_nothing_in_what_is_kept(machine: Machine, blog: str) -> None:
    url = f"{blog}?tells=cookie"
    assert machine.get(url, headers={"Cookie": "currency=EUR"}).headers["x-cookies"] == "0"
    assert machine.get(url).headers["x-cookies"] == "0"
    assert machine.get(url, headers={"Cookie": "wordpress_logged_in_0=x; currency=EUR"}).headers["x-cookies"] == "2"


@pytest.mark.parametrize("path", ["", "?round=1", "?round=2&x=utm_source=1"])
def test_a_link_that_goes_round_has_other_marks_for_each_and_is_one_page(
    machine: Machine, blog: str, path: str
) -> None:
    first = machine.get(f"{blog}{path}")
    mark = "&" if path else "?"
    for further in ("fbclid=kim", "utm_source=news&utm_medium=mail&fbclid=ann", "fbclid="):
        assert made(machine.get(f"{blog}{path}{mark}{further}")) == made(first)
    assert first.headers["x-asked"] == f"/{path} nobody"
    known = {"Cookie": "wordpress_logged_in_0=x"}
    assert machine.get(f"{blog}{path}{mark}fbclid=kim", headers=known).headers["x-asked"].endswith("fbclid=kim kim")


def test_a_mark_that_stands_before_something_else_is_asked_for_as_it_is(machine: Machine, blog: str) -> None:
    asked = machine.get(f"{blog}?fbclid=kim&once=1").headers["x-asked"]
    assert asked == "/?fbclid=kim&once=1 kim"
    assert machine.get(f"{blog}?fbclid=ann&once=1").headers["x-asked"].endswith(" ann")


def test_what_it_gives_to_all_is_kept_and_each_sort_for_itself(machine: Machine, blog: str) -> None:
    assert is_shared(machine, f"{blog}?says=public,+max-age=600")
    assert is_shared(machine, f"{blog}?says=s-maxage=10,+max-age=0")
    url = f"{blog}?vary=X-Club"
    one, other = (made(machine.get(url, headers={"X-Club": name})) for name in ("one", "other"))
    assert one != other
    assert made(machine.get(url, headers={"X-Club": "one"})) == one


@pytest.mark.parametrize("path", ["wp-login.php", "?rest_route=/wp/v2/users/me", "%3Fx", "//"])
def test_a_form_or_an_odd_address_is_never_shared(machine: Machine, blog: str, path: str) -> None:
    answers = [machine.get(blog + path) for _ in range(2)]
    assert answers[0].status == answers[1].status
    assert answers[0].headers.get("x-made", "a") != answers[1].headers.get("x-made", "b")


def test_the_admin_sees_the_bar_and_nobody_else_does(machine: Machine, blog: str, admin: Visitor) -> None:
    assert "wpadminbar" not in machine.get(blog).body
    assert "wpadminbar" in machine.get(blog, headers={"Cookie": admin.cookies}).body
    assert "wpadminbar" not in machine.get(blog).body


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_who_writes_a_comment_sees_it_and_nobody_else_does(machine: Machine, blog: str, admin: Visitor) -> None:
    page = f"{blog}?p={admin.write('On foot', 'To the sea')}"
    assert machine.get(page).status == 301
    page = machine.get(page).headers["location"]
    assert is_shared(machine, page)
    number = re.findall(r"name=.comment_post_ID. value=.(\d+)", machine.get(page).body)[0]
    said = urlencode(
        {
            "comment_post_ID": number,
            "author": "Ann",
            "email": "ann@example.org",
            "comment": "I went there, too",
            "wp-comment-cookies-consent": "yes",
        }
    )
    answer = machine.post(f"{blog}wp-comments-post.php", said, headers=FORM)
    assert answer.status == 302, answer
    cookies = {"Cookie": "; ".join(answer.cookies)}
    assert "comment_author_" in cookies["Cookie"]
    assert "I went there, too" in machine.get(page, headers=cookies).body, "it waits for the admin's word"
    assert "ann@example.org" in machine.get(page, headers=cookies).body, "the form knows who wrote"
    for pause in (11, 1, 0):
        shown = machine.get(page).body
        assert "I went there, too" not in shown and "ann@example.org" not in shown
        time.sleep(pause)


def test_who_buys_sees_the_cart_and_nobody_else_does(machine: Machine, blog: str) -> None:
    known, fresh = f"{blog}?failing=1", f"{blog}?failing=2"
    stranger = machine.get(known)
    assert "In the cart: nothing" in stranger.body
    cookies = {"Cookie": "; ".join(machine.get(f"{known}&add-to-cart=Bucket").cookies)}
    for page in (known, fresh, known):
        assert "In the cart: Bucket" in machine.get(page, headers=cookies).body
        assert made(machine.get(page, headers=cookies)) != made(machine.get(page, headers=cookies))
        assert "In the cart: nothing" in machine.get(page).body
        assert not machine.get(page).cookies
    assert made(machine.get(known)) == made(stranger)
    assert not is_shared(machine, f"{known}&add-to-cart=Bucket")


def test_a_page_behind_a_password_of_its_own_is_for_who_has_it(machine: Machine, blog: str, admin: Visitor) -> None:
    number = admin.write("For the board", "The key is under the stone", password="sesame")
    page = machine.get(f"{blog}?p={number}").headers["location"]
    assert "under the stone" not in machine.get(page).body
    answer = machine.post(f"{blog}wp-login.php?action=postpass", "post_password=sesame", headers=FORM)
    cookies = {"Cookie": "; ".join(answer.cookies)}
    assert "under the stone" in machine.get(page, headers=cookies).body
    assert "under the stone" not in machine.get(page).body
    assert "under the stone" not in machine.get(f"{blog}?p={number}&rest_route=/wp/v2/posts/{number}").body
    assert "under the stone" not in machine.get(f"{blog}feed/").body


def test_what_is_not_published_is_shown_to_its_author_alone(machine: Machine, blog: str, admin: Visitor) -> None:
    number = admin.write("Not yet", "A walk in the rain", status="draft")
    page = f"{blog}?p={number}&preview=true"
    assert "A walk in the rain" not in machine.get(page).body
    assert "A walk in the rain" in admin.page(f"?p={number}&preview=true")
    assert "A walk in the rain" not in machine.get(page).body
    written = f"{blog}wp-json/wp/v2/posts/{number}?context=edit"
    assert machine.get(written).status == 401
    shown = machine.get(written, headers={"Cookie": admin.cookies, "X-WP-Nonce": admin.nonce})
    assert "A walk in the rain" in shown.body
    assert machine.get(written).status == 401


def test_feeds_and_rest_are_never_shared_and_have_nothing_of_who_is_logged_in(
    machine: Machine, blog: str, admin: Visitor
) -> None:
    admin.write("For us two", "The weather at home", status="private")
    assert "The weather at home" in admin.page("?s=weather")
    for path in ("feed/?of=all", "?s=weather", "wp-json/wp/v2/posts?search=weather"):
        admin.page(path)
        assert "at home" not in machine.get(blog + path).body, path
    for path in (
        "feed/?once=1", "category/walks/feed/atom/", "?feed=rss2", "?once=1&fe%65d=rss2", "wp-json/wp/v2/posts",
        "?rest_route=/wp/v2/posts", "?rest.route=/wp/v2/posts", "?p=1&preview=true", "?wc-ajax=get_refreshed_fragments",
    ):  # fmt: skip
        assert not is_shared(machine, blog + path), path


def test_a_page_that_is_known_is_shown_while_the_application_is_down(machine: Machine, blog: str) -> None:
    known = machine.get(f"{blog}?down=1")
    machine.admin("systemctl", "--user", "stop", UNIT)
    assert not machine.exists(f"{DATA}/sockets/blog.up")
    time.sleep(11)
    for _ in range(3):
        assert made(machine.get(f"{blog}?down=1")) == made(known)
    assert machine.try_admin("systemctl", "--user", "is-active", UNIT).out.strip() == "inactive"
    assert machine.get(f"{blog}?down=2").status == 200
    assert machine.admin("systemctl", "--user", "is-active", UNIT).strip() == "active"
    assert machine.exists(f"{DATA}/sockets/blog.up")
    assert made(machine.get(f"{blog}?down=1")) != made(known), "it is too old, and the application is up"


def asleep_for_long(machine: Machine, sleeps: Callable[[], bool]) -> None:
    """Wait until the blog sleeps; what looks each quarter of an hour takes a second for the hour."""
    assert wait(sleeps, 60)
    machine.admin("systemctl", "--user", "is-active", "chainsaw-known.timer")
    machine.admin("systemctl", "--user", "start", "chainsaw-known.service")
    up, program = f"{DATA}/sockets/blog.up", f"{STATE}/generations/current/programs/known.py"
    assert not machine.exists(up), "it is not an hour yet"
    time.sleep(1)
    hurried = machine.read(program).replace("LONGEST = 3600\n", "LONGEST = 1\n")
    machine.admin("python3", "-I", "-", f"{DATA}/sockets", "blog", stdin=hurried)
    assert machine.exists(up) and sleeps()


def test_what_is_known_does_not_wake_an_application_that_sleeps(machine: Machine, blog: str) -> None:
    def sleeps() -> bool:
        return machine.try_admin("systemctl", "--user", "is-active", UNIT).out.strip() == "inactive"

    machine.chainsaw("config", "set", "blog", "sleep", "5s")
    machine.chainsaw("apply", "blog")
    # Its timer would wake it for the pings of what was just published.
    machine.inside("blog.app", "php", "/usr/share/wordpress/wp-cron.php")
    try:
        known = machine.get(f"{blog}?asleep=1")
        assert wait(sleeps, 60)
        for pause in (0, 11, 0):
            time.sleep(pause)
            assert made(machine.get(f"{blog}?asleep=1")) == made(known)
        assert sleeps()
        lines = [row["text"] for row in machine.json("logs", "blog", "--access")["data"]["entries"]]
        states = [re.findall(r" cache=(\S+)", line)[0] for line in lines if "?asleep=1 " in line]
        assert states[0] == "MISS" and set(states[1:]) <= {"HIT", "STALE"} and states[-1] == "STALE"
        (row,) = machine.json("traffic", "blog")["data"]["applications"]
        assert 0 < row["cached"] < 1 and row["cache"]["STALE"] >= 1
        assert machine.get(f"{blog}?asleep=2").status == 200
        assert not sleeps()
        asleep_for_long(machine, sleeps)
        assert made(machine.get(f"{blog}?asleep=1")) != made(known), "somebody may have written something since"
        assert not sleeps()
    finally:
        machine.chainsaw("config", "unset", "blog", "sleep")
        machine.chainsaw("apply", "blog")


def test_a_restart_is_not_noticed_by_those_who_ask_for_what_is_known(machine: Machine, blog: str) -> None:
    machine.get(f"{blog}?busy=1")
    with crowd(machine, f"{blog}?busy=1") as answers:
        machine.chainsaw("restart", "blog")
    assert statuses(answers) == {"200"}


def test_a_copy_is_not_noticed_either(machine: Machine, blog: str) -> None:
    machine.get(f"{blog}?copied=1")
    with crowd(machine, f"{blog}?copied=1") as answers:
        machine.chainsaw("clone", "blog", "diary")
    assert statuses(answers) == {"200"}
    machine.chainsaw("remove", "diary", "--purge", "--no-backup", "--yes")


def test_a_change_is_not_noticed_either_and_shows_at_once_when_it_is_done(machine: Machine, blog: str) -> None:
    machine.get(f"{blog}?change=1")
    with crowd(machine, f"{blog}?change=1") as answers:
        machine.chainsaw("config", "set", "blog", "title", "In all weathers")
        machine.chainsaw("apply", "blog")
        assert "In all weathers" in machine.get(f"{blog}?change=1").body
    assert statuses(answers) == {"200"}


def test_a_change_that_fails_is_not_seen_by_those_who_ask_for_what_is_known(machine: Machine, blog: str) -> None:
    def is_tried() -> bool:
        return machine.get(blog, headers={"Cookie": "wordpress_logged_in_0=x"}).body == "In vain"

    file = f"{CONFIG}/instances/blog.yaml"
    former = machine.read(file)
    machine.get(f"{blog}?vain=1")
    machine.chainsaw("config", "set", "blog", "title", "In vain")
    with crowd(machine, f"{blog}?vain=1") as answers:
        applying = machine.begin("chainsaw", "apply", "blog")
        assert wait(is_tried, 60)
        time.sleep(11)
        assert machine.get(f"{blog}?unknown=1").body == "In vain", "what is known is too old by now"
        machine.admin("podman", "kill", "blog.db")
        assert "blog was rolled back: it runs as before" in applying.communicate(timeout=300)[1]
        assert not is_tried()
        assert machine.get(f"{blog}?unknown=1").body != "In vain"
        assert machine.exists(f"{DATA}/sockets/blog.up")
    assert statuses(answers) == {"200"}
    assert not [answer for answer in answers if "in-vain" in answer]
    machine.write(file, former)
    assert machine.plan() == []


def test_a_purge_leaves_no_page(machine: Machine, blog: str) -> None:
    def kept() -> set[str]:
        return set(machine.root("sh", "-c", f"ls -d {DATA}/front/buffers/kept.*").split())

    before = kept()
    machine.declare("fair", "wordpress")
    machine.chainsaw("apply", "fair")
    assert len(kept() - before) == 1
    machine.chainsaw("config", "set", "fair", "cache", "none")
    machine.chainsaw("apply", "fair")
    machine.chainsaw("config", "unset", "fair", "cache")
    machine.chainsaw("apply", "fair")
    machine.chainsaw("remove", "fair", "--purge", "--no-backup", "--yes")
    assert kept() == before

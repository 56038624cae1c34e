"""A changed route tells the application, too: nothing in it leads to the old place afterwards."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from .links import Checker
from .machine import CONFIG, DATA, Machine, wait
from .wordpress import Visitor

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

HEIC = Path(__file__).with_name("picture.heic")
SIDE = "https://blog.localhost"
LOOK_ALIKES = (
    f"{SIDE}.evil.example/x",
    f"{SIDE}ic/",
    f"{SIDE}:8443/",
    "https://archive.example/2020/https://blog.localhost/old",
    "kim@blog.localhost",
    "admin@blog.localhost",
)
FILL = """
    require '/usr/share/wordpress/wp-load.php';
    $side = 'https://blog.localhost';
    ['post' => $post, 'alike' => $alike] = json_decode($argv[1], true);
    $nested = serialize(['ünder' => "$side/日本/", 'twice' => serialize(["é$side/"]), 'alike' => $alike]);
    $value = ['home' => $side, 'text' => "Straße “{$side}”", 'nested' => $nested, 'n' => null, 'pi' => 3.14];
    $value["$side/key"] = true;
    $value['object'] = (object) ['url' => "//blog.localhost/x", 'self' => &$value['home']];
    update_option('walks', $value);
    update_post_meta($post, 'builder', wp_slash(json_encode(['link' => "$side/?p=$post", 'in' => "\\"$side\\" ü"])));
    update_post_meta($post, 'shared', 'https://share.example/?u=https%3A%2F%2Fblog.localhost%2F%3Fp%3D1');
    wp_insert_comment(['comment_post_ID' => $post, 'comment_author' => 'Kim', 'comment_approved' => 1,
        'comment_author_url' => "$side/", 'comment_content' => "As said in <a href='$side/?p=$post'>the first</a>"]);
    $menu = wp_create_nav_menu('Ways');
    wp_update_nav_menu_item($menu, 0, ['menu-item-title' => 'First', 'menu-item-url' => "$side/?p=$post",
        'menu-item-status' => 'publish', 'menu-item-type' => 'custom']);
    $widget = ['content' => "<p><a href=\\"$side/?p=$post\\">ü</a></p>"];
    update_option('widget_block', [2 => $widget, '_multiwidget' => 1]);
    $link = '<!-- wp:navigation-link {"label":"First","url":"' . "$side/?p=$post" . '","kind":"custom"} /-->';
    foreach (get_posts(['post_type' => 'wp_navigation']) as $navigation) {
        wp_update_post(['ID' => $navigation->ID, 'post_content' => wp_slash("$navigation->post_content\\n$link")]);
    }
"""
"""Writes what WordPress and its plugins keep, each in its own way."""
READ = """
    $db = new mysqli('localhost', 'app', '', 'app', 0, '/run/instance/mysqld.sock');
    $db->set_charset('utf8mb4');
    $all = [];
    foreach (array_column($db->query('SHOW TABLES')->fetch_all(), 0) as $table) {
        foreach ($db->query("SELECT * FROM $table")->fetch_all(MYSQLI_ASSOC) as $row) {
            $all["$table " . ($row['option_name'] ?? current($row) . ' ' . next($row))] = $row;
        }
    }
    echo json_encode($all, JSON_THROW_ON_ERROR);
"""
"""Prints all rows of all tables."""
OPTION = """
    $db = new mysqli('localhost', 'app', '', 'app', 0, '/run/instance/mysqld.sock');
    $db->set_charset('utf8mb4');
    $text = $db->query("SELECT option_value FROM wp_options WHERE option_name = 'walks'")->fetch_row()[0];
    $value = unserialize($text) ?: exit(1);
    $value['nested'] = unserialize($value['nested']) ?: exit(1);
    $value['nested']['twice'] = unserialize($value['nested']['twice']) ?: exit(1);
    echo json_encode($value, JSON_THROW_ON_ERROR);
"""
"""Prints the option with all that is serialised in it."""
LIVING = re.compile(
    r"_pingme|_encloseme|^wp_options (cron|_transient_|_site_transient_|chainsaw_applied|rewrite_rules)|session_tokens"
)
"""What changes by itself, and the record."""
GROW = """
    $db = new mysqli('localhost', 'app', '', 'app', 0, '/run/instance/mysqld.sock');
    $text = str_repeat('<p>Buckets <a href="https://shop.localhost/?p=1">here</a>, and spades of all sizes.</p>', 40);
    $db->query('SET autocommit = 0');
    $db->query("INSERT INTO wp_posts (post_author, post_date, post_date_gmt, post_content, post_title, post_excerpt,
        to_ping, pinged, post_content_filtered, post_name, guid)
        SELECT 1, NOW(), UTC_TIMESTAMP(), '$text', CONCAT('Bucket ', seq), '', '', '', '', CONCAT('bucket-', seq),
        CONCAT('https://shop.localhost/?b=', seq) FROM seq_1_to_10000");
    $db->commit();
"""
BUCKETS = """
SELECT SUM(post_content LIKE '%//shop.localhost/?p=1%'), SUM(post_content LIKE '%//spades.localhost/?p=1%')
FROM wp_posts WHERE post_title LIKE 'Bucket %'
"""
SKIPPED = r"/wp-admin|/xmlrpc\.php|/wp-login\.php|/wp-json/?$|replytocom|oembed|[{]"
STARTS = (
    "",
    "feed/",
    "feed/atom/",
    "comments/feed/",
    "wp-json/",
    "wp-json/wp/v2/posts?per_page=100",
    "wp-json/wp/v2/pages",
    "wp-json/wp/v2/media",
    "wp-json/wp/v2/comments",
    "wp-json/wp/v2/users",
    "wp-sitemap.xml",
    "robots.txt",
    "?s=first",
)
MOVED = re.compile(r"moved from (\S+) to (\S+): ([0-9]+) values in ([0-9]+) tables")


def reroute(machine: Machine, name: str, url: str) -> None:
    """Write another route into the file of an instance."""
    file = f"{CONFIG}/instances/{name}.yaml"
    machine.write(file, re.sub(r"^route:.*\n", f"route: {url}\n", machine.read(file), flags=re.MULTILINE))


def said(machine: Machine, name: str) -> str:
    """Return all that the application of an instance has printed."""
    return machine.journal("-o", "cat", "-t", f"{name}.app")


def rows(machine: Machine, name: str) -> dict[str, dict[str, str | None]]:
    """Return all rows of the database of a WordPress, but for those that live."""
    found = json.loads(machine.inside(f"{name}.app", "php", "-r", READ))
    return {key: row for key, row in found.items() if not LIVING.search(f"{key} {row}")}


def sql(machine: Machine, name: str, query: str) -> str:
    """Ask the database of an instance."""
    return machine.inside(f"{name}.db", "mariadb", "-N", "-uapp", "app", "-e", query).strip()


@pytest.fixture(scope="module")
def walks(machine: Machine, blog: str) -> int:
    """Fill the blog; return the number of its first post."""
    visitor = Visitor(machine, blog, machine.chainsaw("secret", "show", "blog", "admin_password").out.strip())
    picture = str(visitor.add("beach.heic", HEIC.read_bytes(), "image/heic")["source_url"])
    assert picture.startswith(f"{SIDE}/wp-content/uploads/")
    first = visitor.write("The first walk", f'<p>To the beach.</p><img src="{picture}" alt="The beach">')
    second = visitor.write("The second walk", f'<p>As <a href="{SIDE}/?p={first}">the first</a>, {SIDE}.</p>')
    visitor.write("The third walk", f"<p><a href='{SIDE}/?p={second}'>ü</a> \"//blog.localhost/?p={first}\"</p>")
    links = "".join(f'<p><a href="{alike}">x</a></p>' for alike in LOOK_ALIKES[:4])
    visitor.write("Elsewhere", f"{links}<p>Write to kim@blog.localhost</p>")
    given = json.dumps({"post": first, "alike": LOOK_ALIKES[0]})
    machine.inside("blog.app", "php", "-r", FILL, given)
    return first


def checked(machine: Machine, site: str, former: str, first: int) -> None:
    """Assert that the blog is whole at a place, and that nothing leads to another one."""
    found = Checker(machine.get, site, former, LOOK_ALIKES, SKIPPED).check(*STARTS)
    assert found.problems == []
    assert len(found.answers) > 40
    pictures = [url for url in found.answers if "/wp-content/uploads/" in url]
    assert len(pictures) > 1
    content = "\n".join(answer.body for answer in found.answers.values())
    for alike in LOOK_ALIKES[:5]:
        assert alike in content, "a look-alike stays"
    assert any(f"?p={first}" in url for url in found.answers), "a link between posts was followed"


def follow(value: object, old: str, new: str) -> object:
    """Return a value as the move should have left it, apart from the look-alikes."""
    if isinstance(value, str):
        return re.sub(rf"(https?:)?//{re.escape(old)}(?![\w:]|\.\w)", rf"\1//{new}", value)
    if isinstance(value, list):
        return [follow(item, old, new) for item in value]
    if isinstance(value, dict):
        return {follow(key, old, new): follow(item, old, new) for key, item in value.items()}
    return value


def test_a_blog_moves_to_another_host_name_and_back(machine: Machine, walks: int) -> None:
    checked(machine, f"{SIDE}/", "diary.localhost", walks)
    before, option = rows(machine, "blog"), json.loads(machine.inside("blog.app", "php", "-r", OPTION))
    reroute(machine, "blog", "https://diary.localhost/")
    machine.chainsaw("apply")
    moved = MOVED.findall(said(machine, "blog"))[-1]
    assert moved[:2] == (SIDE, "https://diary.localhost")
    machine.refuses(f"{SIDE}/")
    checked(machine, "https://diary.localhost/", "blog.localhost", walks)

    after = rows(machine, "blog")
    untouched = {key for key, row in before.items() if "blog.localhost" not in str(row)}
    assert len(untouched) > 50
    assert {key: after.get(key) for key in untouched} == {key: before[key] for key in untouched}
    assert after.keys() == before.keys()
    assert all(after[key].get("guid") == row.get("guid") for key, row in before.items()), "identifiers stay"
    found = json.loads(machine.inside("blog.app", "php", "-r", OPTION))
    assert found == follow(option, "blog.localhost", "diary.localhost")
    assert found["nested"]["alike"] == LOOK_ALIKES[0]

    machine.chainsaw("rollback", "blog")
    assert MOVED.findall(said(machine, "blog"))[-1][:2] == ("https://diary.localhost", SIDE)
    machine.refuses("https://diary.localhost/")
    checked(machine, f"{SIDE}/", "diary.localhost", walks)
    # The sample page of WordPress says http.
    assert rows(machine, "blog") == json.loads(json.dumps(before).replace("http://blog.localhost/", f"{SIDE}/"))


def test_a_start_without_a_change_moves_nothing(machine: Machine, walks: int) -> None:
    count = len(MOVED.findall(said(machine, "blog")))
    machine.admin("systemctl", "--user", "restart", "app@blog.service")
    machine.serves(f"{SIDE}/", "The third walk")
    assert len(MOVED.findall(said(machine, "blog"))) == count


def test_a_site_without_a_record_moves_from_where_it_says_that_it_is(machine: Machine, walks: int) -> None:
    sql(machine, "blog", "DELETE FROM wp_options WHERE option_name = 'chainsaw_applied'")
    sql(machine, "blog", "UPDATE wp_options SET option_value = 'http://old.example' WHERE option_name = 'home'")
    sql(machine, "blog", "UPDATE wp_options SET option_value = 'http://old.example/wp' WHERE option_name = 'siteurl'")
    number = sql(machine, "blog", "SELECT MAX(ID) FROM wp_posts WHERE post_title = 'The first walk'")
    content = "http://old.example/?p=1 https://old.example/wp/wp-content/x.jpg"
    before = sql(machine, "blog", f"SELECT post_content FROM wp_posts WHERE ID = {number}")
    sql(machine, "blog", f"UPDATE wp_posts SET post_content = '{content}' WHERE ID = {number}")
    machine.admin("systemctl", "--user", "restart", "app@blog.service")
    machine.serves(f"{SIDE}/", "The third walk")
    found = sql(machine, "blog", f"SELECT post_content FROM wp_posts WHERE ID = {number}")
    assert found == f"{SIDE}/?p=1 {SIDE}/wp-content/x.jpg"
    sql(machine, "blog", f"UPDATE wp_posts SET post_content = '{before}' WHERE ID = {number}")


def test_what_is_serialised_and_broken_is_left_and_said(machine: Machine, walks: int) -> None:
    broken = f's:5:"{SIDE}/";'
    insert = "INSERT INTO wp_options (option_name, option_value) VALUES ('broken', '{}')"
    sql(machine, "blog", insert.format(broken))
    reroute(machine, "blog", "https://diary.localhost/")
    machine.chainsaw("apply")
    assert sql(machine, "blog", "SELECT option_value FROM wp_options WHERE option_name = 'broken'") == broken
    assert re.search(r"not moved: wp_options [0-9]+\.option_value is serialised", said(machine, "blog"))
    sql(machine, "blog", "DELETE FROM wp_options WHERE option_name = 'broken'")
    machine.chainsaw("rollback", "blog")


def counted(machine: Machine) -> str:
    """Return how many posts lead to the old place and how many to the new one; nothing while there is no database."""
    query = ("podman", "exec", "shop.db", "mariadb", "-N", "-uapp", "app", "-e", BUCKETS)
    return machine.try_admin(*query).out.strip()


@pytest.mark.long
def test_a_kill_in_the_middle_leaves_a_whole_state_and_the_next_start_does_it(machine: Machine, shop: str) -> None:
    machine.inside("shop.app", "php", "-r", GROW)
    reroute(machine, "shop", "https://spades.localhost/")
    applying = machine.begin("chainsaw", "apply", "shop")
    moving = ("pgrep", "-f", "lib/wordpress/bring-up.php")
    assert wait(lambda: machine.try_root(*moving).code == 0, 120)
    time.sleep(1)
    machine.admin("podman", "kill", "--signal", "KILL", "shop.app")
    # The apply that was under way takes it back meanwhile, so this may be before or after a move; never between.
    found = ""
    for _ in range(600):
        found = found or counted(machine)
        time.sleep(0 if found else 0.2)
    assert found in ("10000\t0", "0\t10000")
    applying.communicate(timeout=600)
    # A start that fails is taken back: whichever of the two it is, it is one of them.
    reroute(machine, "shop", "https://spades.localhost/")
    began = time.monotonic()
    machine.chainsaw("apply", "shop")
    print(f"the apply took {time.monotonic() - began:.1f} s")
    assert counted(machine) == "0\t10000"
    machine.serves("https://spades.localhost/", "Buckets and spades")
    assert int(MOVED.findall(said(machine, "shop"))[-1][2]) >= 10000
    reroute(machine, "shop", shop)
    machine.chainsaw("apply", "shop")


WIKI = "https://wiki.localhost"
WIKI_ALIKES = (f"{WIKI}.evil.example/wiki/X", f"{WIKI}:8443/wiki/X", f"{WIKI}/other/app", "kim@wiki.localhost")
ONE = f"""\
Two is [[Two]], [{WIKI}/wiki/Two in full], [//wiki.localhost/wiki/Two without a scheme], {WIKI}/wiki/Two, and by name
{{{{fullurl:Two}}}} and {{{{SERVER}}}}{{{{SCRIPTPATH}}}}/wiki/Two. [{WIKI}/index.php?title=Two by number]
[[File:Beach.png|thumb|The beach]] [https://share.example/?u=https%3A%2F%2Fwiki.localhost%2Fwiki%2FTwo share]
{" ".join(WIKI_ALIKES)} the end
"""
PICTURE = "$p = imagecreatetruecolor(640, 480); imagefill($p, 0, 0, 0xff8800); imagepng($p, '/tmp/up/Beach.png');"
WIKI_SKIPPED = (
    r"[?&](action|oldid|diff|printable|redlink|veaction)=|/other/app|(Special|Project|User|[Tt]alk):|/rest\.php"
)
WIKI_STARTS = ("", "wiki/One", "wiki/Two", "wiki/Main_Page", "wiki/File:Beach.png", "index.php?title=Two")


def maintain(machine: Machine, script: str, *words: str, stdin: str = "") -> str:
    """Run a maintenance script of the wiki."""
    return machine.inside("wiki.app", "php", "/usr/share/mediawiki/maintenance/run.php", script, *words, stdin=stdin)


@pytest.fixture(scope="module")
def wiki(machine: Machine) -> Iterator[str]:
    """Return the address of a wiki with pages and a picture."""
    machine.declare("wiki", "mediawiki")
    machine.chainsaw("apply", "wiki")
    machine.inside("wiki.app", "mkdir", "-p", "/tmp/up")
    machine.inside("wiki.app", "php", "-r", PICTURE)
    maintain(machine, "importImages", "--comment=x", "/tmp/up")
    maintain(machine, "edit", "One", stdin=ONE)
    maintain(machine, "edit", "Two", stdin="Back to [[One]]. Nothing to move here.")
    yield WIKI
    machine.purge("wiki")


def checked_wiki(machine: Machine, site: str, former: str) -> None:
    """Assert that the wiki is whole at a place, and that nothing leads to another one."""
    found = Checker(machine.get, f"{site}/", former, WIKI_ALIKES, WIKI_SKIPPED).check(*WIKI_STARTS)
    assert found.problems == []
    assert any("/images/" in url for url in found.answers), "the picture was fetched"
    page = found.answers[f"{site}/wiki/One"].body
    assert f"{site}/wiki/Two" in page
    for alike in WIKI_ALIKES:
        assert alike in page, "a look-alike stays"
    encoded = site.replace(":", "%3A").replace("/", "%2F")
    assert f"?u={encoded}%2Fwiki%2FTwo" in page


def history(machine: Machine, site: str, title: str) -> list[tuple[str, str]]:
    """Return user and summary of each revision of a page, the newest first."""
    query = f"api.php?action=query&prop=revisions&titles={title}&rvlimit=50&rvprop=user|comment&format=json"
    pages = json.loads(machine.get(f"{site}/{query}").body)["query"]["pages"]
    (page,) = pages.values()
    return [(revision["user"], revision["comment"]) for revision in page["revisions"]]


def test_a_wiki_moves_to_another_host_name_and_below_a_path_and_back(machine: Machine, wiki: str) -> None:
    places = [WIKI, "https://books.localhost", "https://www.localhost/books", "https://www.localhost/wiki"]
    generations = [machine.generation()]
    checked_wiki(machine, wiki, "books.localhost")
    for former, url in pairwise(places):
        reroute(machine, "wiki", f"{url}/")
        machine.chainsaw("apply", "wiki")
        generations.append(machine.generation())
        checked_wiki(machine, url, former.removeprefix("https://"))
        assert machine.inside("wiki.app", "cat", "/srv/data/wiki/url") == f"{url}\n"
    machine.refuses(f"{WIKI}/")
    by, why = history(machine, places[-1], "One")[0]
    assert (by, why) == ("Maintenance script", f"The wiki has moved from {places[-2]} to {places[-1]}")
    assert len(history(machine, places[-1], "Two")) == 1, "a page without such links is not edited"
    for former, (url, generation) in zip(places[:0:-1], [*zip(places, generations, strict=True)][-2::-1], strict=True):
        machine.chainsaw("rollback", "wiki", "--to", str(generation))
        checked_wiki(machine, url, former.removeprefix("https://"))
    machine.refuses("https://books.localhost/")
    assert maintain(machine, "getText", "One") == ONE.strip()


MANY = """
    mkdir -p /tmp/pages && cd /tmp/pages
    for number in $(seq 300); do echo 'See https://wiki.localhost/wiki/One' > "Page_$number"; done
    php /usr/share/mediawiki/maintenance/run.php importTextFiles Page_*
"""
COUNT = """
import sqlite3, sys
print(*sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True).execute(
    "SELECT COUNT(*) FROM page JOIN slots ON slot_revision_id = page_latest"
    " JOIN content ON content_id = slot_content_id JOIN text ON 'tt:' || old_id = content_address"
    " WHERE page_title LIKE 'Page_%'"
    " AND CAST(old_text AS TEXT) = 'See ' || ? || '/wiki/One'", sys.argv[2:]).fetchone())
"""


def pages_with(machine: Machine, url: str) -> int:
    """Return how many of the many pages link to a place."""
    (file,) = machine.root("find", f"{DATA}/instances/wiki", "-name", "wiki.sqlite").split()
    return int(machine.root("python3", "-c", COUNT, file, url))


@pytest.mark.long
def test_a_wiki_goes_on_after_a_kill_in_the_middle(machine: Machine, wiki: str) -> None:
    machine.inside("wiki.app", "sh", "-c", MANY)
    assert pages_with(machine, WIKI) == 300
    reroute(machine, "wiki", "https://www.localhost/books/")
    applying = machine.begin("chainsaw", "apply", "wiki")
    assert wait(lambda: pages_with(machine, WIKI) < 290, 120)
    machine.admin("podman", "kill", "--signal", "KILL", "wiki.app")
    old, new = pages_with(machine, WIKI), pages_with(machine, "https://www.localhost/books")
    assert old + new == 300
    assert new < 300, "the move was not over yet"
    applying.communicate(timeout=600)
    # An apply whose start fails is taken back: the wiki is at one of the two places, and whole.
    stays = {pages_with(machine, WIKI), pages_with(machine, "https://www.localhost/books")}
    assert stays == {0, 300}
    reroute(machine, "wiki", "https://www.localhost/books/")
    began = time.monotonic()
    machine.chainsaw("apply", "wiki")
    print(f"the apply took {time.monotonic() - began:.1f} s")
    assert pages_with(machine, "https://www.localhost/books") == 300
    checked_wiki(machine, "https://www.localhost/books", "wiki.localhost")
    reroute(machine, "wiki", f"{WIKI}/")
    machine.chainsaw("apply", "wiki")
    assert pages_with(machine, WIKI) == 300
    checked_wiki(machine, WIKI, "www.localhost/books")


@pytest.mark.long
def test_a_wiki_whose_new_address_begins_with_the_former_one_is_moved_once(machine: Machine, wiki: str) -> None:
    text = machine.inside("wiki.app", "cat", "/srv/data/wiki/url")
    reroute(machine, "wiki", f"{WIKI}/wiki/")
    machine.chainsaw("apply", "wiki")
    checked_wiki(machine, f"{WIKI}/wiki", "books.localhost")
    # As a start leaves it that is killed at the end of the move.
    machine.inside("wiki.app", "sh", "-c", f"printf '%s' '{text}{WIKI}/wiki\n' > /srv/data/wiki/url")
    machine.admin("systemctl", "--user", "restart", "app@wiki.service")
    machine.serves(f"{WIKI}/wiki/wiki/One", "in full")
    checked_wiki(machine, f"{WIKI}/wiki", "books.localhost")
    assert f"{WIKI}/wiki/wiki/wiki/Two" not in machine.get(f"{WIKI}/wiki/wiki/One").body
    reroute(machine, "wiki", f"{WIKI}/")
    machine.chainsaw("apply", "wiki")
    checked_wiki(machine, WIKI, "books.localhost")

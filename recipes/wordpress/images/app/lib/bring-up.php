<?php
// Install the site if there is none, move it if its address is another, upgrade its database if the code is newer, apply
// what changed in its configuration.

require __DIR__ . '/move.php';

const APPLIED = 'chainsaw_applied';
const UNFINISHED = 'chainsaw_installing';

// WordPress ends in a page for a browser, and with success, whatever happened.
$done = false;
ob_start();
register_shutdown_function(function () use (&$done) {
    if (!$done) {
        $page = preg_replace('#<(style|title)\b.*?</\1>#s', '', ob_get_clean());
        fwrite(STDERR, trim(preg_replace('/\s+/', ' ', strip_tags($page))) . "\n");
        exit(1);
    }
});

function tables(string $like): array
{
    global $db;
    return array_column($db->query("SHOW TABLES LIKE '$like'")->fetch_all(), 0);
}

function applied(): ?array
{
    global $db;
    if (!tables('wp\_options')) {
        return null;
    }
    $rows = $db->query("SELECT option_value FROM wp_options WHERE option_name = '" . APPLIED . "'")->fetch_row();
    return $rows ? json_decode($rows[0], true) : null;
}

// Without a record the site knows: the constants hide what it knows from WordPress, not from the database.
function former_urls(?array $applied): array
{
    global $db;
    if (isset($applied['url'])) {
        return [$applied['url']];
    }
    $rows = $db->query("SELECT option_value FROM wp_options WHERE option_name IN ('home', 'siteurl')")->fetch_all();
    $known = array_map(fn ($url) => rtrim(trim($url), '/'), array_column($rows, 0));
    return array_filter(array_unique($known), fn ($url) => parse_url($url, PHP_URL_HOST));
}

// The translation that serves a language best: de_AT is de_DE as long as nobody translates it.
function closest(?string $language, array $known): string
{
    sort($known);
    [$short] = explode('_', (string) $language);
    foreach ([$language, $short, $short . '_' . strtoupper($short)] as $name) {
        if (in_array($name, $known, true)) {
            return $name;
        }
    }
    return $short === 'en' || $short === '' ? '' : (current(preg_grep("/^{$short}_/", $known)) ?: '');
}

function translation(?string $language): string
{
    if (!WP_HTTP_BLOCK_EXTERNAL) {
        require_once ABSPATH . 'wp-admin/includes/translation-install.php';
        $current = closest($language, array_keys(wp_get_available_translations()));
        if ($current && chainsaw_fetch_translation($current)) {
            return $current;
        }
    }
    return closest($language, get_available_languages());
}

function apply(string $key, mixed $value): void
{
    match ($key) {
        'url' => null,
        'title' => update_option('blogname', $value),
        'tagline' => update_option('blogdescription', $value),
        'email' => update_option('admin_email', $value),
        'timezone' => update_option('timezone_string', $value),
        'language' => update_option('WPLANG', translation($value)),
    };
}

// WordPress would send the password by mail, and the old address a farewell.
function wp_new_blog_notification(): void
{
}

function install(array $wanted): void
{
    global $wp_rewrite;
    $language = translation($wanted['language']);
    load_default_textdomain($language ?: 'en_US');
    $GLOBALS['wp_locale'] = new WP_Locale();
    $wp_rewrite->init();

    // It tries the links over HTTP unless it finds them chosen, and there is nothing yet that would answer.
    $links = '/%year%/%monthnum%/%day%/%postname%/';
    $choose = fn () => $links;
    add_filter('pre_option_permalink_structure', $choose);
    $password = trim(file_get_contents('/run/secrets/admin_password')) ?: throw new Exception('no admin_password');
    wp_install($wanted['title'], 'admin', (string) $wanted['email'], true, '', wp_slash($password), $language);
    remove_filter('pre_option_permalink_structure', $choose);
    $wp_rewrite->set_permalink_structure($links);

    array_map('apply', array_keys($wanted), $wanted);
}

// The first request makes them, with all that has a part in them: what is registered before there is a structure of links,
// as categories are here, has none.
function forget_rules(): void
{
    delete_option('rewrite_rules');
}

$db = new mysqli('localhost', 'app', '', 'app', 0, '/run/instance/mysqld.sock');
$wanted = json_decode(file_get_contents('/etc/wordpress/site.json'), true);
$applied = applied();
$new = $applied === null && (tables(UNFINISHED) || !tables('wp\_options'));
$recorded = isset($applied['url']);
$former = $new ? [] : array_diff(former_urls($applied), [$wanted['url']]);
if ($new) {
    $db->query('CREATE TABLE IF NOT EXISTS ' . UNFINISHED . ' (id INT PRIMARY KEY)');
    foreach (tables('wp\_%') as $half) {
        $db->query("DROP TABLE `$half`");
    }
} elseif ($former) {
    move($db, $former, $wanted['url'], $applied === null ? null : json_encode(['url' => $wanted['url']] + $applied));
    $applied = applied();
}

// Plugins and themes have no part in this: a broken one must not keep the site from coming up.
define('WP_INSTALLING', true);
require '/usr/share/wordpress/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter('send_site_admin_email_change_email', '__return_false');

if ($new) {
    fwrite(STDERR, "installing WordPress $wp_version\n");
    install($wanted);
    forget_rules();
    $db->query('DROP TABLE ' . UNFINISHED);
} else {
    // A drop-in may keep what it knew of the former place. What has no address in its record has old rules, or foreign ones.
    if ($former || !$recorded) {
        wp_cache_flush();
        forget_rules();
    }
    if ((int) get_option('db_version') < $wp_db_version) {
        fwrite(STDERR, "upgrading the database to WordPress $wp_version\n");
        wp_upgrade();
    }
    // Without a record this is somebody's site that was brought here: theirs until the configuration changes.
    foreach (array_diff_assoc($wanted, $applied ?? $wanted) as $key => $value) {
        apply($key, $value);
    }
}
update_option(APPLIED, json_encode($wanted), false);
$done = true;

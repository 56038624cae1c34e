<?php
// Install the site if there is none, upgrade its database if the code is newer, apply what changed in its configuration.

// Plugins and themes have no part in this: a broken one must not keep the site from coming up.
define('WP_INSTALLING', true);
require '/usr/share/wordpress/wp-load.php';

// WordPress would send the password by mail.
function wp_new_blog_notification(): void
{
}

require ABSPATH . 'wp-admin/includes/upgrade.php';

const APPLIED = 'chainsaw_applied';
const UNFINISHED = 'chainsaw_installing';

function fail(string $message): never
{
    fwrite(STDERR, "$message\n");
    exit(1);
}

function run(string $query): void
{
    global $wpdb;
    $wpdb->query($query) !== false || fail("the database refuses: $wpdb->last_error");
}

function tables(string $like): array
{
    global $wpdb;
    return $wpdb->get_col($wpdb->prepare('SHOW TABLES LIKE %s', $like));
}

function applied(): ?array
{
    global $wpdb;
    if (!tables($wpdb->esc_like($wpdb->options))) {
        return null;
    }
    $query = "SELECT option_value FROM $wpdb->options WHERE option_name = %s";
    $value = $wpdb->get_var($wpdb->prepare($query, APPLIED));
    return $value === null ? null : json_decode($value, true);
}

// The translation that serves a language best: de_AT is de_DE as long as nobody translates it.
function translation(?string $language): string
{
    $known = get_available_languages();
    sort($known);
    [$short] = explode('_', (string) $language);
    foreach ([$language, $short, $short . '_' . strtoupper($short)] as $name) {
        if (in_array($name, $known, true)) {
            return $name;
        }
    }
    return $short === 'en' || $short === '' ? '' : (current(preg_grep("/^{$short}_/", $known)) ?: '');
}

function apply(string $key, mixed $value): void
{
    match ($key) {
        'title' => update_option('blogname', $value),
        'tagline' => update_option('blogdescription', $value),
        'email' => update_option('admin_email', $value),
        'timezone' => update_option('timezone_string', $value),
        'language' => update_option('WPLANG', translation($value)),
    };
}

function install(array $wanted): void
{
    global $wpdb, $wp_rewrite;
    $prefix = $wpdb->esc_like($wpdb->prefix);
    foreach (tables("$prefix%") as $half) {
        run("DROP TABLE `$half`");
    }
    $language = translation($wanted['language']);
    load_default_textdomain($language ?: 'en_US');
    $GLOBALS['wp_locale'] = new WP_Locale();
    $wp_rewrite->init();

    // It tries the links over HTTP unless it finds them chosen, and there is nothing yet that would answer.
    $links = '/%year%/%monthnum%/%day%/%postname%/';
    $choose = fn () => $links;
    add_filter('pre_option_permalink_structure', $choose);
    $password = trim(file_get_contents('/run/secrets/admin_password')) ?: fail('the secret admin_password is empty');
    wp_install($wanted['title'], 'admin', (string) $wanted['email'], true, '', wp_slash($password), $language);
    remove_filter('pre_option_permalink_structure', $choose);
    $wp_rewrite->set_permalink_structure($links);
    $wp_rewrite->flush_rules(false);

    array_map('apply', array_keys($wanted), $wanted);
}

$wpdb->db_connect(false) || fail('the database does not answer');
$wanted = json_decode(file_get_contents('/etc/wordpress/site.json'), true);
$applied = applied();

if ($applied === null && (tables(UNFINISHED) || !tables($wpdb->esc_like($wpdb->options)))) {
    run('CREATE TABLE IF NOT EXISTS ' . UNFINISHED . ' (id INT PRIMARY KEY)');
    fwrite(STDERR, "installing WordPress $wp_version\n");
    install($wanted);
    run('DROP TABLE ' . UNFINISHED);
} else {
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

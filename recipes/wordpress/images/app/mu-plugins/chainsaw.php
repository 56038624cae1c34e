<?php
/**
 * Plugin Name: Code in the image, content in the volume
 * Description: Offers the themes and translations of the image, and what the site can do without a network.
 */

const SHIPPED_TRANSLATIONS = '/usr/share/wordpress-l10n';

register_theme_directory(ABSPATH . 'wp-content/themes');

// What is downloaded or copied into the volume is newer, or preferred.
add_filter(
    'load_textdomain_mofile',
    fn ($file) => is_readable($file) ? $file : str_replace(WP_LANG_DIR, SHIPPED_TRANSLATIONS, $file)
);
add_filter('get_available_languages', function ($known, $directory) {
    $shipped = array_map(fn ($file) => basename($file, '.mo'), glob(SHIPPED_TRANSLATIONS . '/*.mo'));
    $shipped = preg_grep('/^[a-z]{2,3}(_[A-Z]{2})?$/', $shipped);
    return $directory ? $known : array_values(array_unique([...$known, ...$shipped]));
}, 10, 2);

// WordPress itself is updated with the image.
add_filter('map_meta_cap', fn ($needed, $ability) => $ability === 'update_core' ? ['do_not_allow'] : $needed, 10, 2);

// The site has no way to reach itself: requests arrive on a socket that only the front can open.
add_filter('block_local_requests', '__return_true');
add_filter('site_status_tests', function ($tests) {
    unset($tests['async']['background_updates'], $tests['async']['loopback_requests']);
    unset($tests['async']['page_cache'], $tests['direct']['available_updates_disk_space']);
    if (WP_HTTP_BLOCK_EXTERNAL) {
        unset($tests['async']['dotorg_communication'], $tests['direct']['http_requests']);
    }
    return $tests;
});

foreach (glob(WP_CONTENT_DIR . '/mu-plugins/*.php') as $plugin) {
    include_once $plugin;
}

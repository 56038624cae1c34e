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

function chainsaw_offer_translations(array $known, ?string $directory): array
{
    $shipped = array_map(fn ($file) => basename($file, '.mo'), glob(SHIPPED_TRANSLATIONS . '/*.mo'));
    $shipped = preg_grep('/^[a-z]{2,3}(_[A-Z]{2})?$/', $shipped);
    // What WordPress takes for present it does not fetch.
    $offered = WP_HTTP_BLOCK_EXTERNAL || wp_installing() ? $shipped : array_intersect($shipped, [get_option('WPLANG')]);
    return $directory ? $known : array_values(array_unique([...$known, ...$offered]));
}
add_filter('get_available_languages', 'chainsaw_offer_translations', 10, 2);

// Debian's translations are from 2011 to 2016 and know a part of the texts. With the internet, the current one is fetched.
function chainsaw_fetch_translation(string $language): bool
{
    if (WP_HTTP_BLOCK_EXTERNAL) {
        return false;
    }
    if (is_readable(WP_LANG_DIR . "/$language.mo")) {
        return true;
    }
    require_once ABSPATH . 'wp-admin/includes/admin.php';
    require_once ABSPATH . 'wp-admin/includes/translation-install.php';
    remove_filter('get_available_languages', 'chainsaw_offer_translations');
    $fetched = wp_download_language_pack($language);
    add_filter('get_available_languages', 'chainsaw_offer_translations', 10, 2);
    return (bool) $fetched;
}
add_action('wp_version_check', fn () => get_option('WPLANG') && chainsaw_fetch_translation(get_option('WPLANG')));

// WordPress itself is updated with the image.
add_filter('map_meta_cap', fn ($needed, $ability) => $ability === 'update_core' ? ['do_not_allow'] : $needed, 10, 2);

// GD takes half the memory of ImageMagick, and PHP's limit holds for it: that is for what GD cannot read, PDF and HEIC.
add_filter('wp_image_editors', fn ($editors) => array_unique(['WP_Image_Editor_GD', ...$editors]));

// What asks for the site's own REST API gets its answer here.
function chainsaw_ask_rest_api(mixed $answer, array $request, string $url): mixed
{
    $own = rest_url();
    if (!str_starts_with($url, $own)) {
        return $answer;
    }
    $parts = explode('?', substr($url, strlen($own)), 2);
    $asked = new WP_REST_Request($request['method'], '/' . $parts[0]);
    parse_str($parts[1] ?? '', $query);
    $asked->set_query_params($query);
    $found = rest_do_request($asked);
    $status = ['code' => $found->get_status(), 'message' => get_status_header_desc($found->get_status())];
    return ['headers' => [], 'body' => wp_json_encode($found->get_data()), 'response' => $status, 'cookies' => []];
}

// The site has no way to reach itself: requests arrive on a socket that only the front can open.
add_filter('block_local_requests', '__return_true');
add_filter('site_status_tests', function ($tests) {
    $tests['direct']['rest_availability']['test'] = function () {
        add_filter('pre_http_request', 'chainsaw_ask_rest_api', 10, 3);
        $result = WP_Site_Health::get_instance()->get_test_rest_availability();
        remove_filter('pre_http_request', 'chainsaw_ask_rest_api');
        return $result;
    };
    unset($tests['async']['background_updates'], $tests['async']['loopback_requests']);
    unset($tests['async']['page_cache'], $tests['direct']['available_updates_disk_space']);
    unset($tests['direct']['wordpress_version']);
    if (WP_HTTP_BLOCK_EXTERNAL) {
        unset($tests['async']['dotorg_communication'], $tests['direct']['http_requests']);
    }
    return $tests;
});

// Without a network there is no curl, and nothing that would need it.
add_filter('site_status_test_php_modules', function ($modules) {
    return WP_HTTP_BLOCK_EXTERNAL ? array_diff_key($modules, ['curl' => true]) : $modules;
});

foreach (glob(WP_CONTENT_DIR . '/mu-plugins/*.php') as $plugin) {
    include_once $plugin;
}

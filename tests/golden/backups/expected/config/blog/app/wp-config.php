<?php
define('DB_NAME', 'app');
define('DB_USER', 'app');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:/run/instance/mysqld.sock');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
$table_prefix = 'wp_';

define('WP_HOME', 'https://example.org');
define('WP_SITEURL', WP_HOME);
define('WP_CONTENT_DIR', '/srv/content');
define('WP_CONTENT_URL', WP_HOME . '/wp-content');
define('WPMU_PLUGIN_DIR', '/usr/share/wordpress/wp-content/mu-plugins');
define('WPMU_PLUGIN_URL', WP_CONTENT_URL . '/mu-plugins');
define('WP_LANG_DIR', WP_CONTENT_DIR . '/languages');

(function (string $secret) {
    $names = ['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY'];
    foreach ([...$names, 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'] as $name) {
        define($name, hash_hmac('sha256', $name, $secret));
    }
})(file_get_contents('/run/secrets/salt') ?: exit('no salt'));

// Two lines of heading and the loopback: nothing outside can be reached, and trying would make every page wait.
define('WP_HTTP_BLOCK_EXTERNAL', count(file('/proc/net/dev')) <= 3);
define('DISABLE_WP_CRON', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('DISALLOW_FILE_EDIT', true);
define('FS_METHOD', 'direct');

define('WP_DEBUG', false);
define('WP_DEBUG_LOG', '/proc/self/fd/2');
define('WP_DEBUG_DISPLAY', false);

defined('ABSPATH') || define('ABSPATH', '/usr/share/wordpress/');
require_once ABSPATH . 'wp-settings.php';

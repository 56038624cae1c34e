<?php
// Exit with 0 if the database answers, is at the version of this code, and the configuration was applied to it.

require '/usr/share/wordpress/wp-includes/version.php';

try {
    $db = new mysqli('localhost', 'app', '', 'app', 0, '/run/instance/mysqld.sock');
    $rows = $db->query(
        "SELECT option_name, option_value FROM wp_options WHERE option_name IN ('db_version', 'chainsaw_applied')"
    );
    $options = array_column($rows->fetch_all(), 1, 0);
} catch (mysqli_sql_exception) {
    exit(1);
}

$wanted = json_encode(json_decode(file_get_contents('/etc/wordpress/site.json')));
$current = (int) ($options['db_version'] ?? 0) >= $wp_db_version;
exit($current && $wanted === ($options['chainsaw_applied'] ?? '') ? 0 : 1);

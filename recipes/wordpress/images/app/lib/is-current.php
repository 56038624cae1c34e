<?php
// Exit with 0 if the database answers, is at the version of this code, and the configuration was applied to it.
// With --wait it waits for a database that does not listen yet; systemd ends a start that takes too long.

require '/usr/share/wordpress/wp-includes/version.php';

const NOBODY_LISTENS = 2002;

function connect(bool $wait): mysqli
{
    while (true) {
        try {
            return new mysqli('localhost', 'app', '', 'app', 0, '/run/instance/mysqld.sock');
        } catch (mysqli_sql_exception $problem) {
            $wait && $problem->getCode() === NOBODY_LISTENS ? usleep(10_000) : throw $problem;
        }
    }
}

try {
    $db = connect(in_array('--wait', $argv, true));
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

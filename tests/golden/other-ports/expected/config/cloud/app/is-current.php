<?php
// Exit with 0 if Nextcloud is installed, its data is at the version of this code, and its database answers.

require '/usr/src/nextcloud/version.php';
@include getenv('NEXTCLOUD_CONFIG_DIR') . '/config.php';

try {
    $db = new PDO('pgsql:host=/run/instance;dbname=app', 'app');
    $rows = $db->query('SELECT 1 FROM ' . ($CONFIG['dbtableprefix'] ?? 'oc_') . 'appconfig LIMIT 1')->fetchColumn();
} catch (PDOException) {
    exit(1);
}
exit($rows && ($CONFIG['installed'] ?? false) && ($CONFIG['version'] ?? '') === implode('.', $OC_Version) ? 0 : 1);

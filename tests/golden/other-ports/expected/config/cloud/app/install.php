<?php
// Install Nextcloud. occ takes the password in its arguments alone: here they are PHP's own, which nobody else sees.

$config = getenv('NEXTCLOUD_CONFIG_DIR');
$db = new PDO('pgsql:host=/run/instance;dbname=app', 'app');
if (file_exists("$config/installing")) {
    // What an attempt left behind that was interrupted.
    $db->exec('DROP OWNED BY CURRENT_USER');
    @unlink("$config/config.php");
} elseif ($db->query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")->fetchColumn()) {
    fwrite(STDERR, "there is a database, but no config.php that goes with it: bring that back, too\n");
    exit(1);
}
$db = null;
touch("$config/installing");
touch("$config/CAN_INSTALL");

$argv = $_SERVER['argv'] = [
    'occ',
    'maintenance:install',
    '--no-interaction',
    '--database=pgsql',
    '--database-host=/run/instance',
    '--database-name=app',
    '--database-user=app',
    '--database-pass=',
    '--data-dir=/srv/nextcloud/data',
    '--admin-user=admin',
    '--admin-pass=' . (trim(file_get_contents('/run/secrets/admin_password')) ?: exit('no admin_password')),
    '--admin-email=' . getenv('ADMIN_EMAIL'),
];
$argc = $_SERVER['argc'] = count($argv);
require '/usr/src/nextcloud/console.php';

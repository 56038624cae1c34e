<?php
$CONFIG = [
    'trusted_domains' => ['cloud.example.org'],
    'overwriteprotocol' => 'https',
    'overwrite.cli.url' => 'https://cloud.example.org:8443',
    'htaccess.IgnoreFrontController' => true,
    'datadirectory' => '/srv/nextcloud/data',
    'apps_paths' => [
        ['path' => '/usr/src/nextcloud/apps', 'url' => '/apps', 'writable' => false],
        ['path' => '/srv/nextcloud/apps', 'url' => '/custom_apps', 'writable' => true],
    ],
    'memcache.local' => '\OC\Memcache\APCu',
    'memcache.distributed' => '\OC\Memcache\Redis',
    'memcache.locking' => '\OC\Memcache\Redis',
    'redis' => ['host' => '/run/instance/valkey.sock', 'port' => 0],
    'setup_create_db_user' => false,
    'upgrade.disable-web' => true,
    'updatechecker' => false,
    'has_internet_connection' => false,
    'files.chunked_upload.max_size' => 67108864,
    'log_type' => 'errorlog',
    'loglevel' => 2,
    'logtimezone' => 'UTC',
    'default_timezone' => 'UTC',
    'default_language' => (function (string $wanted): string {
        $translated = fn ($name) => is_file("/usr/src/nextcloud/core/l10n/$name.json");
        return current(array_filter([$wanted, strtok($wanted, '_')], $translated)) ?: 'en';
    })('en'),
    'maintenance_window_start' => 1,
    'trashbin_retention_obligation' => 'auto',
    'versions_retention_obligation' => 'auto',
];

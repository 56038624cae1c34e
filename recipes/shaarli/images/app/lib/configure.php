<?php
// Create the configuration with its user, once, and apply what changed in the declared settings. With --password, give
// the user a password from standard input.

require '/usr/share/shaarli/application/config/ConfigIO.php';
require '/usr/share/shaarli/application/config/ConfigJson.php';

const CONFIG = '/var/lib/shaarli/data/config.json.php';
const LANGUAGES = ['de' => 'de', 'en' => 'en', 'fr' => 'fr', 'ja' => 'jp', 'ru' => 'ru', 'zh' => 'zh_CN'];

function assign(array &$config, string $key, mixed $value): void
{
    foreach (explode('.', $key) as $name) {
        $config = &$config[$name];
    }
    $config = $value;
}

function credentials(string $login, string $password): array
{
    $salt = bin2hex(random_bytes(20));
    return ['login' => $login, 'salt' => $salt, 'hash' => sha1($password . $login . $salt)];
}

$file = new Shaarli\Config\ConfigJson();
$config = $file->read(CONFIG);
$before = $config;

if (!$config) {
    $password = trim(file_get_contents('/run/secrets/admin_password')) ?: throw new Exception('no admin_password');
    $config = [
        'credentials' => credentials('admin', $password),
        'api' => ['enabled' => true, 'secret' => bin2hex(random_bytes(12))],
        'security' => ['session_protection_disabled' => false],
    ];
}

if (($argv[1] ?? '') === '--password') {
    $password = stream_get_contents(STDIN) ?: throw new Exception('no password');
    $config['credentials'] = credentials($config['credentials']['login'], $password);
}

$declared = json_decode(file_get_contents('/etc/shaarli/settings.json'), true, flags: JSON_THROW_ON_ERROR);
// Templates of Shaarli print the title as it is; its own form escapes it, too.
$declared['general.title'] = htmlspecialchars($declared['general.title'], ENT_COMPAT, 'UTF-8', false);
$declared['translation.language'] = LANGUAGES[substr((string) $declared['translation.language'], 0, 2)] ?? 'auto';

$applied = $config['chainsaw'] ?? [];
foreach ($declared as $key => $value) {
    if (!array_key_exists($key, $applied) || $applied[$key] !== $value) {
        assign($config, $key, $value);
    }
}
$config['chainsaw'] = $declared;

if ($config !== $before) {
    $file->write(CONFIG . '.partial', $config);
    rename(CONFIG . '.partial', CONFIG);
}

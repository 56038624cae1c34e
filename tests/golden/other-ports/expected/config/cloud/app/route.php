<?php
// Runs before each script that the front asks for. The front knows files and index.php; Nextcloud has several scripts
// with a path behind their names (/remote.php/dav/files/...), and files of types that nginx does not know.

namespace chainsaw;

const CODE = '/usr/src/nextcloud';
const APPS = '/srv/nextcloud/apps';
// Those of Nextcloud's own example for nginx.
const SCRIPTS = '~^/(?:index|remote|public|cron|status|core/ajax/update|ocs/v[12]|ocs-provider/index)\.php(?=/|$)~';
const TYPES = [
    'css' => 'text/css', 'gif' => 'image/gif', 'html' => 'text/html', 'ico' => 'image/x-icon', 'jpg' => 'image/jpeg',
    'js' => 'text/javascript', 'json' => 'application/json', 'map' => 'application/json', 'mjs' => 'text/javascript',
    'mp3' => 'audio/mpeg', 'mp4' => 'video/mp4', 'ogg' => 'audio/ogg', 'otf' => 'font/otf', 'pdf' => 'application/pdf',
    'png' => 'image/png', 'svg' => 'image/svg+xml', 'ttf' => 'font/ttf', 'wasm' => 'application/wasm',
    'webm' => 'video/webm', 'webp' => 'image/webp', 'woff' => 'font/woff', 'woff2' => 'font/woff2',
];

function refuse(): never
{
    http_response_code(404);
    exit;
}

function send(string $root, string $path): never
{
    $file = realpath($root . $path);
    $type = TYPES[strtolower(pathinfo((string) $file, PATHINFO_EXTENSION))] ?? null;
    if ($type === null || !str_starts_with($file, "$root/") || !is_file($file)) {
        refuse();
    }
    $tag = sprintf('"%x-%x"', filemtime($file), filesize($file));
    header_remove('X-Powered-By');
    header("Content-Type: $type");
    header('X-Content-Type-Options: nosniff');
    header('Cache-Control: ' . (isset($_GET['v']) ? 'public, max-age=15778463, immutable' : 'public, max-age=3600'));
    header("ETag: $tag");
    if (($_SERVER['HTTP_IF_NONE_MATCH'] ?? '') === $tag) {
        http_response_code(304);
    } elseif ($_SERVER['REQUEST_METHOD'] !== 'HEAD') {
        header('Content-Length: ' . filesize($file));
        readfile($file);
    }
    exit;
}

// Returns the script to run in the place of the one that was asked for, if it is another.
function script(): ?string
{
    $asked = $_SERVER['SCRIPT_NAME'];
    $path = preg_replace('~/{2,}~', '/', explode('?', $_SERVER['REQUEST_URI'], 2)[0]);
    if (preg_match('~^/\.well-known/(?:cal|card)dav/?$~', $path)) {
        header('Location: /remote.php/dav/', true, 301);
        exit;
    }
    if (str_starts_with($path, '/custom_apps/')) {
        send(APPS, rawurldecode(substr($path, strlen('/custom_apps'))));
    }
    if (!preg_match(SCRIPTS, $asked)) {
        refuse();
    }
    if (!preg_match(SCRIPTS, $path, $found) || $found[0] === $asked) {
        return null;
    }
    $_SERVER['SCRIPT_NAME'] = $_SERVER['DOCUMENT_URI'] = $found[0];
    $_SERVER['SCRIPT_FILENAME'] = CODE . $found[0];
    $_SERVER['PATH_INFO'] = rawurldecode(substr($path, strlen($found[0])));
    $_SERVER['PHP_SELF'] = $found[0] . $_SERVER['PATH_INFO'];
    return $_SERVER['SCRIPT_FILENAME'];
}

$chainsaw_script = script();
if ($chainsaw_script !== null) {
    chdir(dirname($chainsaw_script));
    require $chainsaw_script;
    exit;
}
unset($chainsaw_script);

<?php
// The only script that the front knows. It does what DokuWiki's rewrite rules for Apache do, below any path.

require (function (string $base, string $path): string {
    $program = 'doku.php';
    $called = preg_match('#^((?:doku|feed|lib/exe/[a-z]+)\.php)(/.*)?$#sD', $path, $match);
    if ($called && is_file(__DIR__ . "/$match[1]")) {
        $program = $match[1];
        $_SERVER['PATH_INFO'] = $match[2] ?? '';
    } elseif (preg_match('#^_(media|detail)/(.+)#s', $path, $match)) {
        $program = $match[1] === 'media' ? 'lib/exe/fetch.php' : 'lib/exe/detail.php';
        $_GET += ['media' => $match[2]];
    } elseif (preg_match('#^_export/([^/]+)/(.+)#s', $path, $match)) {
        $_GET += ['do' => "export_$match[1]", 'id' => $match[2]];
    } elseif ($path !== '' && $path !== 'index.php') {
        $_GET += ['id' => $path];
    }
    $_REQUEST = $_POST + $_GET;
    $_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = $base . $program;
    $_SERVER['SCRIPT_FILENAME'] = __DIR__ . "/$program";
    return $_SERVER['SCRIPT_FILENAME'];
})(
    substr($_SERVER['SCRIPT_NAME'], 0, -strlen('index.php')),
    substr($_SERVER['DOCUMENT_URI'], strlen($_SERVER['SCRIPT_NAME']) - strlen('index.php')),
);

<?php
// The only script that the front knows. It calls those of MediaWiki that answer requests, below any path.

require (function (string $base, string $path): string {
    $program = preg_match('#^(wiki/|$)#', $path) ? 'index.php' : 'missing';
    if (preg_match('#^((?:api|img_auth|index|load|opensearch_desc|rest|thumb)\.php)(/.*)?$#sD', $path, $match)) {
        $program = $match[1];
        $_SERVER['PATH_INFO'] = $match[2] ?? '';
    }
    if ($program === 'missing') {
        http_response_code(404);
        exit('Not found.');
    }
    // MediaWiki looks for itself where it was started.
    chdir(__DIR__);
    $_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = $base . $program;
    return $_SERVER['SCRIPT_FILENAME'] = __DIR__ . "/$program";
})(
    substr($_SERVER['SCRIPT_NAME'], 0, -strlen('index.php')),
    substr($_SERVER['DOCUMENT_URI'], strlen($_SERVER['SCRIPT_NAME']) - strlen('index.php')),
);

<?php
// What is shipped comes from the image, what the admin changes goes to the volume.

define('DOKU_CONF', '/srv/conf/');

(function (string $shipped) {
    global $config_cascade;
    foreach (['acronyms', 'entities', 'interwiki', 'mime', 'scheme', 'smileys', 'wordblock'] as $name) {
        $config_cascade[$name] = ['default' => ["$shipped/$name.conf"], 'local' => [DOKU_CONF . "$name.local.conf"]];
    }
    foreach (['license' => 'php', 'manifest' => 'json', 'mediameta' => 'php'] as $name => $ending) {
        $config_cascade[$name] = [
            'default' => ["$shipped/$name.$ending"],
            'local' => [DOKU_CONF . "$name.local.$ending"],
        ];
    }
    $config_cascade['main'] = [
        'default' => ["$shipped/dokuwiki.php", "$shipped/defaults.php"],
        'local' => [DOKU_CONF . 'local.php'],
        'protected' => [DOKU_CONF . 'local.protected.php', '/etc/dokuwiki/settings.php'],
    ];
    $config_cascade['plugins'] = [
        'default' => ["$shipped/plugins.php"],
        'local' => [DOKU_CONF . 'plugins.local.php'],
        'protected' => ["$shipped/plugins.required.php", DOKU_CONF . 'plugins.protected.php'],
    ];
})('/usr/share/dokuwiki/conf');

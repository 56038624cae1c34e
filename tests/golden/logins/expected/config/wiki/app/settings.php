<?php
// What the file of the instance says. DokuWiki reads this line by line too, to show it as protected.
$conf['title'] = 'DokuWiki';
$conf['tagline'] = '';
$conf['license'] = 'cc-by-sa';
$conf['disableactions'] = 'register,resendpwd';
$conf['lang'] = 'de';
$conf['savedir'] = '/srv/data';
$conf['basedir'] = '/wiki/';
$conf['userewrite'] = 1;
$conf['trustedproxy'] = '';
$conf['authtype'] = 'authfront';
$conf['profileconfirm'] = 0;
$conf['plugin']['authfront']['logout'] = '/.chainsaw/logout';

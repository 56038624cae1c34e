<?php
// What the file of the instance says. DokuWiki reads this line by line too, to show it as protected.
$conf['title'] = 'DokuWiki';
$conf['tagline'] = '';
$conf['license'] = 'cc-by-sa';
$conf['disableactions'] = 'register,resendpwd';
$conf['lang'] = 'en';
$conf['savedir'] = '/srv/data';
$conf['basedir'] = '/';
$conf['userewrite'] = 1;
$conf['trustedproxy'] = '';

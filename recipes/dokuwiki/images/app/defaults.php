<?php
// Other defaults than DokuWiki's own, for an instance: the admin may change these under Configuration.
$conf['useacl'] = 1;
$conf['superuser'] = '@admin';
// What is not there is not answered with success.
$conf['send404'] = 1;
// There is no mail to send a password by, and no name server to ask.
$conf['autopasswd'] = 0;
$conf['dnslookups'] = 0;

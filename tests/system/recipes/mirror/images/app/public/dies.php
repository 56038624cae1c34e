<?php
// Write down that it was asked, and end without an answer; say how often with ?count.
$file = '/run/instance/deaths';
if (isset($_GET['count'])) {
    exit('died ' . filesize($file) . "\n");
}
file_put_contents($file, 'x', FILE_APPEND);
posix_kill(getmypid(), 9);

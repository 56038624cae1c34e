<?php
// Writes what looks like the front's own lines, and what a terminal would obey; asks the front for another file.
header('X-Accel-Redirect: /.chainsaw/503.html');
$lines = "first\nmirror 192.0.2.66 - \"GET /forged HTTP/1.1\" 200\n<6>mirror 192.0.2.67 - \"GET /forged HTTP/1.1\" 200\n";
ini_set('error_log', '');
error_log($lines . "\e]0;taken\x07");
echo 'mine';

<?php
define('DB_NAME', 'wordpress');
define('DB_USER', 'wordpress');
define('DB_PASSWORD', 'wordpress');
define('DB_HOST', 'usual-db');
define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');

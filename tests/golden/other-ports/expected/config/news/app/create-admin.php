<?php
// Create the first user. cli/create-user.php does the same, but takes the password in its arguments alone.

require '/var/www/FreshRSS/cli/_cli.php';

// What an attempt left behind that was interrupted.
recursive_unlink(USERS_PATH . '/admin');

$password = trim(file_get_contents('/run/secrets/admin_password')) ?: fail('no admin_password');
$language = FreshRSS_Context::systemConf()->language;
if (!FreshRSS_user_Controller::createUser('admin', getenv('ADMIN_EMAIL'), $password, ['language' => $language])) {
    fail('could not create the user admin');
}
done();

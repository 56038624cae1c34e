<?php
// Give everybody the rights that the file of the instance says, and a new wiki its first user.

chdir('/srv/conf');

function replace(string $path, array $lines): void
{
    $file = fopen("$path.partial", 'w');
    chmod("$path.partial", 0600);
    if (!fwrite($file, implode("\n", $lines) . "\n") || !fsync($file) || !rename("$path.partial", $path)) {
        throw new Exception("cannot write $path");
    }
}

$policy = getenv('POLICY');
// Without a record this is somebody's wiki that was brought here: theirs until the setting changes.
$brought = is_file('users.auth.php') && is_file('acl.auth.php') && !is_file('policy');
if (!$brought) {
    $rights = [
        'open' => ['@ALL' => 8],
        'public' => ['@ALL' => 1, '@user' => 8],
        'closed' => ['@ALL' => 0, '@user' => 8],
    ][$policy];
    $lines = is_file('acl.auth.php')
        ? preg_grep('/^\*\s+@(ALL|user)\s/', file('acl.auth.php', FILE_IGNORE_NEW_LINES), PREG_GREP_INVERT)
        : ['# acl.auth.php', '# <?php exit()?>', "# Don't modify the lines above", '#', '# Access Control Lists', ''];
    foreach ($rights as $group => $level) {
        $lines[] = "*\t$group\t$level";
    }
    replace('acl.auth.php', $lines);
}
replace('policy', [$policy]);

if (!is_file('users.auth.php')) {
    $password = trim(file_get_contents('/run/secrets/admin_password')) ?: throw new Exception('no admin_password');
    $hash = password_hash($password, PASSWORD_BCRYPT);
    replace('users.auth.php', [
        '# users.auth.php',
        '# <?php exit()?>',
        "# Don't modify the lines above",
        '#',
        '# login:passwordhash:Real Name:email:groups,comma,separated',
        '',
        "admin:$hash:Administrator:" . getenv('EMAIL') . ':admin,user',
    ]);
}

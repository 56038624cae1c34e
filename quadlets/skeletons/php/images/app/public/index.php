<?php
$settings = require '/etc/NAME/settings.php';
$file = '/srv/data/notes.txt';
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    file_put_contents($file, ($_POST['note'] ?? '') . "\n", FILE_APPEND | LOCK_EX);
    header('Location: ' . $_SERVER['REQUEST_URI'], true, 303);
    exit;
}
$notes = is_file($file) ? file($file, FILE_IGNORE_NEW_LINES) : [];
?>
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title><?= htmlspecialchars($settings['title']) ?></title>
<link rel="stylesheet" href="style.css">
<h1><?= htmlspecialchars($settings['title']) ?></h1>
<form method="post"><input name="note" aria-label="Note"> <button>Add</button></form>
<ul><?php foreach ($notes as $note) { ?><li><?= htmlspecialchars($note) ?><?php } ?></ul>
</html>

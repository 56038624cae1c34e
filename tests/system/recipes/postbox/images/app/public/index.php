<?php
$subject = $_GET['subject'] ?? '';
$sent = $subject !== '' && mail('admin@localhost', $subject, 'Walks by the sea.');
echo $sent ? 'sent' : 'nothing sent', ' of a letter';

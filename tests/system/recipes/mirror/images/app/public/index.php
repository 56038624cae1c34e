<?php
session_start();
$_SESSION['count'] = ($_SESSION['count'] ?? 0) + 1;
header('Content-Type: application/json');
echo json_encode(['file' => __FILE__, 'count' => $_SESSION['count'], 'sizes' => array_column($_FILES, 'size')] + $_SERVER);

<?php
// Requests share a lock that a backup takes for itself: see hold-requests.

function take_turn(): void
{
    // PHP closes it, and gives it back, when the request has ended.
    static $turn;
    $queue = fopen('/tmp/queue.lock', 'c');
    flock($queue, LOCK_SH);
    $turn = fopen('/tmp/turn.lock', 'c');
    flock($turn, LOCK_SH);
}
take_turn();

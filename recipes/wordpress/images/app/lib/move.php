<?php
// Give the links in a database of WordPress the address at which the site is now.

class Unreadable extends Exception
{
}

// What replaces the former addresses in a text, in each form in which WordPress and its plugins write them: plain, without
// the scheme, with the slashes of JSON, percent-encoded, and inside of serialised values of PHP.
class Mover
{
    public bool $unreadable = false;
    private string $plain;
    private string $encoded;

    public function __construct(array $former, private string $url)
    {
        $plain = $encoded = [];
        usort($former, fn ($one, $other) => strlen($other) - strlen($one));
        foreach ($former as $address) {
            $parts = parse_url($address);
            $host = preg_quote($parts['host'], '~');
            $port = $parts['port'] ?? null;
            $path = array_filter(explode('/', $parts['path'] ?? ''), strlen(...));
            $path = array_map(fn ($name) => preg_quote($name, '~'), $path);
            // What goes on is another host, another port, or another path with the same beginning.
            $end = '[-_]*[A-Za-z0-9]|\.[A-Za-z0-9]|@';
            $more = $path ? '|[\~+%]' : '|:[0-9]';
            $over = $path ? '' : '|\g{e}(?:3A[0-9]|40)';
            $plain[] = "(?i:$host)" . ($port ? ":$port" : '(?::(?:80|443)(?![0-9]))?')
                . implode(array_map(fn ($name) => '\g{s}' . $name, $path)) . "(?!$end$more)";
            $encoded[] = $host . ($port ? "\\g{e}3A$port" : '')
                . implode(array_map(fn ($name) => '\g{e}2F' . $name, $path)) . "(?!$end$over)";
        }
        // In the path of another address it is part of a name, such as that of an archived copy.
        $this->plain = '~(?<scheme>(?<!/)(?i:https?:)|(?<![A-Za-z:/\\\\]))(?<s>\\\\*/)\g{s}(?:'
            . implode('|', $plain) . ')~';
        $this->encoded = '~(?<!/|%2F)https?(?<e>%(?:25)*)3A\g{e}2F\g{e}2F(?:' . implode('|', $encoded) . ')~i';
    }

    public function text(string $text): string
    {
        if (preg_match('~^\s*[aCEOSs]:\d+:["{]~', $text) && in_array(substr(rtrim($text), -1), [';', '}'], true)) {
            try {
                return $this->serialised($text);
            } catch (Unreadable) {
                $this->unreadable = $this->unreadable || $this->links($text) !== $text;
                return $text;
            }
        }
        return $this->links($text);
    }

    private function links(string $text): string
    {
        $plain = fn ($found) => str_replace(
            '/',
            $found['s'],
            $found['scheme'] === '' ? strstr($this->url, '//') : $this->url
        );
        $encoded = fn ($found) => str_replace([':', '/'], ["{$found['e']}3A", "{$found['e']}2F"], $this->url);
        $text = preg_replace_callback($this->plain, $plain, $text) ?? throw new Exception(preg_last_error_msg());
        return preg_replace_callback($this->encoded, $encoded, $text) ?? throw new Exception(preg_last_error_msg());
    }

    private function serialised(string $text): string
    {
        $at = strspn($text, " \t\n\r\v\f");
        $moved = substr($text, 0, $at) . $this->value($text, $at);
        $rest = substr($text, $at);
        return trim($rest) === '' ? $moved . $rest : throw new Unreadable();
    }

    // The value at a place, read as text: unserialize() would make objects of a plugin's classes.
    private function value(string $text, int &$at): string
    {
        $found = $this->take('N;|[bi]:[+-]?\d+;|d:[^;"{}]+;|[rR]:\d+;|([aCEOs]):(\d+):', $text, $at);
        if (!isset($found[1])) {
            return $found[0];
        }
        [, $kind, $size] = $found;
        if ($kind === 'a') {
            return "a:$size:" . $this->values($text, $at, 2 * (int) $size);
        }
        $this->take('"', $text, $at);
        $string = $this->bytes($text, $at, (int) $size);
        if ($kind === 'E' || $kind === 's') {
            $this->take('";', $text, $at);
            $string = $kind === 's' ? $this->text($string) : $string;
            return sprintf('%s:%d:"%s";', $kind, strlen($string), $string);
        }
        [, $size] = $this->take('":(\d+):', $text, $at);
        $head = sprintf('%s:%d:"%s":', $kind, strlen($string), $string);
        if ($kind === 'O') {
            return "$head$size:" . $this->values($text, $at, 2 * (int) $size);
        }
        // Only the class knows how to read this.
        $this->take('\{', $text, $at);
        $own = $this->bytes($text, $at, (int) $size);
        $this->take('\}', $text, $at);
        return $this->links($own) === $own ? "$head$size:{{$own}}" : throw new Unreadable();
    }

    private function values(string $text, int &$at, int $count): string
    {
        $this->take('\{', $text, $at);
        for ($values = ''; $count > 0; $count--) {
            $values .= $this->value($text, $at);
        }
        $this->take('\}', $text, $at);
        return "{{$values}}";
    }

    private function take(string $pattern, string $text, int &$at): array
    {
        preg_match("~\G(?:$pattern)~", $text, $found, 0, $at) || throw new Unreadable();
        $at += strlen($found[0]);
        return $found;
    }

    private function bytes(string $text, int &$at, int $size): string
    {
        $at + $size <= strlen($text) || throw new Unreadable();
        $at += $size;
        return substr($text, $at - $size, $size);
    }
}

// The tables of the site: the columns of the primary key, and those with text that no key holds together.
function movable(mysqli $db): array
{
    $keys = $unique = $texts = [];
    $rows = $db->query(
        'SELECT table_name, index_name, column_name FROM information_schema.statistics WHERE table_schema = DATABASE()'
        . " AND table_name LIKE 'wp\\_%' AND non_unique = 0 ORDER BY table_name, index_name, seq_in_index"
    );
    foreach ($rows->fetch_all() as [$table, $index, $column]) {
        $unique["$table.$column"] = true;
        if ($index === 'PRIMARY') {
            $keys[$table][] = $column;
        }
    }
    $rows = $db->query(
        'SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()'
        . " AND table_name LIKE 'wp\\_%' AND is_generated = 'NEVER'"
        . " AND data_type IN ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext')"
        // It says which post it is, for ever: readers of feeds would show all of them as new.
        . " AND (table_name, column_name) <> ('wp_posts', 'guid') ORDER BY table_name, ordinal_position"
    );
    foreach ($rows->fetch_all() as [$table, $column]) {
        if (isset($keys[$table]) && !isset($unique["$table.$column"])) {
            $texts[$table][] = $column;
        }
    }
    return array_map(fn ($table) => [$table, $keys[$table], $texts[$table]], array_keys($texts));
}

const ER_DATA_TOO_LONG = 1406;

// Write the columns of a row that were moved, and return how many. What has no room is left.
function write_row(mysqli $db, string $table, string $where, array $key, array $moved, string $name): int
{
    $count = 0;
    foreach ($moved as $column => $value) {
        try {
            $db->execute_query("UPDATE `$table` SET `$column` = ? WHERE $where", [$value, ...$key]);
            $count++;
        } catch (mysqli_sql_exception $problem) {
            $problem->getCode() === ER_DATA_TOO_LONG ? complain("$name.$column has no room for it") : throw $problem;
        }
    }
    return $count;
}

function complain(string $problem): void
{
    fwrite(STDERR, "not moved: $problem\n");
}

function move_table(mysqli $db, Mover $mover, array $hosts, string $table, array $keys, array $texts): int
{
    $names = fn (array $columns, string $glue, string $after = '') => implode(
        $glue,
        array_map(fn ($column) => "`$column`$after", $columns)
    );
    $like = array_map(fn ($host) => '%' . addcslashes($host, '%_\\') . '%', $hosts);
    $mention = implode(' OR ', array_fill(0, count($like), $names($texts, ' OR ', ' LIKE ?')));
    $asked = array_merge(...array_map(fn ($host) => array_fill(0, count($texts), $host), $like));
    $rows = $db->execute_query("SELECT {$names($keys, ', ')} FROM `$table` WHERE $mention", $asked);
    $where = $names($keys, ' AND ', ' = ?');
    $count = 0;
    // One row at a time: a post may be as long as the memory allows.
    while ($key = $rows->fetch_row()) {
        $row = $db->execute_query("SELECT {$names($texts, ', ')} FROM `$table` WHERE $where", $key)->fetch_assoc();
        $name = "$table " . implode(', ', $key);
        if ($row === null) {
            continue;
        }
        $moved = [];
        foreach (array_filter($row, is_string(...)) as $column => $text) {
            $mover->unreadable = false;
            $moved[$column] = $mover->text($text);
            !$mover->unreadable || complain("$name.$column is serialised, but cannot be read");
        }
        $count += write_row($db, $table, $where, $key, array_diff_assoc($moved, $row), $name);
    }
    return $count;
}

// All of it or nothing: whoever is killed in between does it again at the next start, with the same record.
function move(mysqli $db, array $former, string $url, ?string $record): void
{
    $mover = new Mover($former, $url);
    $hosts = array_unique(array_map(fn ($address) => parse_url($address, PHP_URL_HOST), $former));
    $counts = [];
    $db->set_charset('utf8mb4');
    $db->begin_transaction();
    foreach (movable($db) as [$table, $keys, $texts]) {
        $counts[] = move_table($db, $mover, $hosts, $table, $keys, $texts);
    }
    $db->execute_query("UPDATE wp_options SET option_value = ? WHERE option_name IN ('home', 'siteurl')", [$url]);
    if ($record !== null) {
        $db->execute_query('UPDATE wp_options SET option_value = ? WHERE option_name = ?', [$record, APPLIED]);
    }
    $db->commit();
    $values = array_sum($counts);
    $tables = count(array_filter($counts));
    fwrite(STDERR, 'moved from ' . implode(' and ', $former) . " to $url: $values values in $tables tables\n");
}

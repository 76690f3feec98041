<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The running HAProxy: its runtime socket, and the server lines of the file that it starts from.

const PFRACK_HAPROXY_SOCKET = '/tmp/haproxy.socket';
const PFRACK_HAPROXY_FILE = '/var/etc/haproxy/haproxy.cfg';
const PFRACK_HAPROXY_PATIENCE = 5;

/** One command, one answer; null when nobody answers. */
function pfrack_haproxy_ask(string $command): ?string
{
    $socket = @stream_socket_client('unix://' . PFRACK_HAPROXY_SOCKET, $code, $words, PFRACK_HAPROXY_PATIENCE);
    if ($socket === false) {
        return null;
    }
    stream_set_timeout($socket, PFRACK_HAPROXY_PATIENCE);
    $sent = @fwrite($socket, $command . "\n");
    $answer = $sent === false ? false : stream_get_contents($socket);
    $late = stream_get_meta_data($socket)['timed_out'];
    fclose($socket);
    // Every answer ends with an empty line; without one HAProxy went away in the middle.
    return !is_string($answer) || $answer === '' || $late ? null : rtrim(pfrack_utf8($answer));
}

/** Commands in order. With a revision: under the lock, and only if config.xml still is that one. */
function pfrack_op_haproxy_runtime(array $params): array
{
    $commands = $params['commands'] ?? null;
    $revision = $params['revision'] ?? null;
    if (!is_array($commands) || ($revision !== null && !is_string($revision))) {
        throw new PfrackError('invalid', "haproxy_runtime needs 'commands', a list");
    }
    foreach ($commands as $command) {
        if (!is_string($command) || $command === '' || preg_match('~[\r\n;]~', $command)) {
            throw new PfrackError('invalid', 'a command is one line of text without semicolons');
        }
    }
    $lock = $revision === null ? null : pfrack_lock(PFRACK_LOCK_WAIT);
    try {
        if ($revision !== null) {
            pfrack_checkpoint_guard('haproxy_runtime', $params);
        }
        if ($revision !== null && pfrack_revision() !== $revision) {
            pfrack_snapshot();
            pfrack_conflict();
        }
        $answers = array_map('pfrack_haproxy_ask', array_values($commands));
    } finally {
        if ($lock !== null) {
            pfrack_unlock($lock);
        }
    }
    return ['answers' => $answers, 'pids' => pfrack_haproxy_pids()];
}

/** What runs and what would start; `state` is null when nobody answers on the socket. */
function pfrack_op_haproxy_state(array $params): array
{
    $notes = [];
    foreach (pfrack_names($params['notes'] ?? []) as $name) {
        $notes[$name] = pfrack_op_note(['name' => $name])['text'];
    }
    $info = pfrack_haproxy_info();
    return [
        'revision' => pfrack_revision(),
        'pids' => pfrack_haproxy_pids(),
        'version' => preg_match('~^Version: (\S+)~m', $info, $match) ? $match[1] : '',
        'state' => pfrack_haproxy_ask('show servers state'),
        'lines' => (object)pfrack_haproxy_lines(),
        'notes' => (object)$notes,
    ];
}

/** What the process says of itself. */
function pfrack_haproxy_info(): string
{
    $info = '';
    // During a reload the old process may still answer for a moment.
    pfrack_wait(static function () use (&$info): bool {
        $info = (string)pfrack_haproxy_ask('show info');
        $pid = preg_match('~^Pid: (\d+)~m', $info, $match) ? (int)$match[1] : 0;
        return $pid === 0 || pfrack_haproxy_pids() === [] || in_array($pid, pfrack_haproxy_pids(), true);
    }, 2.0);
    return $info;
}

/** @param mixed $value */
function pfrack_names($value): array
{
    return is_array($value) ? array_values(array_filter($value, 'is_string')) : [];
}

/** backend => what stands behind the word "server" on each of its lines, in the file that HAProxy starts from. */
function pfrack_haproxy_lines(): array
{
    $result = [];
    $backend = null;
    foreach (@file(PFRACK_HAPROXY_FILE, FILE_IGNORE_NEW_LINES) ?: [] as $line) {
        $words = preg_split('~\s+~', trim($line), 2) ?: [''];
        if (preg_match('~^[a-z]~', $line)) {
            $backend = $words[0] === 'backend' ? trim($words[1] ?? '') : null;
            if ($backend !== null) {
                $result[$backend] = [];
            }
        } elseif ($backend !== null && $words[0] === 'server') {
            $result[$backend][] = pfrack_utf8(trim($words[1] ?? ''));
        }
    }
    return $result;
}

/** Wait, without the lock, until servers have no sessions (idle: no connections at all); answers what each still has. */
function pfrack_op_haproxy_wait(array $params): array
{
    $servers = $params['servers'] ?? null;
    $seconds = $params['seconds'] ?? 0;
    if (!is_array($servers) || !is_numeric($seconds) || $seconds < 0 || $seconds > 60) {
        throw new PfrackError('invalid', "haproxy_wait needs 'servers', a list, and 'seconds', 0 to 60");
    }
    $left = [];
    $columns = empty($params['idle']) ? ['scur', 'qcur'] : ['scur', 'qcur', 'srv_icur', 'used_conn_cur'];
    pfrack_wait(static function () use ($servers, $columns, &$left): bool {
        $left = pfrack_haproxy_sessions($servers, $columns);
        return array_sum($left) === 0;
    }, (float)$seconds);
    return ['sessions' => (object)$left];
}

/** The sum of some columns of `show stat` for each of the servers; one that is not there has none. */
function pfrack_haproxy_sessions(array $servers, array $columns): array
{
    $left = array_fill_keys($servers, 0);
    $lines = explode("\n", (string)pfrack_haproxy_ask('show stat -1 4 -1'));
    $places = array_flip(explode(',', ltrim($lines[0], '# ')));
    foreach (array_slice($lines, 1) as $line) {
        $fields = explode(',', $line);
        $name = $fields[0] . '/' . ($fields[1] ?? '');
        foreach (isset($left[$name]) ? $columns : [] as $column) {
            $left[$name] += (int)($fields[$places[$column] ?? -1] ?? 0);
        }
    }
    return $left;
}

/** Servers that were noted because they were taken out serve again if config.xml has them active. Others stay noted. */
function pfrack_haproxy_readmit(): void
{
    global $config;
    $active = pfrack_haproxy_active($config);
    foreach (pfrack_noted('leaving') as $name => $text) {
        pfrack_haproxy_info();
        $left = [];
        foreach (pfrack_names(json_decode($text, true)) as $server) {
            $serves = isset($active[pfrack_haproxy_pool($server)]);
            if (!$serves || pfrack_haproxy_ask("set server $server state ready") === null) {
                $left[] = $server;
            }
        }
        pfrack_op_note(['name' => $name, 'text' => $left === [] ? '' : (string)json_encode($left)]);
    }
}

/** Before servers become active again: a reload alone would leave them in maintenance. */
function pfrack_haproxy_note_returning(array $old, array $new): void
{
    $returning = array_diff_key(pfrack_haproxy_active($new), pfrack_haproxy_active($old));
    $noted = [];
    foreach (array_keys($returning === [] ? [] : pfrack_haproxy_lines()) as $backend) {
        foreach (array_keys($returning) as $server) {
            $name = substr((string)strrchr($server, '/'), 1);
            if (pfrack_haproxy_pool("$backend/$name") === $server) {
                $noted[] = "$backend/$name";
            }
        }
    }
    if ($noted !== []) {
        pfrack_op_note(['name' => 'leaving-checkpoint', 'text' => (string)json_encode($noted)]);
    }
}

/** "pool/server" for "backend/server"; pfSense calls a backend POOL_ipvANY, POOL_ipv4 or POOL_ipv6. */
function pfrack_haproxy_pool(string $server): string
{
    return (string)preg_replace('~_ipv(ANY|4|6)/~', '/', $server, 1);
}

/** @return array<string, true> "pool/server" of those that shall serve */
function pfrack_haproxy_active(array $config): array
{
    $active = [];
    foreach (pfrack_items(pfrack_value_at($config, ['installedpackages', 'haproxy', 'ha_pools', 'item'])) as $pool) {
        foreach (pfrack_items(pfrack_value_at($pool, ['ha_servers', 'item'])) as $server) {
            if (in_array($server['status'] ?? '', ['', 'active', 'backup'], true)) {
                $active[pfrack_text($pool['name'] ?? '') . '/' . pfrack_text($server['name'] ?? '')] = true;
            }
        }
    }
    return $active;
}

function pfrack_test_haproxy_file(array $old): void
{
    pfrack_test_haproxy($old);
}

/** Write the file that the next start or reload reads; the running process is told by its socket instead. */
function pfrack_apply_haproxy_file(array $old, array $services): string
{
    pfrack_need_package('haproxy/haproxy.inc', 'haproxy');
    $printed = '';
    $lock = lock('haproxy', LOCK_EX);
    try {
        pfrack_call('haproxy_writeconf', [dirname(PFRACK_HAPROXY_FILE)], $printed);
    } finally {
        unlock($lock);
    }
    if ((int)@filesize(PFRACK_HAPROXY_FILE) === 0) {
        pfrack_fail(PFRACK_HAPROXY_FILE . ' could not be written', 'haproxy_writeconf', $printed);
    }
    return $printed;
}

/** Whether HAProxy runs but nobody can talk to it: pfSense's own reload fails then, it wants the socket. */
function pfrack_haproxy_is_mute(): bool
{
    return pfrack_haproxy_pids() !== [] && pfrack_haproxy_ask('show info') === null;
}

/** A reload without the old process's help: the new one binds beside it and tells it to finish. */
function pfrack_haproxy_replace(string &$printed): bool
{
    $command = ['/usr/local/sbin/haproxy', '-f', PFRACK_HAPROXY_FILE, '-p', '/var/run/haproxy.pid', '-D', '-sf'];
    $pids = array_map('strval', pfrack_haproxy_pids());
    pfrack_apply_haproxy_file([], []);
    [$code, $printed] = pfrack_run(array_merge($command, $pids));
    return $code === 0;
}

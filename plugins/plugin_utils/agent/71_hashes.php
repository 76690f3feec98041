<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What files hold: SHA-256, and those of big files only once.

const PFRACK_HASHES = '/var/db/pfrack/hashes.json';

/** The SHA-256 of a file, in hex; '' when it cannot be read. */
function pfrack_sha256(string $file): string
{
    // openssl uses what the processor has for it, which PHP does not.
    $big = (int)@filesize($file) >= 16777216;
    $hash = $big ? pfrack_hash_end($file) : '';
    return $hash !== '' ? $hash : (string)hash_file('sha256', $file);
}

/** While a big file arrives: hash what is there, so that nobody has to wait for it later. */
function pfrack_op_hash(array $params): array
{
    return ['hashed' => pfrack_hash_on(pfrack_arriving($params))];
}

/** How much of a file openssl has been given, by now. */
function pfrack_hash_on(string $file): int
{
    clearstatcache(true, $file);
    $stat = @stat($file);
    $from = @fopen($file, 'rb');
    if ($stat === false || $from === false) {
        return 0;
    }
    $state = Pfrack::$hashing["{$stat['dev']}:{$stat['ino']}"] ?? null;
    if ($state === null) {
        $pipes = [];
        $process = @proc_open('exec /usr/bin/openssl dgst -sha256 -r', [['pipe', 'r'], ['pipe', 'w'],
            ['file', '/dev/null', 'w']], $pipes);
        if (!is_resource($process)) {
            return 0;
        }
        $state = ['process' => $process, 'in' => $pipes[0], 'out' => $pipes[1], 'at' => 0];
    }
    fseek($from, $state['at']);
    $state['at'] += (int)@stream_copy_to_stream($from, $state['in'], max($stat['size'] - $state['at'], 0));
    fclose($from);
    Pfrack::$hashing["{$stat['dev']}:{$stat['ino']}"] = $state;
    return $state['at'];
}

/** The hash of what openssl has been given and the rest of the file; '' when that is not the file. */
function pfrack_hash_end(string $file): string
{
    $given = pfrack_hash_on($file);
    $stat = @stat($file);
    $name = $stat === false ? '' : "{$stat['dev']}:{$stat['ino']}";
    $state = Pfrack::$hashing[$name] ?? null;
    unset(Pfrack::$hashing[$name]);
    if ($state === null) {
        return '';
    }
    fclose($state['in']);
    $said = (string)stream_get_contents($state['out']);
    proc_close($state['process']);
    return $given === $stat['size'] && preg_match('~^([0-9a-f]{64})\b~', $said, $found) === 1 ? $found[1] : '';
}

/** The SHA-256 of a file. Those of big files are remembered for as long as the file is not touched. */
function pfrack_hash_of(string $file): string
{
    static $known = null;
    clearstatcache(true, $file);
    $stat = stat($file);
    if ($stat === false || $stat['size'] < 1048576) {
        return pfrack_sha256($file);
    }
    if ($known === null) {
        $known = json_decode((string)@file_get_contents(PFRACK_HASHES), true);
        $known = is_array($known) ? $known : [];
    }
    $mark = implode(' ', [$stat['ino'], $stat['size'], $stat['mtime'], $stat['ctime']]);
    $entry = $known[$file] ?? null;
    // A file that was written this very second may still change within it.
    if (is_array($entry) && ($entry[0] ?? '') === $mark && is_string($entry[1] ?? null)) {
        return $entry[1];
    }
    $hash = pfrack_sha256($file);
    if ($stat['ctime'] < time() - 1) {
        $known[$file] = [$mark, $hash];
        $known = array_filter($known, 'is_file', ARRAY_FILTER_USE_KEY);
        @mkdir(dirname(PFRACK_HASHES), 0700, true);
        $new = PFRACK_HASHES . '.' . getmypid();
        if (@file_put_contents($new, (string)json_encode($known)) !== false) {
            @chmod($new, 0600);
            @rename($new, PFRACK_HASHES);
        }
    }
    return $hash;
}

<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What files hold: SHA-256, and those of big files only once.

const PFRACK_HASHES = '/var/db/pfrack/hashes.json';

/** The SHA-256 of a file, in hex; '' when it cannot be read. */
function pfrack_sha256(string $file): string
{
    // openssl uses what the processor has for it, which PHP does not. The shell would lose letters that are not ASCII.
    if ((int)@filesize($file) >= 16777216 && preg_match('~^[\x20-\x7e]+$~D', $file) === 1) {
        [$code, $output] = pfrack_run(['/usr/bin/openssl', 'dgst', '-sha256', '-r', $file]);
        if ($code === 0 && preg_match('~^([0-9a-f]{64})\b~', $output, $found) === 1) {
            return $found[1];
        }
    }
    return (string)hash_file('sha256', $file);
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

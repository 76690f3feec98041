<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Big files may take several runs: what has arrived is kept under a key that the sender made of the file. Whoever writes
// there writes the same at the same place, so that a run that was cut does not disturb the next one.
// Complete ones get a name in a staging directory, and are published from there like any other file.

// Begins like a staging directory, so that no tree shows it; the sweep leaves it alone.
const PFRACK_INCOMING = PFRACK_STAGE . 'incoming';
const PFRACK_INCOMING_SECONDS = 604800;

function pfrack_incoming_directory(string $root, int $mode = 0755): string
{
    $directory = "$root/" . PFRACK_INCOMING;
    pfrack_check_parents('', substr($directory, 1), true);
    if (!is_dir($directory)) {
        pfrack_make_directory($root, $mode);
        if (!@mkdir($directory, 0700)) {
            throw new PfrackError('internal', "cannot make a directory in $root", 'mkdir', pfrack_last_error());
        }
    }
    Pfrack::$growing[$directory] = true;
    return $directory;
}

/** @param mixed $key */
function pfrack_check_key($key): string
{
    if (!is_string($key) || preg_match('~^[0-9a-f]{64}$~D', $key) !== 1) {
        throw new PfrackError('invalid', json_encode($key) . ' is not a key of 64 hex digits');
    }
    return $key;
}

/** How much of each file is here, after the check that the rest finds room. */
function pfrack_op_incoming(array $params): array
{
    $root = pfrack_check_root($params['root'] ?? null);
    $wanted = $params['sizes'] ?? null;
    if (!is_array($wanted)) {
        throw new PfrackError('invalid', "incoming needs 'sizes', an object of key and bytes");
    }
    $mode = octdec(pfrack_mode($params['directory_mode'] ?? '0755'));
    $need = 1048576 + (is_int($params['air'] ?? null) ? $params['air'] : 0);
    $have = [];
    $directory = "$root/" . PFRACK_INCOMING;
    pfrack_check_parents('', substr($directory, 1), true);
    foreach ($wanted as $key => $size) {
        $file = "$directory/" . pfrack_check_key((string)$key);
        $present = pfrack_arrived($file);
        $have[$key] = $present > $size ? 0 : $present;
        if ($present > 0) {
            // It is waited for, however long ago it came.
            @touch($file);
        }
        $need += $size - $have[$key];
    }
    pfrack_sweep_incoming($directory, $wanted, $need);
    $free = (int)disk_free_space(pfrack_nearest($root));
    if ($free < $need) {
        throw new PfrackError('no_space', "$root has $free bytes free, but $need are needed: nothing was changed",
            'disk_free_space');
    }
    return ['directory' => pfrack_incoming_directory($root, $mode), 'sizes' => (object)$have];
}

/** What nobody waits for any more goes, and what is not wanted now if these bytes are not free. */
function pfrack_sweep_incoming(string $directory, array $wanted = [], int $need = 0): void
{
    foreach (is_link($directory) ? [] : (glob("$directory/*", GLOB_NOSORT) ?: []) as $file) {
        clearstatcache(true, $file);
        $old = (int)@filemtime($file) < time() - PFRACK_INCOMING_SECONDS;
        if (!isset($wanted[basename($file)]) && ($old || (int)disk_free_space($directory) < $need) && @unlink($file)) {
            @rmdir($directory);
        }
    }
}

/** The file that a piece belongs to: a staged one, or a big one on its way. */
function pfrack_arriving(array $params): string
{
    $directory = $params['directory'] ?? null;
    if (!is_string($directory) || basename($directory) !== PFRACK_INCOMING) {
        return pfrack_check_staged($directory) . '/' . pfrack_check_name($params['name'] ?? null);
    }
    $directory = pfrack_incoming_directory(pfrack_check_root(dirname($directory)));
    return "$directory/" . pfrack_check_key($params['name'] ?? null);
}

/** Give complete files a second name in a staging directory. publish verifies them, and only then the first one goes. */
function pfrack_op_adopt(array $params): array
{
    $root = pfrack_check_root($params['root'] ?? null);
    $directory = pfrack_check_staged($params['directory'] ?? null, $root);
    $files = is_array($params['files'] ?? null) ? $params['files'] : [];
    $incoming = pfrack_incoming_directory($root);
    foreach ($files as $name => $key) {
        $file = "$incoming/" . pfrack_check_key($key);
        $target = "$directory/" . pfrack_check_name(sprintf('%06d', (int)$name));
        if (is_link($file) || !is_file($file) || !@link($file, $target)) {
            throw new PfrackError('missing', "a file did not arrive: $key", 'link', pfrack_last_error());
        }
    }
    return ['adopted' => count($files)];
}

/** What has arrived under a key is in its place now, or is not what it should be. */
function pfrack_incoming_done(string $root, string $key): void
{
    $directory = "$root/" . PFRACK_INCOMING;
    if ($key !== '' && @unlink("$directory/" . pfrack_check_key($key))) {
        @rmdir($directory);
    }
}

/** Symbolic links to a neighbour, each replaced in one step: {"path": "name beside it"}; "" removes a dangling one. */
function pfrack_op_point(array $params): array
{
    $lock = pfrack_lock(PFRACK_LOCK_WAIT);
    try {
        pfrack_checkpoint_guard('point', $params);
        return pfrack_point($params);
    } finally {
        pfrack_unlock($lock);
    }
}

function pfrack_point(array $params): array
{
    $root = pfrack_check_root($params['root'] ?? null);
    $links = is_array($params['links'] ?? null) ? $params['links'] : [];
    $dry = ($params['dry'] ?? false) === true;
    $changed = [];
    if (!$dry) {
        pfrack_journal_links($root, $links);
    }
    foreach ($links as $path => $target) {
        $path = pfrack_check_relative((string)$path);
        if ($target === '') {
            if (pfrack_unpoint($root, $path, $dry)) {
                $changed[] = $path;
            }
            continue;
        }
        if (!is_string($target) || preg_match('~^[A-Za-z0-9][A-Za-z0-9._+-]*$~D', $target) !== 1) {
            throw new PfrackError('unsafe_path', json_encode($target) . ' is not a name beside the link');
        }
        pfrack_check_parents($root, $path);
        $link = "$root/$path";
        if (file_exists($link) && !is_link($link)) {
            throw new PfrackError('unsafe_path', "$link is there and is not a link: remove it first");
        }
        if (is_link($link) && readlink($link) === $target) {
            continue;
        }
        $changed[] = $path;
        if ($dry) {
            continue;
        }
        $new = dirname($link) . '/' . PFRACK_STAGE . 'link';
        @unlink($new);
        if (!is_dir(dirname($link) . "/$target") || !@symlink($target, $new) || !@rename($new, $link)) {
            throw new PfrackError('internal', "cannot point $link to $target", 'symlink', pfrack_last_error());
        }
    }
    return ['changed' => $changed];
}

/** Remove a link that leads nowhere, and directories that become empty. */
function pfrack_unpoint(string $root, string $path, bool $dry): bool
{
    pfrack_check_parents($root, $path);
    clearstatcache(true, "$root/$path");
    if (!is_link("$root/$path") || file_exists("$root/$path")) {
        return false;
    }
    if (!$dry && @unlink("$root/$path")) {
        for ($above = dirname($path); $above !== '.' && @rmdir("$root/$above"); $above = dirname($above)) {
            continue;
        }
    }
    return true;
}

/** Which texts stand in small files below the roots, but not below `except`: {"texts": {text: [path]}}. */
function pfrack_op_mentions(array $params): array
{
    $texts = is_array($params['texts'] ?? null) ? array_filter($params['texts'], 'is_string') : [];
    $found = array_fill_keys($texts, []);
    $except = pfrack_text($params['except'] ?? '');
    foreach (is_array($params['roots'] ?? null) ? $params['roots'] : [] as $root) {
        $root = pfrack_check_root($root);
        foreach (is_dir($root) ? pfrack_small_files($root, $except) : [] as $file) {
            $content = (string)@file_get_contents($file);
            foreach ($texts as $text) {
                // 1.2.3 is not meant by 11.2.3 or 1.2.30.
                if (preg_match('~(?<![0-9A-Za-z.])' . preg_quote($text, '~') . '(?!\.?[0-9A-Za-z])~', $content) === 1) {
                    $found[$text][] = pfrack_utf8($file);
                }
            }
        }
    }
    return ['texts' => (object)$found];
}

/** @return string[] */
function pfrack_small_files(string $directory, string $except): array
{
    $files = [];
    if ($directory === $except) {
        return $files;
    }
    foreach (scandir($directory) ?: [] as $name) {
        $path = "$directory/$name";
        if ($name === '.' || $name === '..' || is_link($path)) {
            continue;
        }
        if (is_dir($path)) {
            $files = array_merge($files, pfrack_small_files($path, $except));
        } elseif (is_file($path) && filesize($path) <= 1048576) {
            $files[] = $path;
        }
    }
    return $files;
}

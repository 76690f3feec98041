<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A tree of files: looked at, staged beside it, checked and renamed into place. No path leaves its root.

const PFRACK_STAGE = '.pfrack-stage-';

/** @param mixed $root an absolute directory without tricks; its parents are real directories */
function pfrack_check_root($root): string
{
    if (!is_string($root) || preg_match('~^(/[^/\x00-\x1f]+)+$~D', $root) !== 1
        || array_intersect(explode('/', $root), ['.', '..']) !== []) {
        throw new PfrackError('unsafe_path', json_encode($root) . ' is no plain absolute directory');
    }
    $system = ['/bin', '/boot', '/cf', '/conf', '/dev', '/etc', '/home', '/lib', '/libexec', '/proc', '/root', '/sbin',
        '/tmp', '/usr', '/var', '/usr/local', '/usr/local/www', '/cf/conf', '/usr/bin', '/usr/sbin', '/usr/lib'];
    if (in_array($root, $system, true)) {
        throw new PfrackError('unsafe_path', "$root belongs to the system: choose a directory of your own below it");
    }
    pfrack_check_parents('', substr($root, 1), true);
    return $root;
}

/** Every directory on the way that exists is a real one. With $itself the last part counts too. */
function pfrack_check_parents(string $root, string $path, bool $itself = false): void
{
    $parts = explode('/', $path);
    if (!$itself) {
        array_pop($parts);
    }
    $place = $root;
    foreach ($parts as $part) {
        $place .= '/' . $part;
        clearstatcache(true, $place);
        if (is_link($place)) {
            throw new PfrackError('unsafe_path', "$place is a symbolic link");
        }
        if (file_exists($place) && !is_dir($place)) {
            throw new PfrackError('unsafe_path', "$place is not a directory");
        }
    }
}

/** @param mixed $path relative to a root */
function pfrack_check_relative($path): string
{
    if (!is_string($path) || preg_match('~^[^/\x00-\x1f]+(/[^/\x00-\x1f]+)*$~D', $path) !== 1 || strlen($path) > 900
        || array_intersect(explode('/', $path), ['.', '..']) !== [] || strpos($path, PFRACK_STAGE) === 0
        || preg_match('//u', $path) !== 1) {
        throw new PfrackError('unsafe_path', json_encode($path, JSON_INVALID_UTF8_SUBSTITUTE)
            . ' is no plain relative path');
    }
    return $path;
}

function pfrack_op_tree(array $params): array
{
    $root = pfrack_check_root($params['root'] ?? null);
    $files = [];
    $exists = is_dir($root);
    if ($exists) {
        pfrack_walk($root, '', $files);
        ksort($files, SORT_STRING);
    }
    $place = pfrack_nearest($root);
    return ['exists' => $exists, 'free' => (int)disk_free_space($place), 'total' => (int)disk_total_space($place),
        'files' => (object)$files];
}

function pfrack_walk(string $root, string $below, array &$files): void
{
    $names = scandir("$root/$below");
    foreach ($names === false ? [] : $names as $name) {
        $path = $below === '' ? $name : "$below/$name";
        $full = "$root/$path";
        if ($name === '.' || $name === '..' || is_link($full) || ($below === '' && strpos($name, PFRACK_STAGE) === 0)) {
            continue;
        }
        if (is_dir($full)) {
            pfrack_walk($root, $path, $files);
        } elseif (is_file($full)) {
            if (preg_match('//u', $path) !== 1) {
                throw new PfrackError('invalid', 'a file name below ' . $root . ' is not UTF-8: ' . pfrack_utf8($path));
            }
            $files[$path] = ['sha256' => pfrack_hash_of($full), 'size' => (int)filesize($full),
                'mode' => sprintf('%04o', fileperms($full) & 07777)];
        }
    }
}

function pfrack_nearest(string $path): string
{
    while (!is_dir($path) && $path !== '/') {
        $path = dirname($path);
    }
    return $path;
}

function pfrack_op_stage(array $params): array
{
    $root = pfrack_check_root($params['root'] ?? null);
    $sizes = $params['sizes'] ?? null;
    if (!is_array($sizes) || array_filter($sizes, static function ($size): bool {
        return !is_int($size) || $size < 0;
    }) !== []) {
        throw new PfrackError('invalid', "stage needs 'sizes', a list of bytes");
    }
    $place = pfrack_nearest($root);
    pfrack_sweep($place);
    pfrack_sweep_incoming("$root/" . PFRACK_INCOMING);
    // One block per file and some air for everybody else.
    $need = array_sum($sizes) + 4096 * count($sizes) + 1048576;
    $free = (int)disk_free_space($place);
    if ($free < $need) {
        throw new PfrackError('no_space', "$place has $free bytes free, but $need are needed: nothing was changed",
            'disk_free_space');
    }
    $owner = Pfrack::$session ? (string)getmypid() : '0';
    $directory = rtrim($place, '/') . '/' . PFRACK_STAGE . $owner . '-' . bin2hex(random_bytes(8));
    if (!@mkdir($directory, 0700)) {
        throw new PfrackError('internal', "cannot make a directory in $place", 'mkdir', pfrack_last_error());
    }
    Pfrack::$staged[$directory] = $root;
    pfrack_remember('staged', $directory);
    $names = [];
    foreach (array_keys(array_values($sizes)) as $number) {
        $names[] = sprintf('%06d', $number);
    }
    return ['directory' => $directory, 'names' => $names];
}

/** What a killed session left. */
function pfrack_sweep(string $place): void
{
    foreach (glob(rtrim($place, '/') . '/' . PFRACK_STAGE . '*', GLOB_NOSORT) ?: [] as $directory) {
        if (preg_match('~-stage-(\d+)-[0-9a-f]{16}$~D', $directory, $found) !== 1 || is_link($directory)) {
            continue;
        }
        $pid = (int)$found[1];
        $dead = $pid > 0 ? !pfrack_alive($pid) : (int)@filemtime($directory) < time() - 3600;
        if ($dead) {
            pfrack_remove_tree($directory);
        }
    }
}

/** @param mixed $directory one that stage made */
function pfrack_check_staged($directory, string $root = ''): string
{
    if (!is_string($directory) || preg_match('~^/(.+/)?\.pfrack-stage-\d+-[0-9a-f]{16}$~D', $directory) !== 1
        || strpos($directory, '/../') !== false || is_link($directory) || !is_dir($directory)
        || fileowner($directory) !== pfrack_uid()) {
        throw new PfrackError('unsafe_path', json_encode($directory) . ' is not a staging directory of this run');
    }
    pfrack_check_parents('', substr($directory, 1), true);
    $parent = dirname($directory);
    if ($root !== '' && $root !== $parent && strpos("$root/", rtrim($parent, '/') . '/') !== 0) {
        throw new PfrackError('unsafe_path', "$directory was not staged for $root");
    }
    return $directory;
}

/** @param mixed $name */
function pfrack_check_name($name): string
{
    if (!is_string($name) || preg_match('~^\d{6}$~D', $name) !== 1) {
        throw new PfrackError('unsafe_path', json_encode($name) . ' is not a name that stage gave');
    }
    return $name;
}

function pfrack_op_put(array $params): array
{
    $file = pfrack_arriving($params);
    $offset = $params['offset'] ?? 0;
    $data = base64_decode(pfrack_text($params['data'] ?? ''), true);
    clearstatcache(true, $file);
    $size = is_file($file) ? (int)filesize($file) : 0;
    if ($data === false || is_link($file) || !is_int($offset) || $offset < 0 || $offset > $size) {
        throw new PfrackError('invalid', "this piece does not fit: the staged file has $size bytes");
    }
    $handle = @fopen($file, 'c');
    $done = $handle !== false && fseek($handle, $offset) === 0 && fwrite($handle, $data) === strlen($data)
        && ftruncate($handle, $offset + strlen($data)) && fclose($handle);
    if (!$done) {
        throw new PfrackError((int)disk_free_space(dirname($file)) < 65536 ? 'no_space' : 'internal',
            'a piece of a file could not be written', 'fwrite', pfrack_last_error());
    }
    clearstatcache(true, $file);
    // A long transfer must not look abandoned.
    touch(dirname($file));
    return ['size' => (int)filesize($file)];
}

/** Make staged files, one after the other, of a staged one that holds them all: {"sizes": [[name, bytes]]}. */
function pfrack_op_unpack(array $params): array
{
    $directory = pfrack_check_staged($params['directory'] ?? null);
    $bundle = "$directory/" . pfrack_check_name($params['name'] ?? null);
    $sizes = is_array($params['sizes'] ?? null) ? $params['sizes'] : [];
    $from = is_link($bundle) ? false : @fopen($bundle, 'rb');
    if ($from === false) {
        throw new PfrackError('missing', 'the staged files did not arrive', 'fopen');
    }
    foreach ($sizes as [$name, $size]) {
        $file = "$directory/" . pfrack_check_name($name);
        $to = is_link($file) || !is_int($size) ? false : @fopen($file, 'wb');
        if ($to === false || stream_copy_to_stream($from, $to, $size) !== $size || !fclose($to)) {
            throw new PfrackError((int)disk_free_space($directory) < 65536 ? 'no_space' : 'internal',
                'a staged file could not be written', 'stream_copy_to_stream', pfrack_last_error());
        }
    }
    fclose($from);
    unlink($bundle);
    return ['unpacked' => count($sizes)];
}

function pfrack_op_unstage(array $params): array
{
    $directory = $params['directory'] ?? null;
    if (is_string($directory) && !file_exists($directory)) {
        unset(Pfrack::$staged[$directory]);
        return ['removed' => false];
    }
    $directory = pfrack_check_staged($directory);
    pfrack_remove_tree($directory);
    unset(Pfrack::$staged[$directory]);
    return ['removed' => true];
}

function pfrack_last_error(): string
{
    $last = error_get_last();
    return $last === null ? '' : pfrack_plain($last['message']);
}

function pfrack_remove_tree(string $path): void
{
    if (is_link($path) || is_file($path)) {
        @unlink($path);
        return;
    }
    $names = is_dir($path) ? scandir($path) : [];
    foreach ($names === false ? [] : $names as $name) {
        if ($name !== '.' && $name !== '..') {
            pfrack_remove_tree("$path/$name");
        }
    }
    @rmdir($path);
}

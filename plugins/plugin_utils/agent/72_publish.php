<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Publishing staged files: everything is verified first, then renamed; if a rename fails the old files come back.

function pfrack_op_publish(array $params): array
{
    $lock = pfrack_lock(PFRACK_LOCK_WAIT);
    try {
        pfrack_checkpoint_guard('publish', $params);
        return pfrack_publish($params);
    } finally {
        pfrack_unlock($lock);
    }
}

function pfrack_publish(array $params): array
{
    $root = pfrack_check_root($params['root'] ?? null);
    $files = $params['files'] ?? [];
    $remove = $params['remove'] ?? [];
    if (!is_array($files) || !is_array($remove)) {
        throw new PfrackError('invalid', "publish needs 'files' and 'remove', lists");
    }
    $directory = isset($params['directory']) ? pfrack_check_staged($params['directory'], $root) : '';
    $plan = [];
    foreach ($files as $file) {
        $plan[] = pfrack_publish_check($root, $directory, is_array($file) ? $file : []);
    }
    $gone = [];
    foreach ($remove as $path) {
        $path = pfrack_check_relative($path);
        pfrack_check_parents($root, $path);
        if (is_dir("$root/$path") && !is_link("$root/$path")) {
            throw new PfrackError('unsafe_path', "$root/$path is a directory");
        }
        $gone[] = $path;
    }
    $paths = array_column($plan, 'path');
    if (count(array_unique(array_merge($paths, $gone))) !== count($paths) + count($gone)) {
        throw new PfrackError('invalid', 'a path occurs twice');
    }
    $directory_mode = octdec(pfrack_mode($params['directory_mode'] ?? '0755'));
    pfrack_journal_files($root, array_column($plan, 'sha256', 'path'), $gone);
    if (!is_dir($root)) {
        pfrack_make_directory($root, $directory_mode);
    }
    pfrack_rename_all($root, $directory, $plan, $directory_mode);
    foreach ($gone as $path) {
        @unlink("$root/$path");
        clearstatcache(true, "$root/$path");
        if (file_exists("$root/$path")) {
            throw new PfrackError('internal', "$root/$path could not be removed", 'unlink', pfrack_last_error());
        }
        for ($above = dirname($path); $above !== '.' && @rmdir("$root/$above"); $above = dirname($above)) {
            continue;
        }
    }
    foreach ($plan as $file) {
        pfrack_incoming_done($root, $file['key']);
    }
    if ($directory !== '') {
        pfrack_remove_tree($directory);
        unset(Pfrack::$staged[$directory]);
    }
    return ['published' => $paths, 'removed' => $gone];
}

function pfrack_publish_check(string $root, string $directory, array $file): array
{
    $path = pfrack_check_relative($file['path'] ?? null);
    $mode = octdec(pfrack_mode($file['mode'] ?? '0644'));
    if ($directory === '') {
        throw new PfrackError('invalid', 'files to publish need their staging directory');
    }
    $staged = "$directory/" . pfrack_check_name($file['name'] ?? null);
    pfrack_check_parents($root, $path);
    if (is_dir("$root/$path") && !is_link("$root/$path")) {
        throw new PfrackError('unsafe_path', "$root/$path is a directory, a file cannot take its place");
    }
    if (is_link($staged) || !is_file($staged)) {
        throw new PfrackError('missing', "the content of $path did not arrive");
    }
    $hash = strtolower(pfrack_text($file['sha256'] ?? ''));
    $key = pfrack_text($file['key'] ?? '');
    if (pfrack_sha256($staged) !== $hash) {
        pfrack_incoming_done($root, $key);
        throw new PfrackError('invalid', "the content of $path was damaged on its way: nothing was published");
    }
    return ['path' => $path, 'staged' => $staged, 'mode' => $mode, 'sha256' => $hash, 'key' => $key];
}

/** @param mixed $mode octal text */
function pfrack_mode($mode): string
{
    $text = is_string($mode) ? $mode : '';
    if (preg_match('~^0?[0-7]{3}$~D', $text) !== 1) {
        throw new PfrackError('invalid', json_encode($mode) . ' is not a mode such as "0644"');
    }
    return $text;
}

function pfrack_make_directory(string $path, int $mode): void
{
    if (is_dir($path)) {
        return;
    }
    pfrack_make_directory(dirname($path), $mode);
    if (!@mkdir($path)) {
        throw new PfrackError('internal', "cannot make the directory $path", 'mkdir', pfrack_last_error());
    }
    chmod($path, $mode);
}

function pfrack_rename_all(string $root, string $directory, array $plan, int $directory_mode): void
{
    $done = [];
    foreach ($plan as $number => $file) {
        $target = "$root/{$file['path']}";
        $kept = "$directory/old-$number";
        try {
            pfrack_make_directory(dirname($target), $directory_mode);
            $existed = is_file($target) && !is_link($target);
            if ($existed && !@link($target, $kept)) {
                throw new PfrackError('internal', "cannot keep the old $target", 'link', pfrack_last_error());
            }
            if (!chmod($file['staged'], $file['mode']) || !@rename($file['staged'], $target)) {
                throw new PfrackError('internal', "cannot put $target in its place", 'rename', pfrack_last_error());
            }
        } catch (Throwable $error) {
            foreach (array_reverse($done) as [$path, $old]) {
                $old === null ? @unlink($path) : @rename($old, $path);
            }
            throw $error;
        }
        $done[] = [$target, $existed ? $kept : null];
    }
}

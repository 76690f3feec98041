<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Files in a checkpoint: what publish replaces or removes is kept beside it, as a second name of the same file.

/**
 * Before files below a root are changed.
 *
 * @param array<string, string> $published path => SHA-256 of what comes
 * @param string[] $removed paths
 */
function pfrack_journal_files(string $root, array $published, array $removed): void
{
    $state = pfrack_checkpoint();
    if ($state === null || ($published === [] && $removed === [])) {
        return;
    }
    $made = [];
    foreach (array_keys($published) as $path) {
        for ($place = dirname("$root/$path"); $place !== '/' && !is_dir($place); $place = dirname($place)) {
            $made[$place] = true;
        }
    }
    $base = rtrim(pfrack_nearest($root), '/');
    $number = count(glob("$base/" . PFRACK_STAGE . "keep-{$state['id']}-*", GLOB_NOSORT) ?: []);
    $keep = "$base/" . PFRACK_STAGE . "keep-{$state['id']}-$number";
    $files = [];
    foreach (array_merge($published, array_fill_keys($removed, null)) as $path => $hash) {
        $there = is_file("$root/$path") && !is_link("$root/$path");
        $files[] = ['path' => (string)$path, 'new' => $hash === null ? null : strtolower($hash),
            'kept' => $there ? sprintf('%06d', count($files)) : null];
    }
    krsort($made, SORT_STRING);
    pfrack_journal_write(['kind' => 'files', 'root' => $root, 'keep' => $keep, 'files' => $files,
        'made' => array_keys($made)]);
    if (!@mkdir($keep, 0700)) {
        throw new PfrackError('internal', "cannot make $keep", 'mkdir', pfrack_last_error());
    }
    foreach ($files as $file) {
        $old = "$root/{$file['path']}";
        if ($file['kept'] !== null && !@link($old, "$keep/{$file['kept']}") && !@copy($old, "$keep/{$file['kept']}")) {
            throw new PfrackError('internal', "cannot keep the old $old: nothing was published", 'link',
                pfrack_last_error());
        }
    }
}

/**
 * Before symbolic links below a root are changed.
 *
 * @param array<string, mixed> $links path => what they will say, '' when they go
 */
function pfrack_journal_links(string $root, array $links): void
{
    $entry = ['kind' => 'links', 'links' => []];
    foreach ($links as $path => $target) {
        $link = "$root/" . pfrack_check_relative((string)$path);
        $entry['links'][] = [$link, is_link($link) ? readlink($link) : '', pfrack_text($target)];
    }
    if ($entry['links'] !== []) {
        pfrack_journal_write($entry);
    }
}

/** Point links where they pointed, unless somebody else changed them. Returns how many. */
function pfrack_links_back(array $entry, array &$kept): int
{
    $done = 0;
    foreach ($entry['links'] as [$link, $before, $after]) {
        clearstatcache();
        $now = is_link($link) ? readlink($link) : '';
        if ($now === $before) {
            continue;
        }
        if ($now !== $after || ($now === '' && file_exists($link))) {
            $kept[] = $link;
        } elseif ($before === '') {
            $done += (int)@unlink($link);
        } else {
            pfrack_make_directory(dirname($link), 0755);
            $new = dirname($link) . '/' . PFRACK_STAGE . 'link';
            @unlink($new);
            $done += (int)(@symlink($before, $new) && @rename($new, $link));
        }
    }
    return $done;
}

/** Bring the kept files of an entry back; what somebody else changed since stays. Returns how many came back. */
function pfrack_files_back(array $entry, array &$kept): int
{
    $done = 0;
    foreach (array_reverse($entry['files']) as $file) {
        $path = "{$entry['root']}/{$file['path']}";
        $old = $file['kept'] === null ? '' : "{$entry['keep']}/{$file['kept']}";
        clearstatcache();
        if (($old !== '' && !is_file($old)) || is_link($path) || is_dir($path)) {
            // Not kept: we were stopped before anything was published.
            continue;
        }
        $now = is_file($path) ? hash_file('sha256', $path) : null;
        if ($now === ($old === '' ? null : hash_file('sha256', $old))) {
            continue;
        }
        if ($now !== $file['new']) {
            $kept[] = $path;
        } elseif ($old === '') {
            $done += (int)@unlink($path);
        } else {
            pfrack_make_directory(dirname($path), 0755);
            // Copied first, so that a rollback that is cut short can be made again.
            $done += (int)(@link($old, "$old.back") && @rename("$old.back", $path) || @copy($old, $path));
        }
    }
    foreach ($entry['made'] as $directory) {
        @rmdir($directory);
    }
    return $done;
}

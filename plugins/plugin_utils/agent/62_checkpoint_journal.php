<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The journal of a checkpoint: what each change replaced, written before the change is made.

/** @return array<string, array> the entries by file name, oldest first */
function pfrack_journal(): array
{
    $entries = [];
    foreach (glob(PFRACK_KEPT . '/entry-??????') ?: [] as $file) {
        $entry = @unserialize((string)@file_get_contents($file), ['allowed_classes' => false]);
        if (is_array($entry) && isset($entry['kind'])) {
            $entries[basename($file)] = $entry;
        }
    }
    ksort($entries, SORT_STRING);
    return $entries;
}

/** Add an entry, or replace the one of that name; returns its name, '' when no checkpoint is armed. */
function pfrack_journal_write(array $entry, string $name = ''): string
{
    if (pfrack_checkpoint() === null) {
        return '';
    }
    if ($name === '') {
        $name = sprintf('entry-%06d', count(glob(PFRACK_KEPT . '/entry-??????') ?: []) + 1);
    }
    if (!is_file(PFRACK_HOOK)) {
        pfrack_checkpoint_hook();
    }
    if (!is_file(PFRACK_KEPT . '/reserve')) {
        // Room for going back when the disk is full. Random, because a file system may compress.
        pfrack_keep('reserve', random_bytes(3 * (int)filesize(PFRACK_CONFIG) + 65536));
    }
    pfrack_keep($name, serialize($entry));
    return $name;
}

/** pfSense runs this with `start` when packages are started: at boot, and when an interface got another address. */
function pfrack_checkpoint_hook(): void
{
    if (!is_dir(dirname(PFRACK_HOOK))) {
        @mkdir(dirname(PFRACK_HOOK), 0755, true);
    }
    $agent = PFRACK_KEPT . '/agent.php';
    $text = "#!/bin/sh\n# An unconfirmed checkpoint of pfrack: goes back after a reboot. Ends with the checkpoint.\n"
        . "[ \"\$1\" = start ] || exit 0\n[ -f $agent ] || exec rm -f \"\$0\"\n"
        . "exec /usr/local/bin/php -d display_errors=0 $agent watch </dev/null >/dev/null 2>&1\n";
    if (@file_put_contents(PFRACK_HOOK . '.new', $text) !== strlen($text) || !chmod(PFRACK_HOOK . '.new', 0755)
        || !rename(PFRACK_HOOK . '.new', PFRACK_HOOK)) {
        @unlink(PFRACK_HOOK . '.new');
        throw new PfrackError('internal', PFRACK_HOOK . ' cannot be written: nothing was changed', 'rename',
            pfrack_last_error());
    }
}

/** The entry from before would do as well. */
function pfrack_journal_again(array $old, array $new, array $services, string $name): void
{
    try {
        $name === '' || pfrack_journal_commit($old, $new, $services, $name);
    } catch (PfrackError $error) {
        return;
    }
}

/** Before a commit is written. */
function pfrack_journal_commit(array $old, array $new, array $services, string $name = ''): string
{
    if (pfrack_checkpoint() === null) {
        return '';
    }
    $changes = [];
    pfrack_differences(pfrack_canonical($old), pfrack_canonical($new), [], $changes);
    return pfrack_journal_write(['kind' => 'commit', 'services' => $services, 'changes' => $changes], $name);
}

/** The smallest places that differ, as [path, before, after]; null is a missing one, lists are compared as a whole. */
function pfrack_differences($before, $after, array $path, array &$changes): void
{
    if (pfrack_same($before, $after)) {
        return;
    }
    if (!pfrack_is_map($before) || !pfrack_is_map($after)) {
        $changes[] = [$path, $before, $after];
        return;
    }
    foreach (array_keys($before + $after) as $key) {
        if ($path !== [] || $key !== 'revision') {
            pfrack_differences($before[$key] ?? null, $after[$key] ?? null, array_merge($path, [$key]), $changes);
        }
    }
}

/** As pfSense would read it back. @param mixed $value */
function pfrack_canonical($value)
{
    if (is_array($value)) {
        return $value === [] ? '' : array_map('pfrack_canonical', $value);
    }
    return $value === true ? '' : ($value === null ? null : (string)$value);
}

function pfrack_is_map($value): bool
{
    return is_array($value) && !pfrack_is_list($value);
}

/** Equal apart from the order of elements. */
function pfrack_same($one, $other): bool
{
    if (!is_array($one) || !is_array($other)) {
        return $one === $other;
    }
    if (count($one) !== count($other) || pfrack_is_list($one) !== pfrack_is_list($other)) {
        return false;
    }
    foreach ($one as $key => $value) {
        if (!array_key_exists($key, $other) || !pfrack_same($value, $other[$key])) {
            return false;
        }
    }
    return true;
}

/**
 * What a place has to hold when our change from $before to $after is taken back and $now stands there.
 * Where somebody else changed the same thing, $now stays and the place is named in $kept.
 */
function pfrack_reverted($now, $before, $after, string $place, array &$kept)
{
    if (pfrack_same($now, $after)) {
        return $before;
    }
    if (pfrack_same($now, $before) || pfrack_same($before, $after)) {
        return $now;
    }
    $empty = [null, ''];
    if (pfrack_is_map($now) && (pfrack_is_map($before) || in_array($before, $empty, true))
        && (pfrack_is_map($after) || in_array($after, $empty, true))) {
        $was = is_array($before) ? $before : [];
        $ours = is_array($after) ? $after : [];
        $result = [];
        foreach (array_keys($now + $was + $ours) as $key) {
            $value = pfrack_reverted($now[$key] ?? null, $was[$key] ?? null, $ours[$key] ?? null, "$place/$key", $kept);
            if ($value !== null) {
                $result[$key] = $value;
            }
        }
        return $result !== [] ? $result : (is_array($before) ? '' : $before);
    }
    $lists = array_filter([$now, $before, $after], static function ($value) use ($empty): bool {
        return !in_array($value, $empty, true);
    });
    if (is_array($now) && $lists === array_filter($lists, 'pfrack_is_list')) {
        $result = pfrack_reverted_list($now, is_array($before) ? $before : [], is_array($after) ? $after : []);
        if ($result !== null) {
            return $result !== [] ? $result : $before;
        }
    }
    $kept[] = $place;
    return $now;
}

/** The list without what we added and with what we took away, others' entries at the end; null when that is unclear. */
function pfrack_reverted_list(array $now, array $before, array $after): ?array
{
    $foreign = pfrack_without($now, $after);
    if (pfrack_without($after, $now) !== [] || !pfrack_same(pfrack_without($now, $foreign), $after)) {
        // Something that we left there is gone, was edited or moved.
        return null;
    }
    return array_merge($before, $foreign);
}

/** The entries of $list that are not in $other, each counted. */
function pfrack_without(array $list, array $other): array
{
    $left = [];
    foreach ($list as $entry) {
        foreach ($other as $key => $candidate) {
            if (pfrack_same($entry, $candidate)) {
                unset($other[$key]);
                continue 2;
            }
        }
        $left[] = $entry;
    }
    return $left;
}

/** Places where what we wrote is not there any more, because somebody saved over it. */
function pfrack_overwritten(array $journal): array
{
    $ours = [];
    foreach ($journal as $entry) {
        foreach ($entry['kind'] === 'commit' ? $entry['changes'] : [] as $change) {
            pfrack_sum_up($ours, $change);
        }
    }
    $lost = array_filter($ours, static function (array $change): bool {
        return pfrack_lacks(pfrack_canonical(pfrack_at($change[0])), $change[1], $change[2]);
    });
    return array_keys($lost);
}

/** Several changes of one place, or of a place and one inside it, make one. */
function pfrack_sum_up(array &$changes, array $change): void
{
    [$path, $before, $after] = $change;
    foreach ($changes as $place => [$other, $was]) {
        if (array_slice($path, 0, count($other)) === $other) {
            $inside = array_slice($path, count($other));
            $whole = ['x' => $changes[$place][2]];
            $after === null ? pfrack_delete($whole, array_merge(['x'], $inside))
                : pfrack_put($whole, array_merge(['x'], $inside), $after, $place);
            $changes[$place][2] = $whole['x'] ?? null;
            return;
        }
        if (array_slice($other, 0, count($path)) === $path) {
            unset($changes[$place]);
        }
    }
    $changes[implode('/', $path)] = [$path, $before, $after];
}

/** Whether something that we made there is gone, or something that we removed is back. Others may have added to it. */
function pfrack_lacks($now, $before, $after): bool
{
    if (pfrack_same($now, $after) || pfrack_same($before, $after)) {
        return false;
    }
    $empty = [null, ''];
    $lists = array_filter([$now, $before, $after], static fn ($value): bool => !in_array($value, $empty, true));
    if ($lists !== [] && $lists === array_filter($lists, 'pfrack_is_list')) {
        [$is, $was, $made] = array_map(static fn ($value): array => (array)($value ?: []), [$now, $before, $after]);
        $removed = pfrack_without($was, $made);
        return pfrack_without(pfrack_without($made, $was), $is) !== [] || pfrack_without($removed, $is) !== $removed;
    }
    if ($lists !== [] && $lists === array_filter($lists, 'pfrack_is_map')) {
        [$is, $was, $made] = array_map(static fn ($value): array => (array)($value ?: []), [$now, $before, $after]);
        foreach (array_keys($was + $made) as $key) {
            if (pfrack_lacks($is[$key] ?? null, $was[$key] ?? null, $made[$key] ?? null)) {
                return true;
            }
        }
        return false;
    }
    return true;
}

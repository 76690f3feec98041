<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A commit: lock, read again, compare, apply in memory, test, write once, apply each service once, or put all back.

const PFRACK_LOCK_WAIT = 30.0;

function pfrack_op_commit(array $params): array
{
    $services = pfrack_ordered($params['services'] ?? []);
    $operations = $params['operations'] ?? null;
    $expected = $params['revision'] ?? null;
    if (!is_array($operations) || !is_string($expected)) {
        throw new PfrackError('invalid', "commit needs 'revision' and 'operations'");
    }
    $description = trim(preg_replace('~[^\x20-\x7e]+~', ' ', pfrack_text($params['description'] ?? '')) ?? '');
    $description = 'pfrack: ' . ($description !== '' ? $description : 'change');
    $lock = pfrack_lock(PFRACK_LOCK_WAIT);
    try {
        pfrack_checkpoint_guard('commit', $params);
        return pfrack_commit($expected, $operations, $services, $description);
    } finally {
        pfrack_unlock($lock);
    }
}

function pfrack_commit(string $expected, array $operations, array $services, string $description): array
{
    global $config;
    $revision = pfrack_snapshot();
    if ($revision !== $expected) {
        pfrack_conflict();
    }
    $old = $config;
    $output = '';
    $config = pfrack_apply_operations($old, $operations);
    $changed = $config !== $old;
    if ($changed) {
        try {
            pfrack_check_readable($old, $config);
            pfrack_test_services($services, $old);
            pfrack_check_space();
            if (pfrack_revision() !== $revision) {
                pfrack_conflict();
            }
        } catch (Throwable $error) {
            $config = $old;
            throw $error;
        }
    }
    $tried = $config;
    $applied = [];
    Pfrack::$recover = static function () use ($old, &$tried, $changed, $description, &$applied): string {
        return pfrack_put_back($old, $tried, $applied, $changed, $description);
    };
    try {
        if ($changed) {
            $entry = pfrack_journal_commit($old, $config, $services);
            if (pfrack_commit_write($description, $old, $revision, $entry)) {
                // When pfSense has read a commit back, its texts may have changed a little.
                $tried = $config;
                pfrack_journal_again($old, $tried, $services, $entry);
            }
        }
        pfrack_apply_services($services, $old, $applied, $output);
    } catch (Throwable $error) {
        Pfrack::$recover = null;
        throw pfrack_after_failure($error, $old, $tried, $applied, $changed, $description);
    }
    Pfrack::$recover = null;
    return ['revision' => pfrack_revision(), 'applied' => $applied, 'output' => pfrack_utf8(trim($output))];
}

/** What somebody else's save kept from being written is no change that could be taken back. */
function pfrack_commit_write(string $description, array $old, string $revision, string $entry): bool
{
    try {
        return pfrack_write($description, $old, $revision, pfrack_pair_waits());
    } catch (PfrackError $error) {
        if ($error->kind === 'conflict' && $entry !== '') {
            @unlink(PFRACK_KEPT . "/$entry");
        }
        throw $error;
    }
}

function pfrack_conflict(): void
{
    $who = pfrack_text(pfrack_at(['revision', 'username']));
    $time = (int)pfrack_text(pfrack_at(['revision', 'time']));
    $what = pfrack_text(pfrack_at(['revision', 'description']));
    throw new PfrackError('conflict', 'the configuration was changed since it was read: ' . ($who !== '' ? $who : '?')
        . ($time > 0 ? ' at ' . date('Y-m-d H:i:s', $time) : '') . ', "' . pfrack_utf8($what) . '"', 'commit');
}

function pfrack_after_failure(Throwable $error, array $old, array $tried, array $applied, bool $changed,
    string $what): PfrackError {
    $said = pfrack_error($error);
    if ($applied === []) {
        // The write itself failed: pfrack_write() has said how things stand.
        return new PfrackError($said['kind'], $said['message'], $said['function'], $said['detail']);
    }
    try {
        $outcome = pfrack_put_back($old, $tried, $applied, $changed, $what);
    } catch (Throwable $second) {
        $outcome = 'putting the previous configuration back failed as well: ' . $second->getMessage();
        if ($second instanceof PfrackError && $second->detail !== '') {
            $said['detail'] .= "\nwhile putting back: " . $second->detail;
        }
    }
    return new PfrackError('apply_failed', $said['message'] . '; ' . $outcome, $said['function'], $said['detail']);
}

/** Write the previous configuration again and apply the services that were touched. Returns what happened. */
function pfrack_put_back(array $old, array $tried, array $applied, bool $changed, string $description): string
{
    global $config;
    if (!$changed) {
        return 'the configuration had not changed, so nothing was put back';
    }
    [$changes, $restored, $kept, $failed] = [[], [], [], []];
    pfrack_differences(pfrack_canonical($old), pfrack_canonical($tried), [], $changes);
    Pfrack::$calling = '';
    for ($try = 1; ; $try++) {
        // Somebody may have saved while services were applied: only our own changes are taken back.
        $before = pfrack_snapshot();
        [$now, $restored, $kept] = [$config, [], []];
        if (strpos(pfrack_text(pfrack_at(['revision', 'description'])), $description) !== false) {
            $config = $old;
        }
        foreach ($config === $old ? [] : array_reverse($changes) as $change) {
            pfrack_take_back($change, $restored, $kept);
        }
        try {
            pfrack_write('pfrack: put back after: ' . substr($description, strlen('pfrack: ')), $now, $before,
                pfrack_pair_waits());
            break;
        } catch (PfrackError $error) {
            if ($error->kind !== 'conflict' || $try === 20) {
                throw $error;
            }
        }
    }
    foreach (pfrack_ordered($applied) as $service) {
        $done = [];
        $output = '';
        try {
            pfrack_apply_services([$service], $tried, $done, $output);
        } catch (Throwable $error) {
            $failed[] = "$service (" . $error->getMessage() . ')';
        }
    }
    $but = $kept === [] ? '' : ' (left alone, because somebody else changed it since: ' . implode(', ', $kept) . ')';
    if ($failed !== []) {
        return "the previous configuration was put back$but, but these services did not come up with it: "
            . implode(', ', $failed);
    }
    return "the previous configuration was put back and is in force again$but";
}

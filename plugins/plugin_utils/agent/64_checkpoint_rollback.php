<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Going back: our changes are taken back one by one, newest first, so that what others saved meanwhile stays.

function pfrack_op_rollback(array $params): array
{
    $lock = pfrack_lock(PFRACK_LOCK_WAIT);
    try {
        if (isset($params['revision'])) {
            return pfrack_return_to($params['revision'], !empty($params['test']));
        }
        $state = pfrack_checkpoint();
        $holder = pfrack_text($params['holder'] ?? '');
        $id = $params['id'] ?? null;
        $pulse = (string)@file_get_contents(PFRACK_PULSE);
        $ours = $state !== null && $state['holder'] === $holder;
        $gone = $ours ? null : pfrack_rolled_back($holder);
        if ($state === null || ($params['pulse'] ?? $pulse) !== $pulse || ($id === null && $gone !== null)) {
            return ['rolled_back' => false] + ($gone !== null ? ['before' => $gone] : []);
        }
        if ($state['id'] !== $id && ($id !== null || !$ours)) {
            throw pfrack_checkpoint_held($state);
        }
        $why = pfrack_utf8(pfrack_text($params['why'] ?? '')) ?: 'asked for';
        $result = pfrack_roll_back($state, $why);
        $gone = ['holder' => $state['holder'], 'at' => time(), 'why' => $why]
            + array_intersect_key($result, ['restored' => 1, 'kept' => 1, 'failed' => 1, 'files' => 1]);
        pfrack_remember_rolled_back(array_merge([$gone], pfrack_all_rolled_back()));
        pfrack_checkpoint_remove();
        pfrack_rollback_notice($state, $why, $result, isset($params['pulse']));
        if (isset($params['pulse'])) {
            pfrack_end_silent_run($pulse);
        }
        return $result;
    } finally {
        pfrack_unlock($lock);
    }
}

/** A run over HTTPS has no session whose end would remove what it staged; its last sign of life names it. */
function pfrack_end_silent_run(string $pulse): void
{
    $run = explode(' ', (string)strtok($pulse, "\n"))[1] ?? '';
    if (strncmp($run, PFRACK_RUN, strlen(PFRACK_RUN)) === 0 && strpos($run, '..') === false && is_dir($run)) {
        pfrack_end_run($run);
    }
}

function pfrack_roll_back(array $state, string $why): array
{
    global $config;
    $journal = array_reverse(pfrack_journal());
    @unlink(PFRACK_KEPT . '/reserve');
    $services = [];
    foreach ($journal as $entry) {
        foreach ($entry['kind'] === 'commit' ? $entry['services'] : [] as $service) {
            // The file alone does not reach the process that runs.
            $services[] = $service === 'haproxy_file' ? 'haproxy' : $service;
        }
    }
    $services = pfrack_ordered(array_unique($services));
    $untold = '';
    for ($try = 1; ; $try++) {
        $revision = pfrack_snapshot();
        $now = $config;
        $restored = [];
        $kept = [];
        foreach ($journal as $entry) {
            foreach ($entry['kind'] === 'commit' ? array_reverse($entry['changes']) : [] as $change) {
                pfrack_take_back($change, $restored, $kept);
            }
        }
        $new = $config;
        if ($restored === []) {
            break;
        }
        $untold = pfrack_attempt(static fn() => pfrack_haproxy_note_returning($now, $new));
        try {
            pfrack_write("pfrack: went back to the checkpoint of {$state['holder']} ($why)", $now, $revision);
            break;
        } catch (PfrackError $error) {
            if ($error->kind !== 'conflict' || $try === 20) {
                throw $error;
            }
        }
    }
    [$old, $failed] = [pfrack_vips_in_force($now, $new, $journal), []];
    for ($try = 1; $try <= 2 && ($try === 1 || $failed !== []); $try++) {
        $failed = pfrack_apply_each($try === 1 ? $services : pfrack_ordered(array_keys($failed)), $old);
    }
    // What a run drained is in no journal, and a reload hands it on to the new process.
    $untold .= pfrack_attempt('pfrack_haproxy_readmit');
    if ($untold !== '') {
        $failed['haproxy'] = trim(($failed['haproxy'] ?? '') . ' ' . $untold);
    }
    $files = 0;
    foreach ($journal as $entry) {
        $files += $entry['kind'] === 'files' ? pfrack_files_back($entry, $kept) : 0;
        $files += $entry['kind'] === 'links' ? pfrack_links_back($entry, $kept) : 0;
    }
    return ['rolled_back' => true, 'id' => $state['id'], 'restored' => array_values(array_unique($restored)),
        'kept' => array_values(array_unique($kept)), 'applied' => $services, 'failed' => (object)$failed,
        'files' => $files, 'revision' => pfrack_revision()];
}

/** Undo one [path, before, after] in memory. */
function pfrack_take_back(array $change, array &$restored, array &$kept): void
{
    global $config;
    [$path, $before, $after] = $change;
    $place = implode('/', $path);
    $now = pfrack_canonical(pfrack_at($path));
    $then = pfrack_reverted($now, $before, $after, $place, $kept);
    if (pfrack_same($now, $then)) {
        return;
    }
    try {
        $then === null ? pfrack_delete($config, $path) : pfrack_put($config, $path, $then, $place);
        $restored[] = $place;
    } catch (PfrackError $error) {
        $kept[] = $place;
    }
}

/** Apply all of them, each whatever becomes of the others; returns service => what failed. */
function pfrack_apply_each(array $services, array $old): array
{
    $failed = [];
    foreach ($services as $service) {
        try {
            if ($service !== 'filter') {
                call_user_func('pfrack_apply_' . $service, $old, $services);
            }
        } catch (Throwable $error) {
            $said = pfrack_error($error);
            $failed[$service] = trim($said['message'] . ' ' . $said['detail']);
        }
    }
    if (array_diff($services, ['tftp_server', 'haproxy']) !== []) {
        try {
            pfrack_call('filter_configure');
        } catch (Throwable $error) {
            $failed['filter'] = pfrack_error($error)['message'];
        }
    }
    return $failed;
}

/** A step without which going back goes on; returns what failed. */
function pfrack_attempt(callable $step): string
{
    try {
        $step();
        return '';
    } catch (Throwable $error) {
        return pfrack_error($error)['message'] . ' ';
    }
}

/**
 * The configuration that the devices have, as far as virtual IPs go: a change that was cut short may have left an
 * address that the configuration no longer names, or taken one that it still names.
 */
function pfrack_vips_in_force(array $now, array $new, array $journal): array
{
    $vips = pfrack_vips($now);
    foreach ($journal as $entry) {
        foreach ($entry['kind'] === 'commit' ? $entry['changes'] : [] as [$path, , $after]) {
            if (($path[0] ?? '') === 'virtualip') {
                $tried = [];
                pfrack_put($tried, $path, $after, 'virtualip');
                $vips += pfrack_vips($tried);
            }
        }
    }
    $wanted = pfrack_vips($new);
    $there = array_filter($vips, static function (array $vip, $key) use ($wanted): bool {
        return !isset($wanted[$key]) || pfrack_vip_up($vip);
    }, ARRAY_FILTER_USE_BOTH);
    $now['virtualip'] = $there === [] ? '' : ['vip' => array_values($there)];
    return $now;
}

/** The GUI's bell, when nobody asked for it or when it is not as it was. */
function pfrack_rollback_notice(array $state, string $why, array $result, bool $by_itself): void
{
    $failed = (array)$result['failed'];
    if (!$by_itself && $result['kept'] === [] && $failed === []) {
        return;
    }
    $text = "pfrack: the run of {$state['holder']} did not confirm its changes ($why). The configuration from before "
        . 'it is back: ' . (implode(', ', array_slice($result['restored'], 0, 10)) ?: 'nothing had changed') . '.';
    if ($result['kept'] !== []) {
        $text .= ' Left alone, because somebody else changed it since: ' . implode(', ', $result['kept']) . '.';
    }
    if ($failed !== []) {
        $text .= ' These services did not come up: ' . implode(', ', array_keys($failed)) . '.';
    }
    if ($result['restored'] !== [] || $result['kept'] !== [] || $failed !== [] || $result['files'] > 0) {
        pfrack_call('file_notice', ['pfrack', $text, 'pfrack']);
    }
}

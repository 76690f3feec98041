<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A checkpoint: from here on every change is journaled, and put back unless the run that asked for it confirms in time.

const PFRACK_KEPT = '/cf/conf/pfrack';
const PFRACK_PULSE = '/var/run/pfrack_checkpoint';
const PFRACK_GONE = '/var/run/pfrack_rolled_back';
const PFRACK_HOOK = '/usr/local/etc/rc.d/pfrack_checkpoint.sh';
const PFRACK_GONE_KEPT = 20;
const PFRACK_GRACE = 30;
const PFRACK_WRITING = ['commit', 'publish', 'point', 'package_start', 'haproxy_runtime'];

/** The checkpoint that is armed, {id, holder, since, timeout}, or null. */
function pfrack_checkpoint(): ?array
{
    clearstatcache();
    $text = @file_get_contents(PFRACK_KEPT . '/state');
    $state = is_string($text) ? json_decode($text, true) : null;
    return is_array($state) && isset($state['id'], $state['holder']) ? $state : null;
}

/** How checkpoints were rolled back, each {holder, at, why}, newest first; `past` when a later one was armed. */
function pfrack_all_rolled_back(): array
{
    $gone = json_decode((string)@file_get_contents(PFRACK_GONE), true);
    return array_values(array_filter(is_array($gone) ? $gone : [], static function ($one): bool {
        return is_array($one) && isset($one['holder'], $one['at'], $one['why']);
    }));
}

/** How the checkpoint of that holder was rolled back, or null; forgotten when it arms another one, and at a reboot. */
function pfrack_rolled_back(string $holder): ?array
{
    $theirs = array_filter(pfrack_all_rolled_back(), static fn (array $one): bool => $one['holder'] === $holder);
    return $holder !== '' ? array_shift($theirs) : null;
}

function pfrack_remember_rolled_back(array $gone): void
{
    @file_put_contents(PFRACK_GONE, json_encode(array_slice($gone, 0, PFRACK_GONE_KEPT)));
}

/** A run that sleeps while others come and go must still be refused, so a new checkpoint forgets only its own holder. */
function pfrack_forget_rolled_back(string $holder): void
{
    $others = [];
    foreach (pfrack_all_rolled_back() as $one) {
        if ($one['holder'] !== $holder) {
            $others[] = ['past' => true] + $one;
        }
    }
    $others === [] ? @unlink(PFRACK_GONE) : pfrack_remember_rolled_back($others);
}

/** Requests of the holder are signs of life. While a checkpoint is armed nobody else writes through us. */
function pfrack_checkpoint_guard(string $op, array $params): void
{
    $holder = pfrack_text($params['holder'] ?? '');
    $state = pfrack_checkpoint();
    Pfrack::$holds = '';
    if ($state !== null && $holder !== '' && $state['holder'] === $holder) {
        Pfrack::$holds = $state['id'];
        pfrack_pulse();
        if (!in_array($op, ['confirm', 'rollback'], true)) {
            pfrack_watch_ensure($state['id']);
        }
        return;
    }
    if (!in_array($op, PFRACK_WRITING, true) || ($op === 'haproxy_runtime' && !isset($params['revision']))) {
        return;
    }
    $gone = pfrack_rolled_back($holder);
    if ($gone !== null) {
        throw pfrack_checkpoint_gone($gone);
    }
    if ($state !== null) {
        throw pfrack_checkpoint_held($state);
    }
}

function pfrack_checkpoint_held(array $state): PfrackError
{
    // Without its watch, as after a reboot, it would be held for ever.
    pfrack_watch_ensure('');
    return new PfrackError('busy', "{$state['holder']} holds a checkpoint of this router since "
        . date('Y-m-d H:i:s', (int)$state['since']) . ': nothing is changed for others until it ends. If that run is '
        . "dead, the router goes back by itself at most {$state['timeout']} s after its last request; "
        . 'playbooks/rollback.yml -e rollback_to=checkpoint does it at once', 'checkpoint');
}

function pfrack_checkpoint_overwritten(array $places): PfrackError
{
    $who = pfrack_text(pfrack_at(['revision', 'description']));
    return new PfrackError('conflict', 'somebody saved over what this run had changed: ' . implode(', ', $places)
        . '. The last to save was "' . pfrack_utf8($who) . '". Run again when they are done', 'confirm');
}

function pfrack_checkpoint_gone(array $gone): PfrackError
{
    return new PfrackError('rolled_back', 'the checkpoint of this run was rolled back at '
        . date('Y-m-d H:i:s', (int)$gone['at']) . " ({$gone['why']}): nothing more is changed by this run",
        'checkpoint');
}

/** A sign of life; files on their way count as well, so the watch is told where they arrive. */
function pfrack_pulse(string $word = 'alive'): void
{
    if (Pfrack::$holds === '' || !is_file(PFRACK_KEPT . '/state')) {
        return;
    }
    // A carrier may start a process for each request, so only the time tells one sign from the last.
    $number = sprintf('%.6F', microtime(true));
    $lines = array_merge(["$word " . pfrack_pulse_owner() . " $number"], array_keys(Pfrack::$staged + Pfrack::$growing));
    @file_put_contents(PFRACK_PULSE, implode("\n", $lines) . "\n");
}

function pfrack_pulse_owner(): string
{
    return Pfrack::$run !== '' ? Pfrack::$run : (string)getmypid();
}

/** The session of the holder ends without its word. It may come back, but it is not waited for as long. */
function pfrack_checkpoint_left(): void
{
    $last = explode(' ', (string)@file_get_contents(PFRACK_PULSE));
    if (count($last) > 1 && $last[1] === pfrack_pulse_owner() && is_file(PFRACK_KEPT . '/state')) {
        Pfrack::$holds = Pfrack::$holds !== '' ? Pfrack::$holds : 'left';
        pfrack_pulse('left');
    }
    Pfrack::$holds = '';
}

function pfrack_op_checkpoint(array $params): array
{
    $holder = pfrack_text($params['holder'] ?? '');
    $timeout = $params['timeout'] ?? 600;
    $source = (string)@gzinflate((string)base64_decode(pfrack_text($params['agent'] ?? ''), true));
    if (preg_match('~^[\x20-\x7e]{1,200}$~D', $holder) !== 1 || !is_int($timeout) || $timeout < 2 || $timeout > 86400
        || strpos($source, 'function pfrack_watch(') === false) {
        throw new PfrackError('invalid', "checkpoint needs a 'holder', a 'timeout' of 2 to 86400 s and the 'agent'");
    }
    $lock = pfrack_lock(PFRACK_LOCK_WAIT);
    try {
        $state = pfrack_checkpoint();
        if ($state !== null && $state['holder'] !== $holder) {
            throw pfrack_checkpoint_held($state);
        }
        if ($state === null) {
            pfrack_check_space();
            $state = ['id' => bin2hex(random_bytes(8)), 'holder' => $holder, 'since' => time(), 'timeout' => $timeout];
            pfrack_checkpoint_arm($state, $source);
        }
        return $state;
    } finally {
        pfrack_unlock($lock);
    }
}

function pfrack_checkpoint_arm(array $state, string $source): void
{
    // What an end that was cut short may have left.
    pfrack_checkpoint_remove();
    $start = "<?php\n$source\npfrack_watch_main(\$argv);\n";
    try {
        if (!@mkdir(PFRACK_KEPT, 0700)) {
            throw new PfrackError('internal', 'cannot make ' . PFRACK_KEPT, 'mkdir', pfrack_last_error());
        }
        pfrack_keep('agent.php', $start);
        pfrack_keep('state', (string)json_encode($state));
        Pfrack::$holds = $state['id'];
        pfrack_pulse();
        pfrack_watch_ensure($state['id']);
    } catch (Throwable $error) {
        pfrack_checkpoint_remove();
        throw $error;
    }
    pfrack_forget_rolled_back($state['holder']);
}

/** Write a file of the checkpoint so that it is there completely or not at all, also after a power cut. */
function pfrack_keep(string $name, string $content): void
{
    $file = PFRACK_KEPT . "/$name";
    $handle = @fopen("$file.new", 'we');
    $done = $handle !== false && chmod("$file.new", 0600) && fwrite($handle, $content) === strlen($content)
        && fflush($handle) && (!function_exists('fsync') || fsync($handle)) && fclose($handle)
        && rename("$file.new", $file);
    if (!$done) {
        @unlink("$file.new");
        $free = (int)@disk_free_space(PFRACK_KEPT);
        throw new PfrackError($free < 65536 ? 'no_space' : 'internal', "$file cannot be written: nothing was changed",
            'fwrite', pfrack_last_error());
    }
}

function pfrack_op_confirm(array $params): array
{
    $commits = 0;
    $result = pfrack_confirm($params, $commits);
    try {
        return $result + ['pair' => $commits > 0 ? pfrack_pair_tell() : null];
    } catch (Throwable $error) {
        // The changes are confirmed, whatever becomes of the other router.
        $peer = pfrack_pair_peer();
        return $result + ['pair' => $peer === '' ? null : ['peer' => $peer, 'synchronised' => false,
            'words' => pfrack_error($error)['message']]];
    }
}

/** $commits becomes the number of changes of the configuration among those that are confirmed. */
function pfrack_confirm(array $params, int &$commits): array
{
    $holder = pfrack_text($params['holder'] ?? '');
    $lock = pfrack_lock(PFRACK_LOCK_WAIT);
    try {
        $state = pfrack_checkpoint();
        if ($state !== null && ($state['holder'] === $holder || $state['id'] === ($params['id'] ?? null))) {
            $journal = pfrack_journal();
            if ($journal !== []) {
                pfrack_snapshot();
                $lost = pfrack_overwritten($journal);
                if ($lost !== []) {
                    throw pfrack_checkpoint_overwritten($lost);
                }
            }
            pfrack_checkpoint_remove();
            $commits = count(array_filter($journal, static function (array $entry): bool {
                return $entry['kind'] === 'commit';
            }));
            return ['id' => $state['id'], 'changes' => count($journal)];
        }
        $gone = pfrack_rolled_back($holder);
        if ($gone !== null) {
            throw pfrack_checkpoint_gone($gone);
        }
        if ($state !== null) {
            throw pfrack_checkpoint_held($state);
        }
        throw new PfrackError('missing', 'there is no checkpoint to confirm', 'checkpoint');
    } finally {
        pfrack_unlock($lock);
    }
}

function pfrack_op_checkpoint_status(array $params): array
{
    $state = pfrack_checkpoint();
    $last = pfrack_all_rolled_back()[0] ?? ['past' => true];
    return ['checkpoint' => $state === null ? null : $state + ['changes' => count(pfrack_journal()),
        'watched' => pfrack_watch_pid() > 0], 'rolled_back' => isset($last['past']) ? null : $last];
}

/** The end of a checkpoint. It is over with the state file; whatever is cut short after that is swept up later. */
function pfrack_checkpoint_remove(): void
{
    @unlink(PFRACK_KEPT . '/state');
    Pfrack::$holds = '';
    @unlink(PFRACK_PULSE);
    foreach (pfrack_journal() as $entry) {
        if ($entry['kind'] === 'files' && !is_link($entry['keep'])) {
            pfrack_remove_tree($entry['keep']);
        }
    }
    $pid = pfrack_watch_pid();
    if ($pid > 0 && !Pfrack::$watching) {
        function_exists('posix_kill') ? posix_kill($pid, 15) : pfrack_run(['kill', (string)$pid]);
    }
    @unlink(PFRACK_HOOK);
    if (!is_link(PFRACK_KEPT)) {
        pfrack_remove_tree(PFRACK_KEPT);
    }
}

<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The watch over a checkpoint: a process of its own, so that it outlives the controller, the line and the agent.

function pfrack_watch_pid(): int
{
    $handle = @fopen(PFRACK_KEPT . '/watch', 'r+e');
    if ($handle === false) {
        return 0;
    }
    $free = flock($handle, LOCK_EX | LOCK_NB);
    $pid = $free ? 0 : (int)trim((string)stream_get_contents($handle));
    fclose($handle);
    return $pid;
}

/** Start the watch if it does not run, and wait until it does. Without an id it finds out itself about a reboot. */
function pfrack_watch_ensure(string $id): void
{
    if (pfrack_watch_pid() > 0) {
        return;
    }
    $script = '(trap "" HUP; exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; cd /; HOME=/root exec /usr/local/bin/php -d '
        . 'display_errors=0 ' . PFRACK_KEPT . '/agent.php watch ' . ($id === '' ? '' : escapeshellarg($id))
        . ') </dev/null >/dev/null 2>&1 &';
    shell_exec($script);
    $up = pfrack_wait(static function (): bool {
        return pfrack_watch_pid() > 0 || pfrack_checkpoint() === null;
    }, 10.0);
    if (!$up) {
        throw new PfrackError('internal', 'the watch over the checkpoint did not start', 'php');
    }
}

/** `watch [ID]`: watch over the checkpoint. `back ID WHY PULSE`: go back, unless the pulse is another one now. */
function pfrack_watch_main(array $arguments): void
{
    pfrack_environment();
    Pfrack::$watching = true;
    if (($arguments[1] ?? '') === 'back') {
        $answer = pfrack_handle(['id' => 1, 'op' => 'rollback', 'params' => ['id' => $arguments[2],
            'why' => $arguments[3], 'pulse' => base64_decode($arguments[4])]]);
        echo pfrack_encode($answer) . "\n";
        return;
    }
    if (function_exists('posix_setsid')) {
        posix_setsid();
    }
    $handle = @fopen(PFRACK_KEPT . '/watch', 'c+e');
    @chmod(PFRACK_KEPT . '/watch', 0600);
    if ($handle === false) {
        return;
    }
    // Whoever only asks whether somebody watches holds the lock for an instant.
    $ours = pfrack_wait(static function () use ($handle): bool {
        return flock($handle, LOCK_EX | LOCK_NB);
    }, 1.0);
    $state = pfrack_checkpoint();
    if (!$ours || ($state !== null && ($arguments[2] ?? $state['id']) !== $state['id'])) {
        return;
    }
    ftruncate($handle, 0);
    fwrite($handle, getmypid() . "\n");
    fflush($handle);
    pfrack_watch($state, isset($arguments[2]));
}

/** Until the checkpoint is over, or time is. Without $started_by_run it is the boot that started us. */
function pfrack_watch(?array $state, bool $started_by_run): void
{
    if ($state === null) {
        $lock = pfrack_lock(PFRACK_LOCK_WAIT);
        if (pfrack_checkpoint() === null) {
            pfrack_checkpoint_remove();
        }
        pfrack_unlock($lock);
        return;
    }
    $seen = null;
    $since = 0;
    $why = '';
    while (true) {
        $now = pfrack_checkpoint();
        if ($now === null || $now['id'] !== $state['id']) {
            return;
        }
        $pulse = pfrack_watch_pulse();
        if ($pulse !== $seen) {
            $seen = $pulse;
            $since = hrtime(true);
        }
        // What /var/run had is lost by a reboot, and with it the run's session.
        $rebooted = !$started_by_run && $pulse[0] === '';
        $patience = strncmp($pulse[0], 'left', 4) === 0 ? min(PFRACK_GRACE, $state['timeout']) : $state['timeout'];
        $silent = (hrtime(true) - $since) / 1e9;
        if ($rebooted) {
            $why = 'the router was started again before the run confirmed';
        } elseif ($silent > $patience) {
            $why = sprintf('no word from the run for %d seconds', $patience);
        }
        if ($why !== '' && !pfrack_watch_busy()) {
            pfrack_watch_back($state['id'], $why, $pulse[0]);
            $why = '';
        }
        usleep($rebooted ? 1000000 : 250000);
    }
}

/** The last sign of life, and how far files on their way have come. */
function pfrack_watch_pulse(): array
{
    clearstatcache();
    $text = (string)@file_get_contents(PFRACK_PULSE);
    $bytes = 0;
    foreach (array_slice(explode("\n", trim($text)), 1) as $directory) {
        foreach (glob("$directory/*") ?: [] as $file) {
            $bytes += (int)@filesize($file);
        }
    }
    return [$text, $bytes];
}

/** Packages are being installed, or the router is starting: going back has to wait for the end of that. */
function pfrack_watch_busy(): bool
{
    clearstatcache();
    if (file_exists('/var/run/booting')) {
        return true;
    }
    foreach (glob(pfrack_job_directory('*') . '/pid') ?: [] as $file) {
        if (!is_file(dirname($file) . '/code') && pfrack_pid($file) > 0) {
            return true;
        }
    }
    return false;
}

/** In a process of its own: pfSense's libraries may end it, and then it is tried again. */
function pfrack_watch_back(string $id, string $why, string $pulse): void
{
    [$code, $output] = pfrack_run(['/usr/local/bin/php', '-d', 'display_errors=0', PFRACK_KEPT . '/agent.php', 'back',
        $id, $why, base64_encode($pulse)]);
    $answer = json_decode(trim((string)strrchr("\n" . trim($output), "\n")), true);
    if (!is_array($answer) || empty($answer['ok'])) {
        syslog(LOG_ERR, 'pfrack: going back to the checkpoint failed, it is tried again: '
            . substr($answer['error']['message'] ?? "exit code $code", 0, 500));
        sleep(5);
    }
}

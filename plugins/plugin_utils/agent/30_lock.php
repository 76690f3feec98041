<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// One pfrack commit at a time, whatever carrier it comes by. The file goes when the lock does.
// In a directory where only root makes files: in /tmp anybody could put a link in its place.

const PFRACK_LOCK = '/var/run/pfrack.lock';

/** @return resource */
function pfrack_lock(float $wait)
{
    $deadline = microtime(true) + $wait;
    while (true) {
        // 'e': daemons that are started under the lock must not inherit it.
        $handle = @fopen(PFRACK_LOCK, 'c+e');
        if ($handle === false) {
            throw new PfrackError('internal', PFRACK_LOCK . ' cannot be opened');
        }
        if (flock($handle, LOCK_EX | LOCK_NB)) {
            clearstatcache(true, PFRACK_LOCK);
            $there = @stat(PFRACK_LOCK);
            $ours = fstat($handle);
            // The previous holder removed the file after we opened it: that lock protects nothing.
            if ($there === false || $ours === false || $there['ino'] !== $ours['ino']) {
                fclose($handle);
                continue;
            }
            ftruncate($handle, 0);
            rewind($handle);
            fwrite($handle, json_encode(['pid' => getmypid(), 'since' => date('Y-m-d H:i:s')]) . "\n");
            fflush($handle);
            return $handle;
        }
        if (microtime(true) > $deadline) {
            $holder = json_decode((string)stream_get_contents($handle), true);
            fclose($handle);
            $who = is_array($holder) ? "process {$holder['pid']} since {$holder['since']}" : 'another process';
            throw new PfrackError('busy', "another pfrack run is changing this router ($who)", 'lock');
        }
        fclose($handle);
        usleep(100000);
    }
}

/** @param resource $handle */
function pfrack_unlock($handle): void
{
    // Whoever waits for the lock to go back must see that the run is alive.
    pfrack_pulse();
    @unlink(PFRACK_LOCK);
    flock($handle, LOCK_UN);
    fclose($handle);
}

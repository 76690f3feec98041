<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The other router of a pair: pfSense sends it the configuration after each write. It is to see a transaction as a whole,
// because what it has taken over it does not always give back.

const PFRACK_PAIR_SCRIPT = '/etc/rc.filter_synchronize';
const PFRACK_PAIR_OTHERS = 120.0;
const PFRACK_PAIR_DONE = 'XMLRPC sync successfully completed';

/** The address that pfSense sends its configuration to; empty when it does not. */
function pfrack_pair_peer(): string
{
    return pfrack_text(pfrack_at(['hasync', 'synchronizetoip']));
}

/** @return array{peer: string, sections: string[]} the boxes of System > High Availability by the names in config.xml */
function pfrack_pair_info(): array
{
    $sections = [];
    foreach ((array)pfrack_at(['hasync']) as $name => $value) {
        if (preg_match('~^synchronize(?!toip)([a-z0-9]+)$~', (string)$name, $found) === 1 && pfrack_text($value) !== '') {
            $sections[] = $found[1];
        }
    }
    sort($sections);
    return ['peer' => pfrack_pair_peer(), 'sections' => $sections];
}

/** Whether the other router is told at the end of the checkpoint only. */
function pfrack_pair_waits(): bool
{
    return pfrack_pair_peer() !== '' && pfrack_checkpoint() !== null;
}

/** Send the configuration now and wait for the end. Null without a pair. */
function pfrack_pair_tell(): ?array
{
    pfrack_snapshot();
    $peer = pfrack_pair_peer();
    if ($peer === '' || !is_file(PFRACK_PAIR_SCRIPT)) {
        return null;
    }
    // One that began before us holds what was there then, and might come last.
    pfrack_wait(static function (): bool {
        return pfrack_run(['pgrep', '-f', '[r]c.filter_synchronize'])[0] !== 0;
    }, PFRACK_PAIR_OTHERS);
    $status = '/var/run/filter_reload_status';
    $before = (string)@file_get_contents($status);
    $notices = pfrack_notices();
    pfrack_run([PFRACK_PAIR_SCRIPT]);
    $now = (string)@file_get_contents($status);
    $new = strncmp($now, $before, strlen($before)) === 0 ? substr($now, strlen($before)) : $now;
    if (strpos($new, PFRACK_PAIR_DONE) !== false) {
        return ['peer' => $peer, 'synchronised' => true, 'words' => ''];
    }
    // It tries several times, and says so each time.
    $lines = explode("\n", pfrack_new_notices($notices, 'sync_settings') ?: trim($new));
    return ['peer' => $peer, 'synchronised' => false, 'words' => pfrack_utf8((string)end($lines))];
}

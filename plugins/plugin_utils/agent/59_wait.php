<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Wait on the router until leases, HAProxy's servers or config.xml are no longer what the caller knows.

const PFRACK_WAIT_LONGEST = 60;
const PFRACK_WAIT_STEP = 0.1;
// HAProxy and machines that do not serve yet have to be asked; nothing announces what they do.
const PFRACK_WAIT_ASK = 0.5;
// Leases expire without a trace in the file.
const PFRACK_WAIT_EXPIRY = 10.0;
const PFRACK_WAIT_BLIND = 1.0;

/** `since` is the token of an earlier answer, or "" to be told at once. Ends early when one of `targets` answers. */
function pfrack_op_wait(array $params): array
{
    $since = $params['since'] ?? '';
    $timeout = $params['timeout'] ?? 0;
    $targets = $params['targets'] ?? [];
    if (!is_string($since) || !is_numeric($timeout) || $timeout < 0 || $timeout > PFRACK_WAIT_LONGEST
        || !is_array($targets)) {
        throw new PfrackError('invalid', "wait needs 'since', a text, and 'timeout', up to "
            . PFRACK_WAIT_LONGEST . ' seconds');
    }
    $known = explode('.', $since) + ['', '', ''];
    $deadline = microtime(true) + (float)$timeout;
    $answering = [];
    do {
        $now = ['leases' => pfrack_wait_leases(), 'health' => pfrack_wait_health(), 'config' => pfrack_wait_config()];
        $changed = array_keys(array_diff_assoc($now, array_combine(array_keys($now), array_slice($known, 0, 3))));
        $answering = $changed === [] ? pfrack_wait_probe($targets) : [];
        if ($changed !== [] || $answering !== []) {
            break;
        }
        usleep((int)(1e6 * max(0.0, min(PFRACK_WAIT_STEP, $deadline - microtime(true)))));
    } while (microtime(true) < $deadline);
    return ['token' => implode('.', $now), 'changed' => $changed, 'answering' => $answering, 'now' => time()];
}

/** A hash of who holds which address; renewals do not change it. */
function pfrack_wait_leases(): string
{
    static $stamp = null;
    static $read = 0.0;
    static $hash = '';
    $file = pfrack_lease_file();
    $seen = pfrack_stamp($file) . pfrack_stamp(PFRACK_CONFIG);
    $patience = pfrack_stamp($file) === '' ? PFRACK_WAIT_BLIND : PFRACK_WAIT_EXPIRY;
    if ($seen !== $stamp || microtime(true) - $read > $patience) {
        $stamp = $seen;
        $read = microtime(true);
        pfrack_wait_config();
        $lines = [];
        foreach (pfrack_op_leases([])['leases'] as $lease) {
            $lines[] = json_encode([$lease['address'], $lease['mac'], $lease['hostname'], $lease['state']]);
        }
        sort($lines);
        $hash = sha1(implode("\n", $lines));
    }
    return $hash;
}

/** A hash of the servers of the running HAProxy and of how each is; "none" when nobody answers. */
function pfrack_wait_health(): string
{
    static $asked = 0.0;
    static $hash = '';
    if ($hash !== '' && microtime(true) - $asked < PFRACK_WAIT_ASK) {
        return $hash;
    }
    $asked = microtime(true);
    $state = pfrack_haproxy_ask('show servers state');
    if ($state === null) {
        return $hash = 'none';
    }
    $columns = [];
    $rows = [];
    foreach (explode("\n", $state) as $line) {
        if (strpos($line, '#') === 0) {
            $columns = array_flip(preg_split('~\s+~', trim($line, "# \n")) ?: []);
            continue;
        }
        $fields = preg_split('~\s+~', trim($line)) ?: [];
        $row = [];
        foreach (['be_name', 'srv_name', 'srv_addr', 'srv_op_state', 'srv_admin_state', 'srv_port'] as $column) {
            $row[] = $fields[$columns[$column] ?? -1] ?? '';
        }
        $rows[] = implode(' ', $row);
    }
    return $hash = sha1(implode("\n", $rows));
}

/** The revision; what this process holds in memory follows it. */
function pfrack_wait_config(): string
{
    static $stamp = null;
    static $hash = '';
    $seen = pfrack_stamp(PFRACK_CONFIG);
    if ($seen !== $stamp) {
        // The stamp is older than what is read, so a change in between is seen the next time.
        $stamp = $seen;
        $hash = pfrack_snapshot();
    }
    return $hash;
}

/** The indexes of the targets that answer now. */
function pfrack_wait_probe(array $targets): array
{
    static $asked = 0.0;
    if ($targets === [] || microtime(true) - $asked < PFRACK_WAIT_ASK) {
        return [];
    }
    $answering = [];
    foreach (pfrack_op_probe(['targets' => $targets, 'timeout' => PFRACK_WAIT_ASK])['results'] as $number => $result) {
        if ($result['ok']) {
            $answering[] = $number;
        }
    }
    $asked = microtime(true);
    return $answering;
}

/** Where the DHCP server writes its leases; Kea's place differs between releases and stands in its configuration. */
function pfrack_lease_file(): string
{
    if (pfrack_lease_backend() !== 'kea') {
        return '/var/dhcpd/var/db/dhcpd.leases';
    }
    static $stamp = null;
    static $name = '';
    $file = '/usr/local/etc/kea/kea-dhcp4.conf';
    if (pfrack_stamp($file) !== $stamp) {
        $stamp = pfrack_stamp($file);
        $settings = json_decode((string)@file_get_contents($file), true);
        $name = pfrack_text($settings['Dhcp4']['lease-database']['name'] ?? '');
    }
    return $name;
}

/** Changes whenever the file does; "" when there is none. */
function pfrack_stamp(string $file): string
{
    clearstatcache(true, $file);
    $there = $file === '' ? false : @stat($file);
    return $there === false ? '' : "{$there['ino']}/{$there['size']}/{$there['mtime']};";
}

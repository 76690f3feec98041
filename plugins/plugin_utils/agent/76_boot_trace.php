<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What the router's logs say about machines that boot from the network. It is told, not judged: the controller does that.

const PFRACK_TRACE_LOGS = ['dhcpd.log', 'system.log', 'pfrack_static_web.log'];
const PFRACK_TRACE_BYTES = 4194304;
const PFRACK_TRACE_LINES = 400;

/** The lines of each log that name one of a machine's addresses, and what makes it up: see docs/architecture.md. */
function pfrack_op_boot_trace(array $params): array
{
    $macs = $params['macs'] ?? null;
    if (!is_array($macs) || array_filter($macs, static function ($mac): bool {
        return !is_string($mac) || preg_match('~^([0-9a-f]{2}:){5}[0-9a-f]{2}$~D', $mac) !== 1;
    }) !== []) {
        throw new PfrackError('invalid', "boot_trace needs 'macs', a list of MAC addresses in lower case");
    }
    $logs = [];
    foreach (PFRACK_TRACE_LOGS as $name) {
        foreach (["$name.0", $name] as $file) {
            $logs[$name] = array_merge($logs[$name] ?? [], pfrack_trace_tail("/var/log/$file"));
        }
    }
    $leases = pfrack_op_leases([])['leases'];
    $machines = [];
    foreach ($macs as $mac) {
        $machines[$mac] = pfrack_trace_machine($mac, $logs, $leases);
    }
    $running = pfrack_running();
    return ['machines' => (object)$machines, 'now' => time(), 'zone' => date('Z'), 'services' => [
        'dhcp' => $running['dhcpd'] || $running['kea-dhcp4'], 'tftp' => $running['tftpd'],
        'tftp_logs' => pfrack_trace_tftp_logs(), 'web' => pfrack_web_state()['in_order']]];
}

function pfrack_trace_machine(string $mac, array $logs, array $leases): array
{
    $addresses = [];
    $found = [];
    foreach ($leases as $lease) {
        if ($lease['mac'] === $mac && $lease['address'] !== '') {
            $addresses[$lease['address']] = true;
        }
    }
    foreach (array_merge($logs['dhcpd.log'], $logs['system.log']) as $line) {
        // What it was given at some time, by either server.
        if (stripos($line, $mac) !== false
            && preg_match('~(?:DHCPACK on|DHCPOFFER on|lease) (\d+\.\d+\.\d+\.\d+)\b~', $line, $part) === 1) {
            $addresses[$part[1]] = true;
        }
    }
    $pattern = implode('|', array_map('preg_quote', array_merge([$mac, str_replace(':', '-', $mac)],
        array_keys($addresses))));
    foreach ($logs as $name => $lines) {
        $lines = preg_grep("~(?<![0-9.])(?:$pattern)(?![0-9.]*[0-9])~i", $lines) ?: [];
        $found[$name] = array_map('pfrack_utf8', array_slice(array_values($lines), -PFRACK_TRACE_LINES));
    }
    return ['addresses' => array_map('strval', array_keys($addresses)), 'logs' => $found];
}

/** @return list<string> the last lines of a log */
function pfrack_trace_tail(string $file): array
{
    $handle = is_file($file) ? @fopen($file, 'r') : false;
    if ($handle === false) {
        return [];
    }
    $size = (int)filesize($file);
    fseek($handle, max(0, $size - PFRACK_TRACE_BYTES));
    $text = (string)stream_get_contents($handle);
    fclose($handle);
    return explode("\n", $text);
}

/** Whether the TFTP server says what it serves. */
function pfrack_trace_tftp_logs(): bool
{
    return pfrack_text(pfrack_at(['installedpackages', 'tftpd', 'config', 0, 'tftpd_logging'])) === 'on';
}

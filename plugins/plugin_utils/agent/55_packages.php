<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Services that come with packages: HAProxy and the TFTP server.

function pfrack_need_package(string $file, string $package): void
{
    $found = stream_resolve_include_path($file);
    if ($found === false && is_file("/usr/local/pkg/$file")) {
        $found = "/usr/local/pkg/$file";
    }
    if ($found === false) {
        throw new PfrackError('missing', "the package $package is not installed on the router", 'require ' . $file);
    }
    pfrack_require($found);
}

function pfrack_test_haproxy(array $old): void
{
    pfrack_need_package('haproxy/haproxy.inc', 'haproxy');
    if (!pfrack_enabled(['installedpackages', 'haproxy'])) {
        return;
    }
    $words = '';
    $printed = '';
    $valid = pfrack_call('haproxy_check_and_run', [&$words, false], $printed);
    // It leaves its test directory behind, with private keys in it.
    pfrack_remove_tree('/var/etc/haproxy_test');
    if (!$valid) {
        throw new PfrackError('refused', 'HAProxy refuses the configuration', 'haproxy_check_and_run',
            pfrack_plain(pfrack_text($words) . "\n" . $printed));
    }
}

function pfrack_apply_haproxy(array $old, array $services): string
{
    pfrack_need_package('haproxy/haproxy.inc', 'haproxy');
    $words = '';
    $printed = '';
    $before = pfrack_haproxy_pids();
    $mark = pfrack_log_mark(['haproxy.log', 'system.log']);
    if (pfrack_enabled(['installedpackages', 'haproxy']) && pfrack_haproxy_is_mute()) {
        $done = pfrack_call('haproxy_check_and_run', [&$words, false], $printed) && pfrack_haproxy_replace($printed);
        pfrack_remove_tree('/var/etc/haproxy_test');
    } else {
        $done = pfrack_call('haproxy_check_and_run', [&$words, true], $printed);
    }
    $words = pfrack_plain(pfrack_text($words) . "\n" . $printed);
    if (!$done) {
        pfrack_fail('HAProxy did not take the configuration', 'haproxy_check_and_run',
            trim($words . "\n" . pfrack_log_tail($mark)));
    }
    $carp = pfrack_at(['installedpackages', 'haproxy', 'carpdev']);
    if (!pfrack_enabled(['installedpackages', 'haproxy'])) {
        $stopped = pfrack_wait(static function (): bool {
            return pfrack_haproxy_pids() === [];
        }, 3.0);
        if (!$stopped) {
            pfrack_fail('HAProxy is disabled but still runs', 'haproxy_check_and_run', $words);
        }
    } elseif ($carp === null) {
        // A reload is a new process; if it could not bind, the old one goes on with the old configuration.
        $new = pfrack_wait(static function () use ($before): bool {
            return array_diff(pfrack_haproxy_pids(), $before) !== [];
        }, 5.0);
        if (!$new) {
            pfrack_fail('HAProxy did not start with the new configuration', 'haproxy_check_and_run',
                trim($words . "\n" . pfrack_log_tail($mark)));
        }
    }
    $marker = $GLOBALS['d_haproxyconfdirty_path'] ?? '/var/run/haproxy.conf.dirty';
    @unlink($marker);
    return $words;
}

/** @return int[] */
function pfrack_haproxy_pids(): array
{
    clearstatcache(true, '/var/run/haproxy.pid');
    $text = (string)@file_get_contents('/var/run/haproxy.pid');
    $pids = array_map('intval', preg_split('~\s+~', $text, -1, PREG_SPLIT_NO_EMPTY) ?: []);
    return array_values(array_filter($pids, 'pfrack_alive'));
}

function pfrack_test_tftp_server(array $old): void
{
    pfrack_need_package('tftpd.inc', 'tftpd');
}

function pfrack_apply_tftp_server(array $old, array $services): string
{
    pfrack_need_package('tftpd.inc', 'tftpd');
    $printed = '';
    $mark = pfrack_log_mark(['system.log']);
    pfrack_call('sync_package_tftpd', [], $printed);
    $enabled = pfrack_text(pfrack_at(['installedpackages', 'tftpd', 'config', 0, pfrack_tftpd_field()])) === 'on';
    $right = pfrack_wait(static function () use ($enabled): bool {
        return pfrack_running()['tftpd'] === $enabled;
    }, 5.0);
    if (!$right) {
        pfrack_fail($enabled ? 'the TFTP server did not start' : 'the TFTP server is disabled but still runs',
            'sync_package_tftpd', trim($printed . "\n" . pfrack_log_tail($mark) . "\n" . pfrack_listeners(69)));
    }
    return $printed;
}

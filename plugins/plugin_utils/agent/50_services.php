<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Services in their one right order: test before anything is written, apply, and look whether it came up.

const PFRACK_SERVICES = ['virtual_ip', 'dns_resolver', 'dns_forwarder', 'dhcp_server', 'tftp_server',
    'static_web', 'haproxy', 'haproxy_file', 'filter'];

/** @param mixed $services */
function pfrack_ordered($services): array
{
    if (!is_array($services)) {
        throw new PfrackError('invalid', "commit needs 'services', a list");
    }
    foreach ($services as $service) {
        if (!in_array($service, PFRACK_SERVICES, true)) {
            throw new PfrackError('invalid', 'there is no service ' . json_encode($service));
        }
    }
    return array_values(array_intersect(PFRACK_SERVICES, $services));
}

/** What the daemons' own tests say about the configuration in memory. Throws `refused`. */
function pfrack_test_services(array $services, array $old): void
{
    foreach ($services as $service) {
        $function = 'pfrack_test_' . $service;
        if (function_exists($function)) {
            $function($old);
        }
    }
}

/**
 * Apply and verify each service. $old is the configuration that was in force before.
 * $applied grows as services are touched, so that a caller knows what to put back.
 */
function pfrack_apply_services(array $services, array $old, array &$applied, string &$output): void
{
    $filter = false;
    foreach ($services as $service) {
        $applied[] = $service;
        if ($service === 'filter') {
            $filter = true;
            continue;
        }
        $printed = call_user_func('pfrack_apply_' . $service, $old, $services);
        $output .= $printed !== '' ? "$service: $printed\n" : '';
        $filter = $filter || in_array($service, ['virtual_ip', 'dns_resolver', 'dns_forwarder', 'dhcp_server'], true);
    }
    if ($filter) {
        // Reads the file on disk in the background, so once at the end is enough.
        $notices = pfrack_notices();
        $printed = '';
        pfrack_call('filter_configure', [], $printed);
        pfrack_wait_for_rules($old, $notices);
    }
}

const PFRACK_RULES_WAIT = 60.0;

/** Wait until marked rules that came are in the rules in force, and those that went are not. Throws `apply_failed`. */
function pfrack_wait_for_rules(array $old, array $notices): void
{
    $now = pfrack_marked_rules(pfrack_at(['filter', 'rule']));
    $before = pfrack_marked_rules($old['filter']['rule'] ?? '');
    if ($now === $before) {
        return;
    }
    $gone = array_diff($before, $now);
    $done = pfrack_wait(static function () use ($now, $gone): bool {
        $rules = (string)@file_get_contents('/tmp/rules.debug');
        preg_match_all('~\bridentifier\s+([0-9]+)~', $rules, $found);
        $status = (string)@file_get_contents('/var/run/filter_reload_status');
        return array_diff($now, $found[1]) === [] && array_intersect($gone, $found[1]) === []
            && preg_match('~\bDone\s*$~', $status) === 1;
    }, PFRACK_RULES_WAIT);
    $words = pfrack_new_notices($notices, 'filter');
    if (!$done || $words !== '') {
        pfrack_fail($done ? 'pfSense complains about the firewall rules' : 'the firewall rules were not loaded in '
            . (int)PFRACK_RULES_WAIT . ' seconds', 'filter_configure', $words);
    }
}

/** Trackers of the rules in force that carry anybody's mark, without leading zeros. @param mixed $rules */
function pfrack_marked_rules($rules): array
{
    $trackers = [];
    foreach (pfrack_items($rules) as $rule) {
        if (!isset($rule['disabled']) && preg_match('~\[pfrack(:[^]]*)?\]\s*$~', pfrack_text($rule['descr'] ?? '')) === 1) {
            $trackers[] = ltrim(pfrack_text($rule['tracker'] ?? ''), '0');
        }
    }
    return array_values(array_filter($trackers));
}

function pfrack_fail(string $message, string $function, string $detail = ''): void
{
    throw new PfrackError('apply_failed', $message, $function, $detail);
}

/** Wait until $true() holds; a condition, not a pause. */
function pfrack_wait(callable $true, float $seconds): bool
{
    $deadline = microtime(true) + $seconds;
    do {
        if ($true()) {
            return true;
        }
        usleep(50000);
    } while (microtime(true) < $deadline);
    return $true();
}

function pfrack_pid(string $file): int
{
    clearstatcache(true, $file);
    $pid = (int)trim((string)@file_get_contents($file));
    return $pid > 0 && pfrack_alive($pid) ? $pid : 0;
}

function pfrack_alive(int $pid): bool
{
    if (function_exists('posix_kill')) {
        return posix_kill($pid, 0);
    }
    return pfrack_run(['kill', '-0', (string)$pid])[0] === 0;
}

/** Remember where the logs end, to quote only what a failing daemon says now. */
function pfrack_log_mark(array $names): array
{
    $mark = [];
    foreach ($names as $name) {
        clearstatcache(true, "/var/log/$name");
        $mark[$name] = is_file("/var/log/$name") ? (int)filesize("/var/log/$name") : 0;
    }
    return $mark;
}

function pfrack_log_tail(array $mark): string
{
    $text = '';
    foreach ($mark as $name => $offset) {
        clearstatcache(true, "/var/log/$name");
        if (!is_file("/var/log/$name")) {
            continue;
        }
        $new = (string)@file_get_contents("/var/log/$name", false, null, filesize("/var/log/$name") < $offset ? 0 : $offset);
        $lines = explode("\n", trim($new));
        $text .= implode("\n", array_slice($lines, -15)) . "\n";
    }
    return pfrack_plain($text);
}

function pfrack_notices(): array
{
    $notices = function_exists('get_notices') ? pfrack_call('get_notices', ['all']) : [];
    return is_array($notices) ? $notices : [];
}

/** What pfSense complained about since then. */
function pfrack_new_notices(array $before, string $category): string
{
    $text = [];
    foreach (pfrack_notices() as $key => $notice) {
        if (!array_key_exists($key, $before) && is_array($notice)
            && stripos(pfrack_text($notice['category'] ?? '') . ' ' . pfrack_text($notice['id'] ?? ''), $category) !== false) {
            $text[] = pfrack_plain(pfrack_text($notice['notice'] ?? ''));
        }
    }
    return implode("\n", $text);
}

function pfrack_clear_dirty(array $markers): void
{
    foreach ($markers as $marker) {
        if (function_exists('clear_subsystem_dirty')) {
            pfrack_call('clear_subsystem_dirty', [$marker]);
        }
    }
}

/** Who listens on a port, as far as the system can say; for messages only. */
function pfrack_listeners(int $port): string
{
    $lines = [];
    exec('sockstat -4 -6 -l -p ' . $port . ' 2>/dev/null', $lines);
    return pfrack_plain(implode("\n", array_slice($lines, 0, 10)));
}

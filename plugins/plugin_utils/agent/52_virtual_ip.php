<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Virtual IPs: only entries that differ are taken down and brought up, because taking one down cuts its connections.

function pfrack_vip_key(array $vip): string
{
    $uniqid = pfrack_text($vip['uniqid'] ?? '');
    return $uniqid !== '' ? $uniqid : implode(' ', array_map('pfrack_text', [$vip['mode'] ?? '',
        $vip['interface'] ?? '', $vip['subnet'] ?? '', $vip['subnet_bits'] ?? '']));
}

/** @return array<string, array> */
function pfrack_vips(array $config): array
{
    $vips = [];
    foreach (pfrack_items(pfrack_value_at($config, ['virtualip', 'vip'])) as $vip) {
        $vips[pfrack_vip_key($vip)] = $vip;
    }
    return $vips;
}

/** Whether the difference matters to the device; a new description does not. */
function pfrack_vip_same(array $one, array $other): bool
{
    foreach (['mode', 'interface', 'subnet', 'subnet_bits', 'type', 'vhid', 'advbase', 'advskew', 'password'] as $field) {
        if (pfrack_text($one[$field] ?? '') !== pfrack_text($other[$field] ?? '')) {
            return false;
        }
    }
    return true;
}

function pfrack_test_virtual_ip(array $old): void
{
    $before = pfrack_vips($old);
    foreach (pfrack_vips($GLOBALS['config']) as $key => $vip) {
        if (isset($before[$key]) && pfrack_vip_same($before[$key], $vip)) {
            continue;
        }
        $interface = pfrack_text($vip['interface'] ?? '');
        $mode = pfrack_text($vip['mode'] ?? '');
        if (strpos($interface, '_vip') === 0 || $interface === 'lo0' || !in_array($mode, ['ipalias', 'carp'], true)) {
            continue;
        }
        if (!pfrack_enabled(['interfaces', $interface])) {
            throw new PfrackError('refused', "virtual IP {$vip['subnet']}: interface '$interface' does not exist or is"
                . ' disabled, pfSense would leave the address out without a word', 'interface_ipalias_configure');
        }
    }
}

function pfrack_apply_virtual_ip(array $old, array $services): string
{
    $before = pfrack_vips($old);
    $after = pfrack_vips($GLOBALS['config']);
    $proxyarp = [];
    $output = '';
    $printed = '';
    foreach ($before as $key => $vip) {
        if (isset($after[$key]) && pfrack_vip_same($vip, $after[$key])) {
            continue;
        }
        pfrack_call('interface_vip_bring_down', [$vip], $printed);
        $output .= $printed;
        if (($vip['mode'] ?? '') === 'proxyarp') {
            $proxyarp[pfrack_text($vip['interface'] ?? '')] = true;
        }
    }
    $changed = [];
    foreach ($after as $key => $vip) {
        if (isset($before[$key]) && pfrack_vip_same($before[$key], $vip)) {
            continue;
        }
        if (($vip['mode'] ?? '') === 'proxyarp') {
            $proxyarp[pfrack_text($vip['interface'] ?? '')] = true;
            continue;
        }
        $changed[$key] = $vip;
    }
    // A CARP address first: IP aliases may be stacked on it.
    uasort($changed, static function (array $a, array $b): int {
        return strcmp($a['mode'] ?? '', $b['mode'] ?? '') === 0 ? 0 : (($a['mode'] ?? '') === 'carp' ? -1 : 1);
    });
    foreach ($changed as $vip) {
        $output .= pfrack_vip_configure($vip, $after);
    }
    foreach (array_keys($proxyarp) as $interface) {
        pfrack_call('interface_proxyarp_configure', [$interface], $printed);
        $output .= $printed;
    }
    pfrack_verify_virtual_ips($changed, $before, $after);
    return $output;
}

function pfrack_vip_configure(array $vip, array $all): string
{
    $printed = '';
    if ($vip['mode'] === 'ipalias') {
        pfrack_call('interface_ipalias_configure', [&$vip], $printed);
        return $printed;
    }
    if ($vip['mode'] !== 'carp') {
        return '';
    }
    pfrack_call('interface_carp_configure', [&$vip], $printed);
    $output = $printed;
    foreach ($all as $stacked) {
        if (($stacked['interface'] ?? '') === '_vip' . pfrack_text($vip['uniqid'] ?? '')) {
            pfrack_call('interface_vip_bring_down', [$stacked], $printed);
            pfrack_call('interface_ipalias_configure', [&$stacked], $printed);
            $output .= $printed;
        }
    }
    return $output;
}

/** pfSense's functions report nothing, so look at the devices. */
function pfrack_verify_virtual_ips(array $changed, array $before, array $after): void
{
    foreach ($changed as $vip) {
        if (!in_array($vip['mode'], ['ipalias', 'carp'], true)) {
            continue;
        }
        $up = pfrack_wait(static function () use ($vip): bool {
            return pfrack_vip_up($vip);
        }, 3.0);
        if (!$up) {
            pfrack_fail("the virtual IP {$vip['subnet']} is not on its interface '{$vip['interface']}'",
                $vip['mode'] === 'carp' ? 'interface_carp_configure' : 'interface_ipalias_configure');
        }
    }
    $kept = array_map(static function (array $vip): string {
        return pfrack_text($vip['subnet'] ?? '');
    }, $after);
    foreach ($before as $key => $vip) {
        $gone = !isset($after[$key]) && !in_array($vip['subnet'] ?? '', $kept, true);
        if ($gone && in_array($vip['mode'] ?? '', ['ipalias', 'carp'], true) && pfrack_vip_up($vip)) {
            pfrack_fail("the virtual IP {$vip['subnet']} is still on its interface", 'interface_vip_bring_down');
        }
    }
}

/** MASTER, BACKUP or INIT of a CARP address; empty for others. */
function pfrack_carp_status(array $vip): string
{
    if (($vip['mode'] ?? '') !== 'carp' || !function_exists('get_carp_interface_status')) {
        return '';
    }
    return pfrack_text(pfrack_call('get_carp_interface_status', ['_vip' . pfrack_text($vip['uniqid'] ?? '')]));
}

function pfrack_vip_up(array $vip): bool
{
    if (!in_array($vip['mode'] ?? '', ['ipalias', 'carp'], true)) {
        return true;
    }
    if (pfrack_carp_status($vip) === 'BACKUP') {
        return true;
    }
    $device = pfrack_call('get_real_interface', [pfrack_text($vip['interface'] ?? '')]);
    $address = pfrack_text($vip['subnet'] ?? '');
    if (!is_string($device) || $device === '') {
        return false;
    }
    $packed = @inet_pton($address);
    foreach (pfrack_addresses($device) as $there) {
        if ($packed !== false && @inet_pton($there) === $packed) {
            return true;
        }
    }
    return false;
}

/** @return string[] the addresses on a device now */
function pfrack_addresses(string $device): array
{
    $addresses = [];
    if (function_exists('net_get_interfaces')) {
        $interfaces = net_get_interfaces();
        foreach ($interfaces[$device]['unicast'] ?? [] as $entry) {
            if (isset($entry['address'])) {
                $addresses[] = explode('%', $entry['address'])[0];
            }
        }
        return $addresses;
    }
    [, $text] = pfrack_run(['ifconfig', $device]);
    preg_match_all('~\binet6? ([0-9a-fA-F.:]+)~', $text, $found);
    return $found[1];
}

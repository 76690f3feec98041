<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Facts about the router, from the configuration in memory and the processes that run.

function pfrack_op_info(array $params): array
{
    $info = pfrack_info(pfrack_snapshot()) + ['static_mappings' => (object)pfrack_static_mappings()];
    pfrack_check_encoding($info, 'info');
    return $info;
}

/** What every reader wants to know. What grows with the nodes is for `info` alone. */
function pfrack_info(string $revision): array
{
    $running = pfrack_running();
    $packages = pfrack_packages();
    $haproxy = '';
    foreach ($packages as $name => $version) {
        $haproxy = in_array($name, ['haproxy', 'haproxy-devel'], true) ? $version : $haproxy;
    }
    $installed = stream_resolve_include_path('haproxy/haproxy.inc') !== false
        || is_file('/usr/local/pkg/haproxy/haproxy.inc');
    $info = [
        'version' => pfrack_version(),
        'product' => pfrack_product(),
        'php_version' => PHP_VERSION,
        'config_version' => pfrack_text(pfrack_at(['version'])),
        'revision' => $revision,
        'dhcp_backend' => pfrack_is_kea() ? 'kea' : 'isc',
        'interfaces' => (object)pfrack_interfaces(),
        'packages' => (object)$packages,
        'dns' => [
            'forwarder' => ['enabled' => pfrack_enabled(['dnsmasq']), 'port' => pfrack_dns_port('dnsmasq')],
            'resolver' => ['enabled' => pfrack_enabled(['unbound']), 'port' => pfrack_dns_port('unbound')],
        ],
        'virtual_ips' => pfrack_virtual_ips(),
        'high_availability' => pfrack_pair_info(),
        'scopes' => (object)pfrack_scopes(),
        'haproxy' => [
            'installed' => $installed,
            'version' => $haproxy,
            'enabled' => pfrack_enabled(['installedpackages', 'haproxy']),
            'running' => $running['haproxy'],
        ],
        'services' => $running,
        'stopped' => pfrack_not_running($running),
        'webgui' => pfrack_webgui(),
        'static_web' => pfrack_web_state(),
        'domain' => pfrack_text(pfrack_at(['system', 'domain'])),
        'hostname' => pfrack_text(pfrack_at(['system', 'hostname'])),
        'gateways' => pfrack_has_gateway(),
        'features' => [
            'tftpd_enable_field' => pfrack_tftpd_field(),
            'custom_kea_config' => function_exists('array_merge_override_recursive'),
        ],
    ];
    pfrack_check_encoding($info, 'info');
    return $info;
}

/** @return array<string, bool> */
function pfrack_running(): array
{
    $names = [];
    exec('ps -axo comm= 2>/dev/null', $names);
    $names = array_map(static function (string $name): string {
        return basename(trim($name));
    }, $names);
    $running = [];
    foreach (['dhcpd' => 'dhcpd', 'kea-dhcp4' => 'kea-dhcp4', 'dnsmasq' => 'dnsmasq', 'unbound' => 'unbound',
        'tftpd' => 'in.tftpd', 'haproxy' => 'haproxy'] as $service => $process) {
        $running[$service] = in_array($process, $names, true);
    }
    return $running;
}

/** Daemons of DHCP, DNS and TFTP that are enabled and do not run. HAProxy does not run without frontends either. */
function pfrack_not_running(array $running): array
{
    $tftpd = ['installedpackages', 'tftpd', 'config', 0, pfrack_tftpd_field()];
    $wanted = [
        pfrack_is_kea() ? 'kea-dhcp4' : 'dhcpd' => pfrack_dhcp_expected(),
        'dnsmasq' => pfrack_enabled(['dnsmasq']),
        'unbound' => pfrack_enabled(['unbound']),
        'tftpd' => pfrack_text(pfrack_at($tftpd)) === 'on',
    ];
    return array_keys(array_diff_key(array_filter($wanted), array_filter($running)));
}

/** @return array<string, string> */
function pfrack_packages(): array
{
    $packages = [];
    foreach (pfrack_items(pfrack_at(['installedpackages', 'package'])) as $package) {
        $name = pfrack_text($package['name'] ?? '');
        // Some packages name themselves for the menu; the internal name is then the short one.
        $short = pfrack_text($package['internal_name'] ?? '');
        if ($name !== '' && $short !== '' && preg_match('~^[A-Za-z0-9_.+-]+$~D', $name) !== 1) {
            $name = $short;
        }
        if ($name !== '') {
            $packages[$name] = pfrack_text($package['version'] ?? '');
        }
    }
    return $packages;
}

function pfrack_interfaces(): array
{
    $interfaces = [];
    foreach ((array)pfrack_at(['interfaces']) as $id => $interface) {
        if (!is_array($interface)) {
            continue;
        }
        $address = pfrack_text($interface['ipaddr'] ?? '');
        $prefix = pfrack_text($interface['subnet'] ?? '');
        if ($address !== '' && filter_var($address, FILTER_VALIDATE_IP) === false) {
            $address = pfrack_text(pfrack_call('get_interface_ip', [$id]));
            $prefix = pfrack_text(pfrack_call('get_interface_subnet', [$id]));
        }
        $label = pfrack_text($interface['descr'] ?? '');
        $interfaces[$id] = [
            'descr' => $label !== '' ? $label : strtoupper((string)$id),
            'device' => pfrack_text($interface['if'] ?? ''),
            'address' => $address,
            'prefix' => $prefix === '' ? null : (int)$prefix,
            'enabled' => isset($interface['enable']),
        ];
    }
    return $interfaces;
}

function pfrack_dns_port(string $service): int
{
    $port = pfrack_text(pfrack_value_at(pfrack_at([$service]), ['port']));
    return $port === '' ? 53 : (int)$port;
}

function pfrack_virtual_ips(): array
{
    $list = [];
    foreach (pfrack_items(pfrack_at(['virtualip', 'vip'])) as $vip) {
        $list[] = [
            'address' => pfrack_text($vip['subnet'] ?? ''),
            'prefix' => (int)pfrack_text($vip['subnet_bits'] ?? '32'),
            'interface' => pfrack_text($vip['interface'] ?? ''),
            'mode' => pfrack_text($vip['mode'] ?? ''),
            'descr' => pfrack_text($vip['descr'] ?? ''),
            'uniqid' => pfrack_text($vip['uniqid'] ?? ''),
            'status' => pfrack_carp_status($vip),
        ];
    }
    return $list;
}

function pfrack_static_mappings(): array
{
    $mappings = [];
    foreach ((array)pfrack_at(['dhcpd']) as $id => $scope) {
        if (!is_array($scope)) {
            continue;
        }
        $mappings[$id] = [];
        foreach (pfrack_items($scope['staticmap'] ?? '') as $map) {
            $mappings[$id][] = [
                'mac_address' => strtolower(pfrack_text($map['mac'] ?? '')),
                'address' => pfrack_text($map['ipaddr'] ?? ''),
                'hostname' => pfrack_text($map['hostname'] ?? ''),
                'descr' => pfrack_text($map['descr'] ?? ''),
            ];
        }
    }
    return $mappings;
}

function pfrack_scopes(): array
{
    $scopes = [];
    foreach ((array)pfrack_at(['dhcpd']) as $id => $scope) {
        if (!is_array($scope)) {
            continue;
        }
        $pools = [];
        foreach (pfrack_items($scope['pool'] ?? '') as $pool) {
            $pools[] = pfrack_range($pool);
        }
        $scopes[$id] = ['enabled' => isset($scope['enable']), 'range' => pfrack_range($scope), 'pools' => $pools];
    }
    return $scopes;
}

function pfrack_range(array $scope): array
{
    $range = is_array($scope['range'] ?? null) ? $scope['range'] : [];
    return ['from' => pfrack_text($range['from'] ?? ''), 'to' => pfrack_text($range['to'] ?? '')];
}

function pfrack_webgui(): array
{
    $gui = pfrack_at(['system', 'webgui']);
    $gui = is_array($gui) ? $gui : [];
    $protocol = pfrack_text($gui['protocol'] ?? '') === 'http' ? 'http' : 'https';
    $port = pfrack_text($gui['port'] ?? '');
    return [
        'protocol' => $protocol,
        'port' => $port !== '' ? (int)$port : ($protocol === 'http' ? 80 : 443),
        'redirect' => $protocol === 'https' && !isset($gui['disablehttpredirect']),
    ];
}

/** Whether the system has an IPv4 gateway: without one a scope hands out no router. */
function pfrack_has_gateway(): bool
{
    foreach (pfrack_items(pfrack_at(['gateways', 'gateway_item'])) as $gateway) {
        if (!isset($gateway['disabled']) && pfrack_text($gateway['ipprotocol'] ?? 'inet') === 'inet') {
            return true;
        }
    }
    foreach ((array)pfrack_at(['interfaces']) as $interface) {
        $address = is_array($interface) ? pfrack_text($interface['ipaddr'] ?? '') : '';
        if ($address !== '' && isset($interface['enable']) && filter_var($address, FILTER_VALIDATE_IP) === false) {
            return true;
        }
    }
    return false;
}

/** Which element switches TFTP on differs between package versions; the form of the package tells. */
function pfrack_tftpd_field(): string
{
    $form = (string)@file_get_contents('/usr/local/pkg/tftpd.xml');
    return strpos($form, '<fieldname>tftpd_enable</fieldname>') !== false ? 'tftpd_enable' : 'enable';
}

function pfrack_is_kea(): bool
{
    if (function_exists('dhcp_is_backend')) {
        return (bool)pfrack_call('dhcp_is_backend', ['kea']);
    }
    return pfrack_text(pfrack_at(['dhcpbackend'])) === 'kea';
}

<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The DHCP server, either back-end. pfSense returns nothing useful here, and Kea is started in the background.

function pfrack_apply_dhcp_server(array $old, array $services): string
{
    $kea = pfrack_is_kea();
    $file = $kea ? '/var/run/kea/kea-dhcp4.kea-dhcp4.pid' : '/var/dhcpd/var/run/dhcpd.pid';
    $pid = pfrack_pid($file);
    $mark = pfrack_log_mark(['dhcpd.log', 'system.log']);
    $notices = pfrack_notices();
    $printed = '';
    // pfSense's GUI restarts the DNS service as well, even when it registers nothing; we do it only if it does.
    pfrack_call('services_dhcpd_configure', ['inet'], $printed);
    $output = $printed;
    pfrack_verify_dhcp($kea, $file, $pid, $mark, $printed);
    $complaint = pfrack_new_notices($notices, 'dhcp');
    if ($complaint !== '') {
        pfrack_fail('pfSense left a part of the DHCP configuration out', 'services_dhcpd_configure',
            trim($complaint . "\n" . pfrack_dhcp_words($kea) . "\n" . pfrack_log_tail($mark)));
    }
    if (!in_array('dns_forwarder', $services, true) && !in_array('dns_resolver', $services, true)) {
        $output .= pfrack_refresh_names();
    }
    pfrack_clear_dirty(['dhcpd', 'staticmaps']);
    return $output;
}

function pfrack_verify_dhcp(bool $kea, string $file, int $old_pid, array $mark, string $printed): void
{
    $daemon = $kea ? 'kea-dhcp4' : 'dhcpd';
    if (!pfrack_dhcp_expected()) {
        $gone = pfrack_wait(static function () use ($file): bool {
            return pfrack_pid($file) === 0;
        }, 3.0);
        if (!$gone) {
            pfrack_fail("no scope is enabled but $daemon still runs", 'services_dhcpd_configure', $printed);
        }
        return;
    }
    $up = pfrack_wait(static function () use ($file, $old_pid): bool {
        $pid = pfrack_pid($file);
        return $pid !== 0 && $pid !== $old_pid;
    }, 6.0);
    if (!$up) {
        pfrack_fail("$daemon did not start", 'services_dhcpd_configure',
            trim(pfrack_dhcp_words($kea) . "\n" . $printed . "\n" . pfrack_log_tail($mark)));
    }
}

/** What the daemon itself says about the generated file. */
function pfrack_dhcp_words(bool $kea): string
{
    [$code, $words] = $kea
        ? pfrack_run(['/usr/local/sbin/kea-dhcp4', '-t', '/usr/local/etc/kea/kea-dhcp4.conf'])
        : pfrack_run(['/usr/local/sbin/dhcpd', '-t', '-cf', '/var/dhcpd/etc/dhcpd.conf']);
    return $code === 0 ? '' : $words;
}

function pfrack_dhcp_expected(): bool
{
    foreach ((array)pfrack_at(['dhcpd']) as $id => $scope) {
        $address = pfrack_text(pfrack_at(['interfaces', $id, 'ipaddr']));
        if (is_array($scope) && isset($scope['enable']) && pfrack_enabled(['interfaces', (string)$id])
            && filter_var($address, FILTER_VALIDATE_IP, FILTER_FLAG_IPV4) !== false) {
            return true;
        }
    }
    return false;
}

/** The DNS service learns new static mappings, if it was told to register them. */
function pfrack_refresh_names(): string
{
    $printed = '';
    $dnsmasq = pfrack_at(['dnsmasq']);
    if (is_array($dnsmasq) && isset($dnsmasq['enable'], $dnsmasq['regdhcpstatic'])) {
        pfrack_call('system_hosts_generate', [], $printed);
        $pid = pfrack_pid('/var/run/dnsmasq.pid');
        if ($pid === 0) {
            return $printed . pfrack_restart_names('dnsmasq', 'services_dnsmasq_configure');
        }
        // dnsmasq reads the hosts file again on this signal, without an interruption.
        pfrack_run(['kill', '-HUP', (string)$pid]);
        return $printed;
    }
    $unbound = pfrack_at(['unbound']);
    $registers = is_array($unbound) && (isset($unbound['regdhcpstatic'])
        || (pfrack_is_kea() && (isset($unbound['regdhcp']) || pfrack_at(['kea', 'earlydnsreg']) !== null)));
    if (is_array($unbound) && isset($unbound['enable']) && $registers) {
        return pfrack_restart_names('unbound', 'services_unbound_configure');
    }
    return '';
}

function pfrack_restart_names(string $daemon, string $function): string
{
    $printed = '';
    $pid = pfrack_pid("/var/run/$daemon.pid");
    $mark = pfrack_log_mark(['resolver.log', 'system.log']);
    pfrack_call($function, [false], $printed);
    pfrack_verify_dns($daemon, $function, $pid, $mark, $printed);
    return $printed;
}

<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The two DNS services. Nothing below pfSense's GUI sees that both want one port, or that dnsmasq did not start.

function pfrack_test_dns_resolver(array $old): void
{
    pfrack_test_dns_conflict();
    if (!pfrack_enabled(['unbound']) || !function_exists('test_unbound_config')) {
        return;
    }
    $words = [];
    $section = pfrack_at(['unbound']);
    $printed = '';
    $code = pfrack_call('test_unbound_config', [$section, &$words], $printed);
    pfrack_remove_tree('/var/unbound/test');
    if ($code !== 0 && $code !== null) {
        $words = is_array($words) ? implode("\n", $words) : pfrack_text($words);
        throw new PfrackError('refused', 'unbound refuses the configuration', 'test_unbound_config',
            pfrack_plain($words . "\n" . $printed));
    }
}

function pfrack_test_dns_forwarder(array $old): void
{
    pfrack_test_dns_conflict();
    if (!pfrack_enabled(['dnsmasq'])) {
        return;
    }
    $options = pfrack_dnsmasq_options();
    $test = ['/usr/local/sbin/dnsmasq', '--test', '-C', '/dev/null'];
    [$code, $words] = pfrack_run(array_merge($test, $options));
    if ($code === 0) {
        return;
    }
    // It does not say which one it means.
    $bad = array_filter($options, static function (string $option) use ($test): bool {
        return pfrack_run(array_merge($test, [$option]))[0] !== 0;
    });
    $which = $bad === [] ? 'its options' : 'the options ' . implode(' ', array_slice($bad, 0, 10));
    throw new PfrackError('refused', "dnsmasq refuses $which", 'dnsmasq --test', $words);
}

function pfrack_test_dns_conflict(): void
{
    if (pfrack_enabled(['dnsmasq']) && pfrack_enabled(['unbound'])
        && pfrack_dns_port('dnsmasq') === pfrack_dns_port('unbound')) {
        throw new PfrackError('refused', 'the DNS forwarder and the DNS resolver are both enabled on port '
            . pfrack_dns_port('dnsmasq') . ': disable one of them, or let one replace the other', 'dns');
    }
}

/** The part of dnsmasq's command line that comes from the configuration. */
function pfrack_dnsmasq_options(): array
{
    $options = ['--port=' . pfrack_dns_port('dnsmasq')];
    foreach (pfrack_items(pfrack_at(['dnsmasq', 'domainoverrides'])) as $override) {
        $target = pfrack_text($override['ip'] ?? '');
        $options[] = '--server=/' . pfrack_text($override['domain'] ?? '') . '/' . ($target === '!' ? '' : $target);
    }
    $stored = pfrack_text(pfrack_at(['dnsmasq', 'custom_options']));
    $text = base64_decode($stored, true);
    if ($text === false) {
        throw new PfrackError('invalid', 'dnsmasq/custom_options is not base64');
    }
    foreach (preg_split('~\s+~', $text, -1, PREG_SPLIT_NO_EMPTY) ?: [] as $option) {
        $options[] = "--$option";
    }
    return $options;
}

function pfrack_apply_dns_resolver(array $old, array $services): string
{
    return pfrack_apply_dns('unbound', 'services_unbound_configure', $old, $services);
}

function pfrack_apply_dns_forwarder(array $old, array $services): string
{
    return pfrack_apply_dns('dnsmasq', 'services_dnsmasq_configure', $old, $services);
}

function pfrack_apply_dns(string $daemon, string $function, array $old, array $services): string
{
    // Whichever goes off goes first, or the other finds the port taken.
    $other = $daemon === 'unbound' ? 'dnsmasq' : 'unbound';
    $printed = '';
    $output = '';
    if ($daemon === 'unbound' && in_array('dns_forwarder', $services, true) && !pfrack_enabled([$other])
        && pfrack_pid("/var/run/$other.pid") !== 0) {
        pfrack_call("services_{$other}_configure", [false], $printed);
        pfrack_stopped($other);
        $output .= $printed;
    }
    $pid = pfrack_pid("/var/run/$daemon.pid");
    $mark = pfrack_log_mark(['resolver.log', 'system.log']);
    pfrack_call($function, [false], $printed);
    $output .= $printed;
    pfrack_verify_dns($daemon, $function, $pid, $mark, $printed);
    if (!in_array('dhcp_server', $services, true) && pfrack_dhcp_follows_dns($old)) {
        $output .= pfrack_apply_dhcp_server($old, $services);
    }
    // Without the argument it restarts the DHCP server in any case.
    pfrack_call('system_resolvconf_generate', [true], $printed);
    if ($daemon === 'dnsmasq' && function_exists('system_dhcpleases_configure')) {
        pfrack_call('system_dhcpleases_configure', [], $printed);
    }
    pfrack_clear_dirty([$daemon === 'dnsmasq' ? 'hosts' : 'unbound']);
    return $output;
}

function pfrack_stopped(string $daemon): bool
{
    return pfrack_wait(static function () use ($daemon): bool {
        return pfrack_pid("/var/run/$daemon.pid") === 0;
    }, 5.0);
}

function pfrack_verify_dns(string $daemon, string $function, int $old_pid, array $mark, string $printed): void
{
    if (!pfrack_enabled([$daemon])) {
        if (!pfrack_stopped($daemon)) {
            pfrack_fail("$daemon is disabled but still runs", $function, $printed);
        }
        return;
    }
    $started = pfrack_wait(static function () use ($daemon, $old_pid): bool {
        $pid = pfrack_pid("/var/run/$daemon.pid");
        return $pid !== 0 && $pid !== $old_pid;
    }, 6.0);
    $port = pfrack_dns_port($daemon);
    if (!$started) {
        pfrack_fail("$daemon did not start on port $port", $function,
            trim($printed . "\n" . pfrack_log_tail($mark) . "\n" . pfrack_listeners($port)));
    }
    $address = pfrack_dns_address($daemon);
    $answers = pfrack_wait(static function () use ($address, $port): bool {
        return pfrack_dns_answers($address, $port);
    }, 5.0);
    if (!$answers) {
        pfrack_fail("$daemon runs but does not answer on $address port $port", $function,
            trim($printed . "\n" . pfrack_log_tail($mark)));
    }
}

/** An address that the service surely listens on. */
function pfrack_dns_address(string $daemon): string
{
    $field = $daemon === 'dnsmasq' ? 'interface' : 'active_interface';
    $chosen = array_filter(explode(',', pfrack_text(pfrack_at([$daemon, $field]))));
    foreach ($chosen as $interface) {
        if (in_array($interface, ['all', 'lo0'], true)) {
            return '127.0.0.1';
        }
        $address = pfrack_call('get_interface_ip', [$interface]);
        if (is_string($address) && $address !== '') {
            return $address;
        }
    }
    return '127.0.0.1';
}

/** Any answer will do, a refusal too: it is the daemon that has to be there. */
function pfrack_dns_answers(string $address, int $port): bool
{
    $socket = @stream_socket_client("udp://$address:$port", $number, $text, 1.0);
    if ($socket === false) {
        return false;
    }
    stream_set_timeout($socket, 1);
    $id = random_bytes(2);
    @fwrite($socket, $id . "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01");
    $answer = (string)@fread($socket, 512);
    fclose($socket);
    return substr($answer, 0, 2) === $id;
}

/** Scopes without name servers of their own hand out the router while either DNS service is on. */
function pfrack_dhcp_follows_dns(array $old): bool
{
    $any = static function ($config): bool {
        foreach (['dnsmasq', 'unbound'] as $name) {
            $section = pfrack_value_at($config, [$name]);
            if (is_array($section) && isset($section['enable'])) {
                return true;
            }
        }
        return false;
    };
    $leases = static function ($config): bool {
        $section = pfrack_value_at($config, ['unbound']);
        return is_array($section) && isset($section['regdhcp']);
    };
    return $any($old) !== $any($GLOBALS['config'])
        || (pfrack_is_kea() && $leases($old) !== $leases($GLOBALS['config']));
}

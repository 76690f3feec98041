<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// pfSense's own history of config.xml: listed, and returned to with the services that this concerns.

const PFRACK_SECTION_SERVICES = ['virtualip' => 'virtual_ip', 'unbound' => 'dns_resolver', 'dnsmasq' => 'dns_forwarder',
    'dhcpd' => 'dhcp_server', 'dhcpbackend' => 'dhcp_server', 'kea' => 'dhcp_server',
    'installedpackages/tftpd' => 'tftp_server', 'installedpackages/haproxy' => 'haproxy', 'filter' => 'filter',
    'installedpackages/pfrack_static_web' => 'static_web', 'installedpackages/service' => 'static_web',
    'nat' => 'filter', 'aliases' => 'filter'];

function pfrack_op_revisions(array $params): array
{
    pfrack_snapshot();
    $known = pfrack_call('get_backups');
    $revisions = [];
    foreach (is_array($known) ? $known : [] as $key => $entry) {
        if ($key !== 'versions' && is_array($entry) && is_file(pfrack_revision_file($entry['time'] ?? ''))) {
            $revisions[] = ['revision' => (string)$entry['time'],
                'time' => date('Y-m-d H:i:s', (int)$entry['time']),
                'config_version' => pfrack_text($entry['version'] ?? ''),
                'description' => pfrack_utf8(pfrack_text($entry['description'] ?? ''))];
        }
    }
    $time = (int)pfrack_text(pfrack_at(['revision', 'time']));
    return ['current' => ['time' => date('Y-m-d H:i:s', $time), 'config_version' => pfrack_text(pfrack_at(['version'])),
        'description' => pfrack_utf8(pfrack_text(pfrack_at(['revision', 'description'])))], 'revisions' => $revisions];
}

/** @param mixed $revision the time in a backup's name */
function pfrack_revision_file($revision): string
{
    return dirname(PFRACK_CONFIG) . '/backup/config-' . (int)pfrack_text($revision) . '.xml';
}

/**
 * Make the configuration of that time the present one, under the lock. With $test nothing is changed.
 *
 * @param mixed $revision
 */
function pfrack_return_to($revision, bool $test): array
{
    global $config;
    $state = pfrack_checkpoint();
    if ($state !== null) {
        throw pfrack_checkpoint_held($state);
    }
    $file = pfrack_revision_file($revision);
    if (preg_match('~^\d{1,12}$~D', pfrack_text($revision)) !== 1 || !is_file($file)) {
        throw new PfrackError('missing', 'the router has no revision ' . json_encode($revision), 'revisions');
    }
    $hash = pfrack_snapshot();
    $now = $config;
    $then = pfrack_call('parse_xml_config', [$file, [g_get('xml_rootobj')]]);
    if (!is_array($then) || $then === []) {
        throw new PfrackError('invalid', "$file cannot be read", 'parse_xml_config');
    }
    if (pfrack_text($then['version'] ?? '') !== pfrack_text($now['version'] ?? '')) {
        throw new PfrackError('unsupported', 'that revision has format ' . pfrack_text($then['version'] ?? '')
            . ', the router now uses ' . pfrack_text($now['version'] ?? '') . ': restore it in the GUI and reboot');
    }
    $then = pfrack_with_packages($then, $now);
    $changes = [];
    pfrack_differences(pfrack_canonical($now), pfrack_canonical($then), [], $changes);
    [$sections, $services, $others] = pfrack_sections_of($changes);
    $result = ['rolled_back' => $changes !== [], 'restored' => $sections, 'applied' => $services,
        'not_applied' => $others, 'kept' => [], 'failed' => (object)[], 'files' => 0, 'revision' => $hash];
    if ($test || $changes === []) {
        return $result;
    }
    $config = $then;
    try {
        pfrack_test_services($services, $now);
        pfrack_check_space();
    } catch (Throwable $error) {
        $config = $now;
        throw $error;
    }
    $what = 'pfrack: returned to the revision of ' . date('Y-m-d H:i:s', (int)$revision);
    $applied = [];
    $output = '';
    $tried = $then;
    Pfrack::$recover = static function () use ($now, &$tried, $what, &$applied): string {
        return pfrack_put_back($now, $tried, $applied, true, $what);
    };
    try {
        if (pfrack_write($what, $now, $hash)) {
            $tried = $config;
        }
        pfrack_apply_services($services, $now, $applied, $output);
    } catch (Throwable $error) {
        Pfrack::$recover = null;
        throw pfrack_after_failure($error, $now, $tried, $applied, true, $what);
    }
    Pfrack::$recover = null;
    return ['revision' => pfrack_revision()] + $result;
}

/** What is installed stays installed, so the lists of it stay as they are; our web server is no package. */
function pfrack_with_packages(array $then, array $now): array
{
    $then['revision'] = $now['revision'] ?? '';
    $packages = is_array($then['installedpackages'] ?? null) ? $then['installedpackages'] : [];
    $web = array_filter(pfrack_items($packages['service'] ?? null), 'pfrack_is_web_service');
    foreach (['package', 'menu', 'service', 'plugin', 'tab'] as $list) {
        unset($packages[$list]);
        if (isset($now['installedpackages'][$list])) {
            $packages[$list] = $now['installedpackages'][$list];
        }
    }
    $services = pfrack_items($packages['service'] ?? null);
    if (!pfrack_same(array_values($web), array_values(array_filter($services, 'pfrack_is_web_service')))) {
        $others = array_filter($services, static fn (array $row): bool => !pfrack_is_web_service($row));
        $packages['service'] = array_merge($others, $web);
        if ($packages['service'] === []) {
            unset($packages['service']);
        }
    }
    $then['installedpackages'] = $packages === [] ? '' : $packages;
    return $then;
}

function pfrack_is_web_service(array $row): bool
{
    return ($row['name'] ?? '') === PFRACK_WEB_SECTION[1];
}

/** The sections that changes are in, the services that have to be applied, and sections that we cannot apply. */
function pfrack_sections_of(array $changes): array
{
    $sections = [];
    $services = [];
    $others = [];
    foreach ($changes as [$path]) {
        $section = $path[0] === 'installedpackages' ? implode('/', array_slice($path, 0, 2)) : (string)$path[0];
        $sections[$section] = true;
        if (isset(PFRACK_SECTION_SERVICES[$section])) {
            $services[] = PFRACK_SECTION_SERVICES[$section];
        } else {
            $others[$section] = true;
        }
    }
    return [array_keys($sections), pfrack_ordered(array_unique($services)), array_keys($others)];
}

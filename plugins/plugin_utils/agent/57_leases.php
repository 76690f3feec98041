<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// DHCP leases of either back-end, in words and times that depend on neither language nor time zone.

function pfrack_op_leases(array $params): array
{
    // Without "false" ISC leases without a name cost a reverse DNS look-up each.
    $found = pfrack_call('system_get_dhcpleases', [false]);
    $leases = [];
    foreach (pfrack_items(is_array($found) ? $found['lease'] ?? null : null) as $lease) {
        $leases[] = pfrack_lease($lease);
    }
    return ['leases' => $leases, 'now' => time(), 'backend' => pfrack_lease_backend()];
}

function pfrack_lease(array $lease): array
{
    $static = pfrack_text($lease['type'] ?? '') === pfrack_word('static');
    return [
        'address' => pfrack_utf8(pfrack_text($lease['ip'] ?? '')),
        'mac' => strtolower(pfrack_utf8(pfrack_text($lease['mac'] ?? ''))),
        'client_id' => pfrack_utf8(pfrack_text($lease['cid'] ?? '')),
        'hostname' => pfrack_utf8(pfrack_text($lease['hostname'] ?? '')),
        'descr' => pfrack_utf8(pfrack_text($lease['descr'] ?? '')),
        'interface' => pfrack_utf8(pfrack_text($lease['if'] ?? '')),
        'type' => $static ? 'static' : 'dynamic',
        'state' => pfrack_lease_state($lease, $static),
        'online' => pfrack_text($lease['online'] ?? '') === pfrack_word('active/online'),
        'starts' => pfrack_lease_time(pfrack_text($lease['starts'] ?? '')),
        'ends' => pfrack_lease_time(pfrack_text($lease['ends'] ?? '')),
    ];
}

/** active, expired, reserved or static; what pfSense does not name is expired. */
function pfrack_lease_state(array $lease, bool $static): string
{
    foreach (['active', 'expired', 'reserved', 'static'] as $state) {
        if (pfrack_text($lease['act'] ?? '') === pfrack_word($state)) {
            return $state;
        }
    }
    return $static ? 'static' : 'expired';
}

/** How pfSense says a word in the language of its GUI. */
function pfrack_word(string $english): string
{
    return function_exists('gettext') ? gettext($english) : $english;
}

function pfrack_lease_backend(): string
{
    return pfrack_text(pfrack_at(['dhcpbackend'])) === 'kea' ? 'kea' : 'isc';
}

/** Seconds since 1970, or null for a lease without end. ISC's file is in GMT unless told otherwise, Kea's is local. */
function pfrack_lease_time(string $text): ?int
{
    if (!preg_match('~^\d{4}/\d\d?/\d\d? [\d:]+$~D', $text)) {
        return null;
    }
    $local = pfrack_lease_backend() === 'kea';
    foreach (pfrack_items(pfrack_at(['dhcpd'])) as $scope) {
        $local = $local || pfrack_text($scope['dhcpleaseinlocaltime'] ?? '') === 'yes';
    }
    $time = strtotime(str_replace('/', '-', $text) . ($local ? '' : ' UTC'));
    return $time === false ? null : $time;
}

<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Loaded before every PHP script: stand-ins for the functions of pfSense's compiled extension.

foreach (['IFF_UP' => 1, 'IFF_PPROMISC' => 0x20000, 'IFF_LINK0' => 0x1000, 'IFF_LINK1' => 0x2000, 'IFF_LINK2' => 0x4000,
	'IFCAP_RXCSUM' => 1, 'IFCAP_TXCSUM' => 2, 'IFCAP_VLAN_MTU' => 8, 'IFCAP_VLAN_HWTAGGING' => 0x10,
	'IFCAP_POLLING' => 0x40, 'IFCAP_VLAN_HWCSUM' => 0x80, 'IFCAP_TSO' => 0x300, 'IFCAP_LRO' => 0x400,
	'IFCAP_VLAN_HWFILTER' => 0x10000, 'IFCAP_RXCSUM_IPV6' => 0x200000, 'IFCAP_TXCSUM_IPV6' => 0x400000,
	'IFBIF_STP' => 8, 'IFBIF_PRIVATE' => 0x400, 'IFBIF_SPAN' => 4, 'IFBIF_STICKY' => 0x20, 'IFBIF_BSTP_EDGE' => 0x40,
	'IFBIF_BSTP_AUTOEDGE' => 0x80, 'IFBIF_BSTP_PTP' => 0x100, 'IFBIF_BSTP_AUTOPTP' => 0x200] as $name => $value) {
	if (!defined($name)) {
		define($name, $value);
	}
}

/** FreeBSD's lo0 is Linux's lo. */
function lab_device($name) {
	return $name === 'lo0' ? 'lo' : $name;
}

function lab_ip($arguments) {
	exec("/usr/sbin/ip {$arguments} 2>/dev/null", $output, $code);
	return $code === 0 ? implode("\n", $output) : null;
}

/** Every device with its addresses, as `ip -j` gives them, by name. */
function lab_devices() {
	$devices = [];
	foreach (json_decode(lab_ip('-j addr') ?? '[]', true) as $device) {
		$name = $device['ifname'] === 'lo' ? 'lo0' : $device['ifname'];
		$devices[$name] = $device;
	}
	return $devices;
}

function pfSense_interface_listget($flags = 0) {
	$names = [];
	foreach (lab_devices() as $name => $device) {
		if ($flags === 0 || in_array('UP', $device['flags'], true)) {
			$names[] = $name;
		}
	}
	return $names;
}

function pfSense_get_ifaddrs($interface) {
	$device = lab_devices()[$interface] ?? null;
	if ($device === null) {
		return null;
	}
	$up = in_array('UP', $device['flags'], true);
	$result = [
		'interface' => $interface,
		'status' => $up ? 'up' : 'down',
		'flags' => $up ? 0x8843 : 0x8802,
		'caps' => [],
		'encaps' => [],
		'mtu' => $device['mtu'],
		'macaddr' => $device['address'] ?? '',
		'hwaddr' => $device['address'] ?? '',
		'iftype' => 'ether',
		'addrs' => [],
		'addrs6' => [],
	];
	foreach ($device['addr_info'] as $address) {
		$entry = ['addr' => $address['local'], 'subnetbits' => $address['prefixlen']];
		if ($address['family'] === 'inet') {
			$mask = $address['prefixlen'] === 0 ? 0 : (~0 << (32 - $address['prefixlen'])) & 0xffffffff;
			$entry['subnet'] = long2ip($mask);
			$entry['broadcast'] = $address['broadcast'] ?? long2ip(ip2long($address['local']) | (~$mask & 0xffffffff));
			$result['addrs'][] = $entry;
		} else {
			if ($address['scope'] === 'link') {
				$entry['linklocal'] = true;
			}
			$result['addrs6'][] = $entry;
		}
	}
	return $result;
}

function pfSense_get_interface_addresses($interface) {
	$found = pfSense_get_ifaddrs($interface);
	if ($found === null) {
		return null;
	}
	$first = $found['addrs'][0] ?? null;
	if ($first !== null) {
		$found['ipaddr'] = $first['addr'];
		$found['subnetbits'] = $first['subnetbits'];
		$found['subnet'] = $first['subnet'];
		$found['broadcast'] = $first['broadcast'];
	}
	return $found;
}

function pfSense_interface_setaddress($interface, $address) {
	$text = strpos($address, '/') === false ? "{$address}/32" : $address;
	return lab_ip('addr replace ' . escapeshellarg($text) . ' dev ' . escapeshellarg(lab_device($interface))) !== null;
}

function pfSense_interface_deladdress($interface, $address) {
	foreach (json_decode(lab_ip('-j addr show dev ' . escapeshellarg(lab_device($interface))) ?? '[]', true) as $device) {
		foreach ($device['addr_info'] as $entry) {
			if ($entry['local'] === $address) {
				lab_ip("addr del {$address}/{$entry['prefixlen']} dev " . escapeshellarg(lab_device($interface)));
			}
		}
	}
	return true;
}

function pfSense_interface_flags($interface, $flag) {
	if (abs($flag) === IFF_UP) {
		lab_ip('link set ' . escapeshellarg(lab_device($interface)) . ($flag > 0 ? ' up' : ' down'));
	}
	return true;
}

function pfSense_interface_mtu($interface, $mtu) {
	return lab_ip('link set ' . escapeshellarg(lab_device($interface)) . ' mtu ' . (int)$mtu) !== null;
}

function pfSense_interface_getmtu($interface) {
	return ['mtu' => lab_devices()[$interface]['mtu'] ?? 1500];
}

function pfSense_ip_to_mac($address) {
	$entries = json_decode(lab_ip('-j neigh show ' . escapeshellarg($address)) ?? '[]', true);
	return isset($entries[0]['lladdr']) ? ['macaddr' => $entries[0]['lladdr'], 'interface' => $entries[0]['dev']] : null;
}

function pfSense_get_interface_stats($interface) {
	return [];
}

// No pf, IPsec, netgraph, VLAN, bridge or captive portal in the lab: these do nothing.
foreach (['pfSense_interface_destroy', 'pfSense_interface_create2', 'pfSense_interface_rename', 'pfSense_kill_states',
	'pfSense_kill_srcstates', 'pfSense_interface_capabilities', 'pfSense_bridge_add_member', 'pfSense_vlan_create',
	'pfSense_pf_cp_get_eth_pipes', 'pfSense_pf_cp_flush', 'pfSense_pf_cp_zerocnt', 'pfSense_pf_cp_get_eth_rule_counters',
	'pfSense_pf_cp_get_eth_last_active', 'pfSense_pf_anchor_zerocnt', 'pfSense_ngctl_name', 'pfSense_ipsec_list_sa',
	'pfSense_get_pf_states', 'pfSense_get_pf_rules', 'pfSense_get_pf_stats', 'pfSense_get_os_hw_data',
	'pfSense_fsync', 'pfSense_sync'] as $name) {
	if (!function_exists($name)) {
		eval("function {$name}(...\$arguments) { return null; }");
	}
}

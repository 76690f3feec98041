<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Stand-in for the PEAR class of this name: what pfSense calls of it, over PHP's own inet_pton.

class Net_IPv6 {
	public static function checkIPv6($address) {
		$plain = explode('%', self::removeNetmaskSpec($address))[0];
		return filter_var($plain, FILTER_VALIDATE_IP, FILTER_FLAG_IPV6) !== false;
	}

	public static function removeNetmaskSpec($address) {
		return explode('/', (string)$address)[0];
	}

	public static function uncompress($address, $zeros = false) {
		$binary = @inet_pton(explode('%', self::removeNetmaskSpec($address))[0]);
		if ($binary === false || strlen($binary) !== 16) {
			return $address;
		}
		$groups = str_split(bin2hex($binary), 4);
		if (!$zeros) {
			$groups = array_map(fn($group) => ltrim(substr($group, 0, 3), '0') . $group[3], $groups);
		}
		return implode(':', $groups);
	}

	public static function compress($address) {
		$binary = @inet_pton((string)$address);
		return $binary === false ? $address : inet_ntop($binary);
	}

	public static function getNetmask($address, $bits = null) {
		[$plain, $length] = explode('/', "{$address}/{$bits}");
		return inet_ntop(self::mask(inet_pton($plain), (int)$length));
	}

	public static function isInNetmask($address, $network, $bits = null) {
		[$plain, $length] = explode('/', "{$network}/{$bits}");
		$one = @inet_pton(self::removeNetmaskSpec($address));
		$two = @inet_pton($plain);
		if ($one === false || $two === false || strlen($one) !== strlen($two)) {
			return false;
		}
		return self::mask($one, (int)$length) === self::mask($two, (int)$length);
	}

	/** 11 is PEAR's number for link-local, 1 for everything else that the lab can meet. */
	public static function getAddressType($address) {
		return stripos((string)$address, 'fe80:') === 0 ? 11 : 1;
	}

	private static function mask($binary, $bits) {
		foreach (str_split($binary) as $index => $byte) {
			$keep = max(0, min(8, $bits - 8 * $index));
			$binary[$index] = chr(ord($byte) & (0xff << (8 - $keep)) & 0xff);
		}
		return $binary;
	}
}

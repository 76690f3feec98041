<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The package's entry in the configuration, as its info.xml has it.

require_once('config.inc');
require_once('functions.inc');

$package = parse_xml_config($argv[1], 'pfsensepkgs')['package'];
$package = isset($package['name']) ? $package : reset($package);
$package['version'] = $argv[2];
config_set_path('installedpackages/package/', $package);
write_config('Installed RESTAPI package.');

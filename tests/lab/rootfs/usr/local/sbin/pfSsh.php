#!/usr/local/bin/php -f
<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// pfSense's developer shell: PHP lines on standard input, run by a line "exec"; or "playback NAME ARGUMENTS".

require_once('config.inc');
require_once('functions.inc');
require_once('util.inc');
require_once('pkg-utils.inc');
require_once('service-utils.inc');

const LAB_SESSIONS = '/usr/local/share/pfrack-lab/phpshellsessions';

/** Runs a recorded script; it sees its name and arguments as $args. */
function lab_playback($args) {
	$file = LAB_SESSIONS . '/' . basename($args[0] ?? '');
	if (!is_file($file)) {
		echo "Error: Could not locate playback file.\n";
		return 1;
	}
	$result = include $file;
	return $result === false ? 1 : 0;
}

function lab_shell() {
	$buffer = '';
	while (($line = fgets(STDIN)) !== false) {
		$word = rtrim(trim($line), ';');
		if ($word === 'exit' || $word === 'quit') {
			return 0;
		}
		if (strncmp($word, 'playback ', 9) === 0) {
			lab_playback(preg_split('/\s+/', substr($word, 9)));
			continue;
		}
		if ($word !== 'exec') {
			$buffer .= $line;
			continue;
		}
		try {
			(function ($code) {
				global $config, $g;
				eval($code);
			})($buffer);
		} catch (Throwable $error) {
			echo get_class($error) . ": {$error->getMessage()}\n";
		}
		$buffer = '';
	}
	return 0;
}

if (($argv[1] ?? '') === 'playback') {
	exit(lab_playback(array_slice($argv, 2)));
}
if ($argc < 2) {
	echo "\nStarting the pfSense developer shell....\n\nWelcome to the pfSense developer shell\n\n";
}
exit(lab_shell());

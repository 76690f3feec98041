<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Like `tree`, for some places below a root only: beside the boot files lie whole operating systems.

function pfrack_op_boot_files(array $params): array
{
    $root = pfrack_check_root($params['root'] ?? null);
    $paths = $params['paths'] ?? null;
    if (!is_array($paths)) {
        throw new PfrackError('invalid', "boot_files needs 'paths', a list");
    }
    $files = [];
    foreach ($paths as $path) {
        $path = pfrack_check_relative($path);
        $full = "$root/$path";
        if (is_link($full)) {
            continue;
        }
        if (is_dir($full)) {
            pfrack_walk($root, $path, $files);
        } elseif (is_file($full)) {
            $files[$path] = ['sha256' => hash_file('sha256', $full), 'size' => (int)filesize($full),
                'mode' => sprintf('%04o', fileperms($full) & 07777)];
        }
    }
    ksort($files, SORT_STRING);
    return ['files' => (object)$files];
}

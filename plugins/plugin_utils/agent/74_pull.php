<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A staged file fetched from the controller, for carriers that cannot bring it. What came is believed by its hash only.

function pfrack_op_pull(array $params): array
{
    $file = pfrack_arriving($params);
    $offset = $params['offset'] ?? 0;
    $url = pfrack_text($params['url'] ?? '');
    if (preg_match('~^http://[][0-9a-zA-Z.:-]+/[0-9a-f]+$~D', $url) !== 1 || is_link($file)) {
        throw new PfrackError('invalid', 'pull needs the address of a file on the controller');
    }
    $where = (string)parse_url($url, PHP_URL_HOST) . ':' . (string)parse_url($url, PHP_URL_PORT);
    $context = stream_context_create(['http' => ['timeout' => 20, 'follow_location' => 0, 'max_redirects' => 0]]);
    ini_set('default_socket_timeout', '10');
    $in = @fopen($url, 'rb', false, $context);
    if ($in === false) {
        throw new PfrackError('unreachable', "the router cannot fetch from the controller at $where: "
            . str_replace($url, $where, pfrack_last_error()), 'fopen');
    }
    $out = @fopen($file, 'c+b');
    if ($out === false || !is_int($offset) || $offset < 0 || $offset > fstat($out)['size'] || !ftruncate($out, $offset)) {
        throw new PfrackError('invalid', 'this piece does not fit behind what is here', 'fopen', pfrack_last_error());
    }
    // The watch is told where something grows.
    pfrack_pulse();
    fseek($out, $offset);
    $size = stream_copy_to_stream($in, $out);
    $written = fflush($out);
    fclose($in);
    $hash = hash_init('sha256');
    fseek($out, $offset);
    hash_update_stream($hash, $out);
    $good = hash_final($hash) === ($params['sha256'] ?? null);
    if (!$written || $size !== ($params['size'] ?? null) || !$good) {
        ftruncate($out, $offset);
        $full = (int)disk_free_space(dirname($file)) < 65536;
        $whole = $written && $size === ($params['size'] ?? null);
        throw new PfrackError($whole ? 'invalid' : ($full ? 'no_space' : 'unreachable'), $whole
            ? 'the file was damaged on its way, or changed meanwhile'
            : 'the file did not arrive whole: ' . (int)$size . ' bytes', 'stream_copy_to_stream');
    }
    fclose($out);
    touch(dirname($file));
    return ['size' => $offset + $size];
}

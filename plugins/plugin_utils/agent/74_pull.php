<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A staged file fetched from the controller, for carriers that cannot bring it. What came is believed by its hash only.

function pfrack_op_pull(array $params): array
{
    $file = pfrack_arriving($params);
    $offset = $params['offset'] ?? 0;
    $wanted = $params['size'] ?? null;
    $url = pfrack_text($params['url'] ?? '');
    if (preg_match('~^http://[][0-9a-zA-Z.:-]+/[0-9a-f]+$~D', $url) !== 1 || is_link($file) || !is_int($wanted)) {
        throw new PfrackError('invalid', 'pull needs the address of a file on the controller, and its size');
    }
    // A piece that its sender gave up may still be arriving.
    $out = @fopen($file, 'c+b');
    if ($out === false || !flock($out, LOCK_EX | LOCK_NB)) {
        throw $out === false ? new PfrackError('internal', 'a piece of a file could not be written', 'fopen',
            pfrack_last_error()) : pfrack_still_arriving();
    }
    if (!is_int($offset) || $offset < 0 || $offset > fstat($out)['size']) {
        throw new PfrackError('invalid', 'this piece does not fit: ' . fstat($out)['size'] . ' bytes have arrived');
    }
    $where = (string)parse_url($url, PHP_URL_HOST) . ':' . (string)parse_url($url, PHP_URL_PORT);
    $context = stream_context_create(['http' => ['timeout' => 20, 'follow_location' => 0, 'max_redirects' => 0]]);
    ini_set('default_socket_timeout', '10');
    $in = @fopen($url, 'rb', false, $context);
    if ($in === false) {
        throw new PfrackError('unreachable', "the router cannot fetch from the controller at $where: "
            . str_replace($url, $where, pfrack_last_error()), 'fopen');
    }
    // The watch is told where something grows.
    pfrack_pulse();
    ftruncate($out, $offset);
    fseek($out, $offset);
    $size = (int)stream_copy_to_stream($in, $out, $wanted);
    $whole = fflush($out) && $size === $wanted;
    fclose($in);
    $hash = hash_init('sha256');
    fseek($out, $offset);
    hash_update_stream($hash, $out, $size);
    if (!$whole || hash_final($hash) !== ($params['sha256'] ?? null)) {
        // Never to make it longer.
        if (fstat($out)['size'] > $offset) {
            ftruncate($out, $offset);
        }
        $full = (int)disk_free_space(dirname($file)) < 65536;
        throw new PfrackError($whole ? 'invalid' : ($full ? 'no_space' : 'unreachable'), $whole
            ? 'the file was damaged on its way, or changed meanwhile'
            : "the file did not arrive whole: $size bytes", 'stream_copy_to_stream');
    }
    fclose($out);
    touch(dirname($file));
    return ['size' => $offset + $size];
}

/** How much of a file is here, once nobody writes there any more. */
function pfrack_arrived(string $file): int
{
    $handle = is_link($file) ? false : @fopen($file, 'rb');
    // As long as a pull waits for a controller that says nothing.
    $deadline = microtime(true) + 25;
    while ($handle !== false && !flock($handle, LOCK_SH | LOCK_NB)) {
        if (microtime(true) > $deadline) {
            throw pfrack_still_arriving();
        }
        usleep(100000);
    }
    return $handle === false ? 0 : (int)fstat($handle)['size'];
}

function pfrack_still_arriving(): PfrackError
{
    return new PfrackError('busy', 'a piece of this file, of an earlier request, is still arriving on the router: '
        . 'run it again when that has ended', 'flock');
}

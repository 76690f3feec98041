<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Requests that arrive in a command line would stand in the process list, so they come sealed for this run's key.

/** The command line of a staged agent: it reads `KEY:REQUEST` from its input; `work DIR` is the background. */
function pfrack_main(array $arguments): void
{
    if (($arguments[1] ?? '') === 'work') {
        pfrack_work($arguments[2]);
        return;
    }
    [$packed, $data] = pfrack_unseal(dirname($arguments[0]), trim((string)stream_get_contents(STDIN)));
    echo pfrack_once($packed, '', $data) . "\n";
}

/**
 * KEY is the run's secret, encrypted with RSA-OAEP for RUN/private; it comes with the first request only.
 * REQUEST is a nonce, AES-256-GCM of (length, request, data), and its tag. Both are base64.
 *
 * @return array{string, string} what pfrack_once takes, empty when it was damaged
 */
function pfrack_unseal(string $run, string $text): array
{
    [$key, $sealed] = explode(':', $text) + ['', ''];
    if ($key !== '') {
        $secret = '';
        $private = (string)@file_get_contents("$run/private");
        openssl_private_decrypt((string)base64_decode($key, true), $secret, $private, OPENSSL_PKCS1_OAEP_PADDING);
        $before = umask(0077);
        file_put_contents("$run/secret", $secret);
        umask($before);
    }
    $sealed = (string)base64_decode($sealed, true);
    $secret = (string)@file_get_contents("$run/secret");
    if (strlen($secret) !== 32 || strlen($sealed) < 32) {
        return ['', ''];
    }
    $plain = openssl_decrypt(substr($sealed, 12, -16), 'aes-256-gcm', $secret, OPENSSL_RAW_DATA, substr($sealed, 0, 12),
        substr($sealed, -16));
    if ($plain === false || strlen($plain) < 4) {
        return ['', ''];
    }
    $size = unpack('N', $plain)[1];
    return [base64_encode(substr($plain, 4, $size)), base64_encode((string)substr($plain, 4 + $size))];
}

<?php
// Copyright: (c) 2026, pfrack.cluster contributors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The session carrier: one JSON request per line in, framed answers out, until `bye` or the end of the input.

/**
 * @param resource $in
 * @param resource $out
 */
function pfrack_serve($in, $out): void
{
    $settings = json_decode((string)fgets($in), true);
    $marker = is_array($settings) ? pfrack_text($settings['marker'] ?? '') : '';
    if (preg_match('~^[0-9a-zA-Z]{16,64}$~D', $marker) !== 1) {
        fwrite($out, "pfrack: the session needs a marker\n");
        return;
    }
    Pfrack::$session = true;
    Pfrack::$emit = static function (array $answer) use ($out, $marker): void {
        pfrack_send($out, $marker, $answer);
    };
    while (($line = fgets($in)) !== false) {
        $request = json_decode($line, true, 512, JSON_BIGINT_AS_STRING);
        if (!is_array($request)) {
            $answer = ['id' => null, 'ok' => false, 'error' => ['kind' => 'invalid',
                'message' => 'the request is no JSON object: ' . json_last_error_msg(), 'function' => 'json_decode',
                'detail' => '']];
        } else {
            $answer = pfrack_handle($request);
        }
        pfrack_send($out, $marker, $answer);
        if (is_array($request) && ($request['op'] ?? '') === 'bye') {
            break;
        }
    }
    pfrack_clean_up();
}

/** @param resource $out */
function pfrack_send($out, string $marker, array $answer): void
{
    $text = pfrack_encode($answer);
    $frame = "\n$marker " . strlen($text) . "\n$text\n";
    while ($frame !== '') {
        $sent = @fwrite($out, $frame);
        if ($sent === false || $sent === 0) {
            return;
        }
        $frame = (string)substr($frame, $sent);
    }
    fflush($out);
}
